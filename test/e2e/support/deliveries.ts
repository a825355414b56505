/** Deliveries as their providers send them, signed with a Repository's own secret. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { sign } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import type { Stage } from "./stage.ts";

export const ZERO = "0".repeat(40);

/** One ref update; null where the ref is not there. */
export interface Update {
  ref: string;
  old: string | null;
  new: string | null;
}

export interface DeliveryAnswer {
  status: number;
  body: { delivery?: string; result?: string; reason?: string; message?: string };
}

const recorded = JSON.parse(
  readFileSync(createRequire(import.meta.url).resolve("@octokit/webhooks-examples/api.github.com/index.json"), "utf8"),
) as { name: string; examples: Record<string, unknown>[] }[];
const [recordedPush] = recorded.find(({ name }) => name === "push")?.examples ?? [];

/** Sends to one Repository, with a secret of its own beside those that there are. */
export class Sender {
  readonly secret: string;
  readonly #stage: Stage;
  readonly #namespace: string;
  readonly #name: string;

  private constructor(stage: Stage, namespace: string, name: string, secret: string) {
    this.#stage = stage;
    this.#namespace = namespace;
    this.#name = name;
    this.secret = secret;
  }

  static async of(stage: Stage, namespace: string, name = "catalog"): Promise<Sender> {
    const path = `/apis/gitstore.dev/v1beta1/namespaces/${namespace}/repositories/${name}/rotate-secret`;
    const { secret } = await stage.must<{ secret: string }>(path, { method: "POST", body: { additional: true } });
    return new Sender(stage, namespace, name, secret);
  }

  /** GitHub's recorded push, of this ref update in this repository. */
  async github(update: Update, id: string = randomUUID()): Promise<DeliveryAnswer> {
    const full_name = `${this.#namespace}/${this.#name}`;
    const body = JSON.stringify({
      ...recordedPush,
      ref: update.ref,
      before: update.old ?? ZERO,
      after: update.new ?? ZERO,
      repository: { id: 4711, full_name, clone_url: this.#stage.git.url(`${this.#namespace}-${this.#name}`) },
    });
    return this.#post(body, {
      "x-github-event": "push",
      "x-github-delivery": id,
      "x-hub-signature-256": await sign(this.secret, body),
    });
  }

  /** What the post-receive hook sends. */
  async hook(updates: Update[], id: string = randomUUID()): Promise<DeliveryAnswer> {
    const body = JSON.stringify({
      repository: `${this.#namespace}/${this.#name}`,
      actor: "ada",
      updates: updates.map(({ ref, old, new: after }) => ({ ref, old: old ?? ZERO, new: after ?? ZERO })),
    });
    const at = new Date();
    return this.#post(body, {
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": new Webhook(this.secret).sign(id, at, body),
    });
  }

  async #post(body: string, headers: Record<string, string>): Promise<DeliveryAnswer> {
    const path = `/webhooks/${this.#namespace}/${this.#name}`;
    return this.#stage.call<DeliveryAnswer["body"]>(path, { method: "POST", token: null, body, headers });
  }
}

/** Reads until what is read is as wanted; the test's own time-out is the limit. */
export async function waitFor<T>(read: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (isWanted(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
