/** The repository object's behaviour behind its RPC and its alarm. Implements `RepositoryApi`. */
import type { Answer, Delivery, DeliveryAnswer, RepositoryApi, RepositoryInfo, SyncState } from "../api.ts";
import type { Gathering } from "../hooks/preReceive.ts";
import { readSettings } from "../settings.ts";
import { deliver } from "./deliver.ts";
import type { EngineDeps } from "./deps.ts";
import { preReceive } from "./preReceive.ts";
import { issueSecret } from "./secrets.ts";
import { wake } from "./wake.ts";

const NOT_REGISTERED = { ok: false, status: 404, message: "no such repository: is it registered?" } as const;
const DELIVERIES_SHOWN = 50;

export class RepositoryEngine implements RepositoryApi {
  readonly #deps: EngineDeps;
  #waking: Promise<void> | undefined;
  /** Pushes whose parts are still coming in; a hook whose parts were forgotten sends them again. */
  readonly #gathering = new Map<string, Gathering>();

  constructor(deps: EngineDeps) {
    this.#deps = deps;
  }

  /** The alarm. Never throws and always arms the next one; a second call while one runs waits for that one. */
  wake(): Promise<void> {
    this.#waking ??= wake(this.#deps).finally(() => {
      this.#waking = undefined;
    });
    return this.#waking;
  }

  async reconcile(repository: {
    namespace: string;
    name: string;
    uid: string;
  }): Promise<Answer<{ configured: boolean }>> {
    const { inbox, alarm, clock } = this.#deps;
    const state = await this.#deps.ledgerOf(repository.namespace).gitState(repository.name);
    if (!state.ok) {
      if (state.error.code !== "NotFound" && state.error.code !== "NoNamespace") {
        return { ok: false, status: 503, message: `the ledger answers ${state.error.code}` };
      }
      return { ok: false, status: 404, message: `the ledger has no Repository ${repository.name}` };
    }
    const { uid, spec } = state.value.repository;
    const settings = readSettings({ ...repository, uid }, spec);
    if (settings === null) {
      // A Repository that lost its url is followed no more, but keeps its secrets for when it gets one again.
      await alarm.clear();
      return { ok: true, value: { configured: inbox.isConfigured() } };
    }
    inbox.configure(settings);
    await alarm.set(clock());
    return { ok: true, value: { configured: true } };
  }

  deliver(delivery: Delivery): Promise<DeliveryAnswer> {
    return deliver(this.#deps, delivery);
  }

  /** Whose deliveries these are, where the repository is registered. */
  get provider(): string | undefined {
    return this.#deps.inbox.settings()?.provider;
  }

  preReceive(delivery: Delivery): ReturnType<RepositoryApi["preReceive"]> {
    return preReceive(this.#deps, this.#gathering, delivery);
  }

  issueSecret(request: {
    secret?: string;
    overlapMs?: number;
    additional?: boolean;
  }): Promise<Answer<{ id: string; secret: string }>> {
    return issueSecret(this.#deps, request);
  }

  async sync(request: { allowMassDelete?: boolean }): Promise<Answer<{ sync: string }>> {
    const { inbox, alarm, clock, random } = this.#deps;
    if (inbox.settings() === null) return NOT_REGISTERED;
    const id = hexId(random.bytes(8));
    const state: SyncState = { id, state: "running", refs: [], admitted: 0, rejected: 0 };
    const allowMassDelete = request.allowMassDelete ?? false;
    inbox.saveSync({ ...state, startedAt: clock(), allowMassDelete, observed: false });
    await alarm.set(clock());
    return { ok: true, value: { sync: id } };
  }

  async syncState(id: string): Promise<Answer<SyncState>> {
    const { inbox } = this.#deps;
    const sync = inbox.settings() === null ? undefined : inbox.sync(id);
    if (sync === undefined)
      return { ok: false, status: 404, message: `no sync ${JSON.stringify(id)}: they are kept for 8 days` };
    const { startedAt: _, allowMassDelete: __, observed: ___, ...state } = sync;
    return { ok: true, value: state };
  }

  async info(): Promise<Answer<RepositoryInfo>> {
    const { inbox, clock } = this.#deps;
    const settings = inbox.settings();
    if (settings === null) return NOT_REGISTERED;
    await this.#ensureArmed();
    const { namespace, name, uid, provider } = settings;
    const time = (ms: number) => new Date(ms).toISOString();
    const value: RepositoryInfo = {
      namespace,
      name,
      uid,
      provider,
      secrets: inbox.secrets(clock()).map(({ id, createdAt, notAfter }) => ({
        id,
        createdAt: time(createdAt),
        ...(notAfter !== null && { notAfter: time(notAfter) }),
      })),
      foundByPoll: inbox.number("foundByPoll"),
      deliveries: inbox
        .deliveries(DELIVERIES_SHOWN)
        .map(({ id, receivedAt, result }) => ({ id, receivedAt: time(receivedAt), result })),
    };
    const lastPollAt = inbox.number("lastPollAt");
    const nextPollAt = inbox.number("nextPollAt");
    if (lastPollAt > 0) value.lastPollAt = time(lastPollAt);
    if (nextPollAt > 0) value.nextPollAt = time(nextPollAt);
    return { ok: true, value };
  }

  /** An alarm can be lost by the platform; whoever looks at the repository finds it polled again. */
  async #ensureArmed(): Promise<void> {
    const { alarm, clock } = this.#deps;
    if (this.#waking === undefined && (await alarm.get()) === null) await alarm.set(clock());
  }

  async remove(): Promise<Answer<Record<string, never>>> {
    await this.#deps.alarm.clear();
    this.#deps.inbox.wipe();
    return { ok: true, value: {} };
  }
}

export function hexId(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
