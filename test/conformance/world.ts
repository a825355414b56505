import { randomBytes } from "node:crypto";
import { Api, collectionPath } from "./client/api.ts";
import type { KubeObject } from "./client/types.ts";
import { type OpenOptions, Watch } from "./client/watch.ts";
import { type Context, type Meta, type MintRequest, Skipped } from "./types.ts";
import { ChannelWriter } from "./writers/channels.ts";
import type { BatchWriter, Writer } from "./writers/writer.ts";

export interface Target {
  server: string;
  /** May make and remove namespaces, and write in them. */
  token: string;
  /** Tokens of other roles, signed so that the server takes them. */
  mint?: (request: MintRequest) => Promise<string>;
  /** Makes several changes one transaction. */
  batch?: (api: Api, namespace: string) => Promise<BatchWriter>;
  writer?: (api: Api) => Writer;
  /** The server keeps a tail of a few events only. */
  shortTail?: boolean;
}

const NAMESPACES = "/apis/gitstore.dev/v1beta1/namespaces";
/** Removal is housekeeping: a server that hangs here must not hang the report. */
const REMOVAL_MS = 15_000;

/** What one case opens and makes, and its end. */
export class World implements Context {
  readonly api: Api;
  readonly writer: Writer;
  readonly #target: Target;
  readonly #signal: AbortSignal;
  readonly #namespaces = new Set<string>();
  readonly #watches: Watch[] = [];

  constructor(target: Target, signal: AbortSignal) {
    this.#target = target;
    this.#signal = signal;
    this.api = new Api(target.server, target.token, signal);
    this.writer = target.writer?.(this.api) ?? new ChannelWriter(this.api);
  }

  unusedName(): string {
    const name = `conformance-${randomBytes(6).toString("hex")}`;
    this.#namespaces.add(name);
    return name;
  }

  async namespace(): Promise<string> {
    const name = this.unusedName();
    const body = { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name }, spec: {} };
    await this.api.must(NAMESPACES, { body });
    return name;
  }

  make(namespace: string, name: string, meta?: Meta): Promise<KubeObject> {
    return this.writer.create(namespace, name, meta);
  }

  path(namespace: string, name?: string): string {
    return `${collectionPath(this.writer.kind, namespace)}${name === undefined ? "" : `/${name}`}`;
  }

  async open(namespace: string, options: OpenOptions = {}): Promise<Watch> {
    const { api, writer } = this;
    const watch = new Watch({ api, namespace, kind: writer.kind, signal: this.#signal }, options);
    this.#watches.push(watch);
    await watch.opened;
    return watch;
  }

  async batch(namespace: string): Promise<BatchWriter> {
    if (!this.#target.batch) throw new Skipped("no writer of several changes at once: give --git");
    return await this.#target.batch(this.api, namespace);
  }

  async mint(request: MintRequest): Promise<string> {
    if (!this.#target.mint) throw new Skipped("no tokens of other roles: give --mint");
    return await this.#target.mint(request);
  }

  async head(namespace: string): Promise<number> {
    const list = await this.api.list(this.path(namespace), { limit: 1 });
    return Number(list.metadata.resourceVersion);
  }

  skip(reason: string): never {
    throw new Skipped(reason);
  }

  /** What the case's watches saw that breaks a promise. */
  violations(): string[] {
    return this.#watches.flatMap((watch) =>
      watch.violations.map((violation) => `a watch over ${watch.transport}: ${violation}`),
    );
  }

  async end(): Promise<void> {
    for (const watch of this.#watches) watch.cut();
    const api = new Api(this.#target.server, this.#target.token, AbortSignal.timeout(REMOVAL_MS));
    for (const name of this.#namespaces) {
      await api.request(`${NAMESPACES}/${name}?force=true`, { method: "DELETE" }).catch(() => undefined);
    }
  }
}
