/** The Durable Object of one Repository: wires storage, alarm, network and RPC to the engine. */
import { DurableObject } from "cloudflare:workers";
import { admit } from "../admission/admit.ts";
import { type Env, ledgerOf, requireConfig } from "../config.ts";
import { log } from "../telemetry/log.ts";
import type { Delivery, DeliveryAnswer, RepositoryApi } from "./api.ts";
import { type Rate, TokenBucket } from "./engine/bucket.ts";
import type { EngineDeps } from "./engine/deps.ts";
import { RepositoryEngine } from "./engine/engine.ts";
import { admissionReader } from "./engine/read.ts";
import { Inbox } from "./inbox.ts";
import { readCredentials } from "./remote/credentials.ts";
import { type GitRemote, httpRemote } from "./remote/remote.ts";
import { sealer } from "./sealing.ts";
import type { Settings } from "./settings.ts";
import { type Faults, noFaults, type Storage } from "./storage.ts";

/** Of one request to the remote, until its last byte. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Of a pack's objects, unpacked: an object shares 128 MB with others of its class. */
const MAX_INFLATED_BYTES = 64 * 1_048_576;

export class RepositoryObject extends DurableObject<Env> implements RepositoryApi {
  readonly #engine: RepositoryEngine;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#engine = new RepositoryEngine(this.#dependencies());
  }

  protected now(): number {
    return Date.now();
  }

  /** Tests lower it. */
  protected rate(): Rate {
    const { WEBHOOK_BURST, WEBHOOKS_PER_MINUTE } = requireConfig(this.env);
    return { burst: WEBHOOK_BURST, perMinute: WEBHOOKS_PER_MINUTE };
  }

  protected faults(): Faults {
    return noFaults;
  }

  protected fetchRemote(url: string, init: RequestInit): Promise<Response> {
    return fetch(url, init);
  }

  override async alarm(): Promise<void> {
    await this.#engine.wake();
  }

  reconcile(repository: { namespace: string; name: string; uid: string }) {
    return this.#engine.reconcile(repository);
  }

  async deliver(delivery: Delivery): Promise<DeliveryAnswer> {
    const answer = await this.#engine.deliver(delivery);
    const { provider } = this.#engine;
    return provider === undefined ? answer : { ...answer, provider };
  }

  preReceive(delivery: Delivery & { encoding?: string }) {
    return this.#engine.preReceive(delivery);
  }

  issueSecret(request: { secret?: string; overlapMs?: number; additional?: boolean }) {
    return this.#engine.issueSecret(request);
  }

  sync(request: { allowMassDelete?: boolean }) {
    return this.#engine.sync(request);
  }

  syncState(id: string) {
    return this.#engine.syncState(id);
  }

  info() {
    return this.#engine.info();
  }

  async remove() {
    const answer = await this.#engine.remove();
    // An object with nothing stored ceases to exist, and is no longer paid for.
    await this.ctx.storage.deleteAll();
    return answer;
  }

  #dependencies(): EngineDeps {
    const { ctx, env } = this;
    const clock = () => this.now();
    return {
      inbox: new Inbox(ctx.storage as unknown as Storage),
      ledgerOf: (namespace) => ledgerOf(env, namespace),
      remoteFor: (settings) => this.#remoteFor(settings),
      readFor: (settings) => admissionReader(admit, settings.namespace, clock),
      sealer: sealer(env.SEALING_KEY, randomBytes),
      alarm: {
        get: () => ctx.storage.getAlarm(),
        set: (at) => ctx.storage.setAlarm(at),
        clear: () => ctx.storage.deleteAlarm(),
      },
      deliveries: new TokenBucket(() => this.rate(), clock),
      clock,
      random: { bytes: randomBytes, fraction: () => Math.random() },
      faults: this.faults(),
      log: (message, fields) => log("warn", message, fields),
    };
  }

  #remoteFor(settings: Settings): GitRemote {
    const { ALLOW_PRIVATE_GIT, GIT_FETCH_MAX_BYTES, GIT_FETCH_MAX_OBJECTS } = requireConfig(this.env);
    const { credentialsRef, namespace, url } = settings;
    return httpRemote({
      url,
      rules: { allowPrivate: ALLOW_PRIVATE_GIT },
      credentials: credentialsRef === undefined ? null : readCredentials(this.env, credentialsRef, namespace),
      fetch: (input, init) => this.fetchRemote(input, init),
      timeoutMs: REQUEST_TIMEOUT_MS,
      limits: {
        maxBytes: GIT_FETCH_MAX_BYTES,
        maxObjects: GIT_FETCH_MAX_OBJECTS,
        maxInflatedBytes: MAX_INFLATED_BYTES,
      },
    });
  }
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}
