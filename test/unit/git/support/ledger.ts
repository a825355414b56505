/** A real ledger's cores over node:sqlite: what its Durable Object does, without the object. */
import type { LedgerApi, PushChunk, PushResult, Result } from "../../../../src/ledger/api.ts";
import { LedgerCore } from "../../../../src/ledger/core.ts";
import { applyChunk } from "../../../../src/ledger/push/apply.ts";
import { rejectedRecords } from "../../../../src/ledger/push/records.ts";
import {
  abandon,
  gitState,
  heldOnlyBy,
  patchRepositoryStatus,
  readIndex,
  repositoryUid,
} from "../../../../src/ledger/push/repository.ts";
import { migrate } from "../../../../src/ledger/schema.ts";
import { Store } from "../../../../src/ledger/store.ts";
import { type Transaction, TransactionTooLarge } from "../../../../src/ledger/transaction.ts";
import type { Window } from "../../../../src/ledger/window.ts";
import { writeObject } from "../../../../src/ledger/write.ts";
import type { JsonObject, Resource } from "../../../../src/resource/types.ts";
import { memoryStorage } from "./storage.ts";

export const NAMESPACE = "acme";
const REPOSITORY = "Repository.gitstore.dev";

export interface Event {
  type: string;
  subject: string;
  data: Record<string, unknown>;
  id: string;
  traceparent?: string;
}

export class LocalLedger {
  readonly store: Store;
  readonly core: LedgerCore;
  /** Every chunk that was sent, whatever became of it. */
  readonly chunks: PushChunk[] = [];
  /** Answers instead of the ledger while it returns something. */
  intercept: ((chunk: PushChunk) => PushResult | undefined) | undefined;
  /** Writes of a Repository's status. */
  statusWrites = 0;
  #seed = 0;

  constructor(clock: () => number) {
    const storage = memoryStorage();
    migrate(storage);
    this.store = new Store(storage, clock);
    this.core = new LedgerCore(this.store, {} as Window, (bytes) => {
      this.#seed++;
      return Uint8Array.from({ length: bytes }, (_, at) => (this.#seed * 31 + at * 17) & 255);
    });
    this.core.open({ name: NAMESPACE, uid: "ns-uid" }, 0);
  }

  readonly api: LedgerApi = {
    gitState: async (name: string, options?: { resources?: boolean }) => {
      const state = gitState(this.store, name, options);
      return state ? { ok: true, value: state } : this.#notFound(name);
    },
    index: async (query: Parameters<LedgerApi["index"]>[0]) =>
      this.#inRepository(query.repository, (uid) =>
        readIndex(this.store, uid, query.branch, query.after ?? "", query.limit),
      ),
    heldOnlyBy: async (query: Parameters<LedgerApi["heldOnlyBy"]>[0]) =>
      this.#inRepository(query.repository, (uid) =>
        heldOnlyBy(this.store, uid, query.branch, query.after ?? "", query.limit),
      ),
    definitions: async () => this.core.definitions(),
    applyPush: async (chunk: PushChunk): Promise<PushResult> => {
      // What crosses RPC is a clone: a chunk that cannot be cloned, or is shared, must fail here too.
      const sent = structuredClone(chunk);
      this.chunks.push(sent);
      const instead = this.intercept?.(sent);
      if (instead !== undefined) return instead;
      try {
        return this.#commit((tx) => applyChunk(sent, this.#context(), tx));
      } catch (error) {
        this.core.kinds.forget();
        if (error instanceof TransactionTooLarge) return { result: "tooLarge", message: error.message };
        throw error;
      }
    },
    abandonPush: async ({ repository, ref }: Parameters<LedgerApi["abandonPush"]>[0]) => ({
      ok: true,
      value: this.#commit((tx) => {
        abandon(this.#context(), tx, repository, ref);
        return { rv: String(tx.rv) };
      }),
    }),
    recordEvent: async (event: Parameters<LedgerApi["recordEvent"]>[0]) => ({
      ok: true,
      value: this.#commit((tx) => this.core.record(event, tx)),
    }),
    setRepositoryStatus: async (name: string, patch: Parameters<LedgerApi["setRepositoryStatus"]>[1]) => {
      this.statusWrites++;
      const changed = this.#commit((tx) => patchRepositoryStatus(this.#context(), tx, name, patch)?.changed ?? false);
      return { ok: true, value: { rv: String(this.store.head), changed } };
    },
  } as unknown as LedgerApi;

  /** Creates or replaces the spec of a Repository. Answers its uid. */
  register(name: string, spec: JsonObject): string {
    const operation = this.store.find(REPOSITORY, name) ? "UPDATE" : "CREATE";
    const resource = { apiVersion: "gitstore.dev/v1beta1", kind: "Repository", metadata: { name }, spec };
    const written = this.#commit((tx) =>
      writeObject({ operation, kind: REPOSITORY, name, resource, actor: "test" }, this.#context(), tx),
    );
    if (!written.ok) throw new Error(JSON.stringify(written.error));
    return this.repository(name).metadata.uid;
  }

  unregister(name: string): void {
    this.#commit((tx) =>
      writeObject({ operation: "DELETE", kind: REPOSITORY, name, actor: "test" }, this.#context(), tx),
    );
  }

  repository(name: string): Resource {
    return this.#object(REPOSITORY, name);
  }

  condition(name: string, type: string): { status: string; reason: string; message: string } | undefined {
    return (this.repository(name).status?.conditions ?? []).find((condition) => condition.type === type);
  }

  #object(kind: string, name: string): Resource {
    const head = this.store.find(kind, name);
    if (head === undefined) throw new Error(`no ${kind} ${name}`);
    return JSON.parse(head.json) as Resource;
  }

  product(name: string): Resource | undefined {
    const head = this.store.find("Product.catalog.gitstore.dev", name);
    return head && (JSON.parse(head.json) as Resource);
  }

  products(): string[] {
    return this.names("Product.catalog.gitstore.dev");
  }

  names(kind: string): string[] {
    const query = "SELECT name FROM heads WHERE kind = ? ORDER BY name";
    return this.store.storage.sql
      .exec<{ name: string }>(query, kind)
      .toArray()
      .map((row) => row.name);
  }

  events(): Event[] {
    const query = "SELECT json FROM versions WHERE kind LIKE 'GitEvent.%' ORDER BY rv";
    return this.store.storage.sql
      .exec<{ json: string }>(query)
      .toArray()
      .map((row) => {
        const spec = (JSON.parse(row.json) as Resource).spec as unknown as Event;
        return { ...spec, type: spec.type.replace(/^dev\.gitstore\.|\.v1$/g, "") };
      });
  }

  /** `git.branch.created refs/heads/main` of the ref events. */
  refEvents(): string[] {
    return this.events()
      .filter((event) => event.type.startsWith("git."))
      .map((event) => `${event.type.slice(4)} ${event.subject}`);
  }

  rejected(): { path: string; reasons: string[] }[] {
    return rejectedRecords(this.store, { limit: 1_000 }).records.map(({ path, errors }) => ({
      path,
      reasons: errors.map((error) => error.reason),
    }));
  }

  applied(ref: string): string | null | undefined {
    const name = this.names(REPOSITORY)[0] ?? "";
    return gitState(this.store, name)?.refs.find((entry) => entry.ref === ref)?.oid;
  }

  #context() {
    return { store: this.store, kinds: this.core.kinds, namespace: NAMESPACE, random: this.core.random };
  }

  #commit<T>(request: (tx: Transaction) => T): T {
    const [result] = this.store.commit([request]).results;
    if (result === undefined) throw new Error("no result");
    if ("thrown" in result) throw result.thrown;
    return result.value;
  }

  #inRepository<T>(name: string, read: (uid: string) => T): Result<T> {
    const uid = repositoryUid(this.store, name);
    return uid === undefined ? this.#notFound(name) : { ok: true, value: read(uid) };
  }

  #notFound<T>(name: string): Result<T> {
    return { ok: false, error: { code: "NotFound", kind: REPOSITORY, name } };
  }
}
