/** One Repository with everything real but the platform: a Git server, the engine, a ledger. */

import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { admit } from "../../../../src/admission/admit.ts";
import type { DeliveryAnswer } from "../../../../src/git/api.ts";
import { type Rate, TokenBucket } from "../../../../src/git/engine/bucket.ts";
import { RepositoryEngine } from "../../../../src/git/engine/engine.ts";
import { admissionReader } from "../../../../src/git/engine/read.ts";
import { Inbox } from "../../../../src/git/inbox.ts";
import { readCredentials } from "../../../../src/git/remote/credentials.ts";
import { type GitRemote, httpRemote } from "../../../../src/git/remote/remote.ts";
import { sealer } from "../../../../src/git/sealing.ts";
import type { Settings } from "../../../../src/git/settings.ts";
import type { FaultPoint } from "../../../../src/git/storage.ts";
import type { JsonObject } from "../../../../src/resource/types.ts";
import { GitServer, type GitServerOptions, type Repository } from "../../../e2e/support/gitServer.ts";
import { LocalLedger, NAMESPACE } from "./ledger.ts";
import { memoryStorage } from "./storage.ts";

export const ZERO = "0".repeat(40);
export const LIMITS = { maxBytes: 32 * 1_048_576, maxObjects: 200_000, maxInflatedBytes: 96 * 1_048_576 };
const SEALING_KEY = "c2VhbGluZy1rZXktc2VhbGluZy1rZXktc2VhbGluZy0";

/** A crash: nothing after this point runs in this life of the object. */
export class Crash extends Error {}

export class World {
  now = Date.parse("2026-11-21T09:00:00Z");
  /** When the alarm is due. */
  alarmAt: number | null = null;
  crashAt: { point: FaultPoint; times: number } | undefined;
  readonly name = "catalog";
  readonly logs: string[] = [];
  readonly env: Record<string, unknown> = {};
  limits = { ...LIMITS };
  /** Stands between the engine and the remote. */
  wrapRemote: (remote: GitRemote) => GitRemote = (remote) => remote;
  readonly storage = memoryStorage();
  readonly ledger = new LocalLedger(() => this.now);
  readonly inbox = new Inbox(this.storage);
  engine: RepositoryEngine;
  readonly server: GitServer;
  readonly git: Repository;
  readonly #dir: string;
  /** How many deliveries are taken. */
  rate: Rate = { burst: 1_000, perMinute: 120 };
  #spec: JsonObject = {};
  #deliveries = 0;

  private constructor(dir: string, server: GitServer, git: Repository) {
    this.#dir = dir;
    this.server = server;
    this.git = git;
    this.engine = this.restart();
  }

  static async start(options: Partial<GitServerOptions> = {}): Promise<World> {
    const dir = mkdtempSync(join(tmpdir(), "git-world-"));
    const server = await GitServer.start({ root: dir, ...options });
    return new World(dir, server, await server.create("catalog"));
  }

  async stop(): Promise<void> {
    await this.server.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** A new life of the object over the same storage. */
  restart(): RepositoryEngine {
    let random = 0;
    this.engine = new RepositoryEngine({
      inbox: this.inbox,
      ledgerOf: () => this.ledger.api,
      remoteFor: (settings) => this.wrapRemote(this.remote(settings)),
      readFor: () => admissionReader(admit, NAMESPACE, () => this.now),
      sealer: sealer(SEALING_KEY, (count) => crypto.getRandomValues(new Uint8Array(count))),
      alarm: {
        get: async () => this.alarmAt,
        set: async (at) => {
          this.alarmAt = at;
        },
        clear: async () => {
          this.alarmAt = null;
        },
      },
      deliveries: new TokenBucket(
        () => this.rate,
        () => this.now,
      ),
      clock: () => this.now,
      random: {
        bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
        fraction: () => (++random % 2 === 0 ? 0.25 : 0.75),
      },
      faults: {
        hit: (point) => {
          if (this.crashAt?.point === point && --this.crashAt.times === 0) throw new Crash(point);
        },
      },
      log: (message) => this.logs.push(message),
    });
    return this.engine;
  }

  remote(settings?: Settings): GitRemote {
    const ref = settings?.credentialsRef;
    return httpRemote({
      url: settings?.url ?? this.server.url("catalog"),
      rules: { allowPrivate: true },
      credentials: ref === undefined ? null : readCredentials(this.env, ref, NAMESPACE),
      fetch: (url, init) => fetch(url, init),
      timeoutMs: 20_000,
      limits: this.limits,
    });
  }

  /** Creates the Repository, or changes its spec. */
  async register(spec: JsonObject = {}): Promise<void> {
    this.#spec = { url: this.server.url("catalog"), provider: "github", ...this.#spec, ...spec };
    const uid = this.ledger.register(this.name, this.#spec);
    const answer = await this.engine.reconcile({ namespace: NAMESPACE, name: this.name, uid });
    if (!answer.ok) throw new Error(answer.message);
  }

  /** The alarm fires, at the time it is due. */
  async wake(): Promise<void> {
    if (this.alarmAt === null) throw new Error("no alarm is armed");
    this.now = Math.max(this.now, this.alarmAt);
    this.alarmAt = null;
    await this.engine.wake();
  }

  async registerAndLook(spec: JsonObject = {}): Promise<void> {
    await this.register(spec);
    await this.wake();
  }

  /** A signed GitHub push delivery. */
  async push(
    secret: string,
    update: { ref: string; before: string; after: string },
    options: { id?: string; repository?: JsonObject; traceparent?: string; event?: string; payload?: JsonObject } = {},
  ): Promise<DeliveryAnswer> {
    const repository = {
      id: 42,
      full_name: "acme/catalog",
      clone_url: this.server.url("catalog"),
      ...options.repository,
    };
    const payload = {
      ...update,
      repository,
      pusher: { name: "alice", email: "alice@example.com" },
      sender: { id: 7, login: "alice" },
      ...options.payload,
    };
    const body = new TextEncoder().encode(JSON.stringify(payload));
    const headers = {
      "x-github-event": options.event ?? "push",
      "x-github-delivery": options.id ?? `delivery-${++this.#deliveries}`,
      "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
      "content-type": "application/json",
    };
    const trace = options.traceparent === undefined ? {} : { traceparent: options.traceparent };
    return this.engine.deliver({ headers, body, ...trace });
  }

  async secret(): Promise<string> {
    const answer = await this.engine.issueSecret({});
    if (!answer.ok) throw new Error(answer.message);
    return answer.value.secret;
  }
}

export function product(name: string, title = `Product ${name}`, more = ""): string {
  return `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata:\n  name: ${name}\nspec:\n  title: ${title}\n${more}---\n# ${title}\n`;
}

export function file(path: string, text: string | null) {
  return { path, text };
}
