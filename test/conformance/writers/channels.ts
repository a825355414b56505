import type { Api } from "../client/api.ts";
import { collectionPath } from "../client/api.ts";
import type { KindPath, KubeObject } from "../client/types.ts";
import type { Meta } from "../types.ts";
import type { Writer } from "./writer.ts";

const JSON_PATCH = { "content-type": "application/json-patch+json" };

/** Channels: a kind that the API owns and whose spec is empty, so that labels and annotations are all there is to it. */
export class ChannelWriter implements Writer {
  readonly kind: KindPath = { group: "release.gitstore.dev", version: "v1beta1", plural: "channels", kind: "Channel" };
  readonly other: KindPath = { group: "gitstore.dev", version: "v1beta1", plural: "repositories", kind: "Repository" };
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  object(name: string, meta: Meta = {}): Record<string, unknown> {
    const { group, version, kind } = this.kind;
    return { apiVersion: `${group}/${version}`, kind, metadata: { name, ...meta }, spec: {} };
  }

  create(namespace: string, name: string, meta?: Meta): Promise<KubeObject> {
    return this.#api.must(collectionPath(this.kind, namespace), { body: this.object(name, meta) });
  }

  update(namespace: string, name: string, meta: Meta): Promise<KubeObject> {
    // `add` of a whole member replaces it, and needs no resourceVersion.
    const patch = Object.entries(meta).map(([key, value]) => ({ op: "add", path: `/metadata/${key}`, value }));
    return this.#api.must(`${collectionPath(this.kind, namespace)}/${name}`, {
      method: "PATCH",
      headers: JSON_PATCH,
      body: JSON.stringify(patch),
    });
  }

  async remove(namespace: string, name: string): Promise<void> {
    await this.#api.must(`${collectionPath(this.kind, namespace)}/${name}`, { method: "DELETE" });
  }

  createOther(namespace: string, name: string): Promise<KubeObject> {
    const { group, version, kind } = this.other;
    return this.#api.must(collectionPath(this.other, namespace), {
      body: {
        apiVersion: `${group}/${version}`,
        kind,
        metadata: { name },
        // Never looked at: it does not poll, and nobody sends hooks for it.
        spec: { url: `https://git.invalid/${name}.git`, provider: "git", poll: "off" },
      },
    });
  }
}
