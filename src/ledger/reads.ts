import { DurableObject } from "cloudflare:workers";
import type { Env } from "../config.ts";
import type { Identity } from "../resource/types.ts";
import type {
  GitState,
  HeadInfo,
  IndexEntry,
  LedgerApi,
  ListPage,
  ListRequest,
  RejectedRecord,
  Result,
} from "./api.ts";
import { type LedgerCore, NO_NAMESPACE } from "./core.ts";
import { cloudEvents } from "./gitevents.ts";
import { LEASE, type Leases } from "./leases.ts";
import { rejectedRecords } from "./push/records.ts";
import { gitState, heldOnlyBy, readIndex, repositoryUid } from "./push/repository.ts";
import type { Store } from "./store.ts";
import { WindowUnavailable } from "./window.ts";

/** How long a reader waits for an RV that is not there yet. */
const REACHED_WITHIN_MS = 3_000;
const REACHED_EVERY_MS = 50;

/** The half of a ledger that changes nothing. */
export abstract class LedgerReads extends DurableObject<Env> {
  protected abstract readonly store: Store;
  protected abstract readonly core: LedgerCore;
  protected abstract readonly leases: Leases;

  protected abstract now(): number;

  /** Whether the namespace is there. */
  protected abstract ready(): Promise<boolean>;

  async head(): Promise<Result<HeadInfo>> {
    return (await this.ready()) ? this.core.headInfo() : NO_NAMESPACE;
  }

  async get(kind: string, name: string): Promise<Result<string>> {
    if (!(await this.ready())) return NO_NAMESPACE;
    return kind === LEASE ? this.leases.get(name) : this.core.get(kind, name);
  }

  async list(request: ListRequest): Promise<Result<ListPage>> {
    const ready = await this.ready();
    if (ready && request.kind === LEASE) return this.leases.list(request, this.core.namespace);
    return this.core.list(request);
  }

  async identify(uid: string): Promise<Result<Identity>> {
    return (await this.ready()) ? this.core.identify(uid) : NO_NAMESPACE;
  }

  async reached(rv: number, kind?: string): Promise<Result<HeadInfo>> {
    if (!(await this.ready())) return NO_NAMESPACE;
    const counter = kind === LEASE ? this.leases : this.store;
    const until = this.now() + REACHED_WITHIN_MS;
    while (counter.head < rv && this.now() < until) await scheduler.wait(REACHED_EVERY_MS);
    if (counter.head >= rv) return this.core.headInfo();
    return { ok: false, error: { code: "FutureVersion", requested: String(rv), current: String(counter.head) } };
  }

  async events(query: {
    after: number;
    types?: string[];
    limit: number;
  }): Promise<Result<{ rv: string; events: string[] }>> {
    if (!(await this.ready())) return NO_NAMESPACE;
    try {
      return {
        ok: true,
        value: { rv: String(this.store.head), events: await cloudEvents(this.store, this.core.window, query) },
      };
    } catch (error) {
      if (!(error instanceof WindowUnavailable)) throw error;
      return {
        ok: false,
        error: { code: "Unavailable", message: "the replay window does not answer", retryAfterSeconds: 5 },
      };
    }
  }

  async rejected(query: {
    kind?: string;
    repository?: string;
    limit: number;
    after?: string;
  }): Promise<Result<{ records: RejectedRecord[]; next?: string }>> {
    if (!(await this.ready())) return NO_NAMESPACE;
    return { ok: true, value: rejectedRecords(this.store, query) };
  }

  async definitions(): Promise<Result<{ rv: string; specs: string[] }>> {
    return (await this.ready()) ? this.core.definitions() : NO_NAMESPACE;
  }

  async gitState(repository: string, options: { resources?: boolean } = {}): Promise<Result<GitState>> {
    if (!(await this.ready())) return NO_NAMESPACE;
    const state = gitState(this.store, repository, options);
    return state
      ? { ok: true, value: state }
      : { ok: false, error: { code: "NotFound", kind: "Repository.gitstore.dev", name: repository } };
  }

  async index(query: {
    repository: string;
    branch: string;
    after?: string;
    limit: number;
  }): Promise<Result<{ entries: IndexEntry[]; next?: string }>> {
    return this.#readRepository(query.repository, (uid) =>
      readIndex(this.store, uid, query.branch, query.after ?? "", query.limit),
    );
  }

  async heldOnlyBy(query: {
    repository: string;
    branch: string;
    after?: string;
    limit: number;
  }): ReturnType<LedgerApi["heldOnlyBy"]> {
    return this.#readRepository(query.repository, (uid) =>
      heldOnlyBy(this.store, uid, query.branch, query.after ?? "", query.limit),
    );
  }

  async #readRepository<T>(name: string, read: (uid: string) => T): Promise<Result<T>> {
    if (!(await this.ready())) return NO_NAMESPACE;
    const uid = repositoryUid(this.store, name);
    if (uid === undefined) return { ok: false, error: { code: "NotFound", kind: "Repository.gitstore.dev", name } };
    return { ok: true, value: read(uid) };
  }
}
