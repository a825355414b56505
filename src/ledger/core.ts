import { eventId } from "../resource/gitevent.ts";
import { parseFieldSelector, parseLabelSelector } from "../resource/selectors.ts";
import type { Identity, KindKey, Resource } from "../resource/types.ts";
import type { HeadInfo, LedgerError, ListPage, ListRequest, Result, StandaloneEvent } from "./api.ts";
import { ADDED, GIT_EVENT } from "./entry.ts";
import { listEvents } from "./gitevents.ts";
import { Kinds } from "./kinds.ts";
import { countAfter, listAsOf } from "./list.ts";
import { PushEvents } from "./push/events.ts";
import { first } from "./sql.ts";
import { RESTORE_GAP, type Store } from "./store.ts";
import type { Transaction } from "./transaction.ts";
import { type Window, WindowUnavailable } from "./window.ts";

export const NO_NAMESPACE: { ok: false; error: LedgerError } = { ok: false, error: { code: "NoNamespace" } };

/** What a ledger answers, over its store; everything but Durable Object wiring. */
export class LedgerCore {
  readonly store: Store;
  readonly kinds: Kinds;
  readonly window: Window;
  readonly random: (bytes: number) => Uint8Array;
  /** Read once after a wake: a request would otherwise ask SQL who it is. */
  #identity: { namespace: string; uid: string; closed: boolean } | undefined;

  constructor(store: Store, window: Window, random: (bytes: number) => Uint8Array) {
    this.store = store;
    this.kinds = new Kinds(store);
    store.undone = () => this.kinds.forget();
    this.window = window;
    this.random = random;
  }

  load(): void {
    this.store.load();
    const namespace = this.store.meta("namespace");
    if (typeof namespace !== "string") return;
    this.#identity = {
      namespace,
      uid: String(this.store.meta("uid") ?? ""),
      closed: this.store.meta("closedAt") !== undefined,
    };
  }

  get namespace(): string {
    return this.#identity?.namespace ?? "";
  }

  /** Whether this ledger serves: it was opened, and not closed since. */
  get serving(): boolean {
    return this.#identity !== undefined && !this.#identity.closed;
  }

  /** A ledger's creation takes RV 1, so that no list ever says 0. One made again under its name goes on counting. */
  open(namespace: { name: string; uid: string }, seenByWindow: number): Result<HeadInfo> {
    if (this.#identity && !this.#identity.closed && this.#identity.uid === namespace.uid) return this.headInfo();
    this.store.storage.transactionSync(() => {
      this.store.setMeta("namespace", namespace.name);
      this.store.setMeta("uid", namespace.uid);
      this.store.storage.sql.exec("DELETE FROM meta WHERE key = 'closedAt'");
      if (this.store.head === 0) {
        const first = seenByWindow === 0 ? 1 : seenByWindow + RESTORE_GAP;
        if (seenByWindow > 0) this.store.setMeta("holes", JSON.stringify([{ from: seenByWindow, to: first }]));
        for (const key of ["rv", "floor", "flushed"]) this.store.setMeta(key, first);
        this.store.setMeta("tombstoneFloor", seenByWindow === 0 ? 0 : first);
      } else if (this.wasAnother(namespace.uid)) this.store.beginAgain();
    });
    this.kinds.forget();
    this.load();
    return this.headInfo();
  }

  /**
   * Whether this ledger holds what is left of a namespace that had the name before. One that was never closed is not
   * given up: where the cluster's ledger was lost, its Namespace is made again with another uid.
   */
  wasAnother(uid: string): boolean {
    return this.#identity?.closed === true && this.#identity.uid !== uid;
  }

  /** The counter stays; the data goes after the grace period. */
  close(): Result<{ rv: string }> {
    if (!this.#identity) return NO_NAMESPACE;
    this.store.setMeta("closedAt", this.store.clock());
    this.#identity.closed = true;
    return { ok: true, value: { rv: String(this.store.head) } };
  }

  headInfo(): Result<HeadInfo> {
    if (!this.serving) return NO_NAMESPACE;
    return {
      ok: true,
      value: {
        namespace: this.namespace,
        uid: this.#identity?.uid ?? "",
        rv: String(this.store.head),
        floor: String(this.store.floor),
      },
    };
  }

  get(kind: KindKey, name: string): Result<string> {
    if (!this.serving) return NO_NAMESPACE;
    const head = this.store.find(kind, name);
    return head ? { ok: true, value: head.json } : { ok: false, error: { code: "NotFound", kind, name } };
  }

  identify(uid: string): Result<Identity> {
    if (!this.serving) return NO_NAMESPACE;
    const row = first<Identity & Record<string, string>>(
      this.store.storage.sql,
      "SELECT kind, name FROM versions WHERE rv > ? AND type = ? AND json ->> '$.metadata.uid' = ? LIMIT 1",
      this.store.flushed,
      ADDED,
      uid,
    );
    return row
      ? { ok: true, value: { kind: row.kind, name: row.name } }
      : { ok: false, error: { code: "NotFound", kind: "", name: uid } };
  }

  async list(request: ListRequest): Promise<Result<ListPage>> {
    const ended = request.ended === true && this.#identity?.closed === true;
    if (!this.serving && !ended) return NO_NAMESPACE;
    const at = request.at ?? this.store.head;
    if (at > this.store.head)
      return { ok: false, error: { code: "FutureVersion", requested: String(at), current: String(this.store.head) } };
    if (at < this.store.floor && at < this.store.head) {
      return {
        ok: false,
        error: { code: "Expired", message: "The resourceVersion for the provided list is too old." },
      };
    }
    const label = request.labelSelector ? parseLabelSelector(request.labelSelector) : null;
    if (label && !label.ok) return { ok: false, error: { code: "BadRequest", message: label.message } };
    const field = request.fieldSelector ? parseFieldSelector(request.fieldSelector, null) : null;
    if (field && !field.ok) return { ok: false, error: { code: "BadRequest", message: field.message } };
    const query = {
      at,
      after: request.after ?? "",
      limit: request.limit,
      namespace: this.namespace,
      label: label ? label.value : null,
      field: field ? field.value : null,
    };
    if (request.kind === GIT_EVENT) return this.#listEvents(query);
    const page = listAsOf(this.store.storage.sql, { ...query, kind: request.kind, head: this.store.head });
    const last = page.items[page.items.length - 1];
    const counted = page.next !== undefined && last && !label && !field && at === this.store.head;
    return {
      ok: true,
      value: {
        rv: String(at),
        items: page.items.map(({ json }) => json),
        ...(page.next === undefined ? {} : { next: page.next }),
        ...(counted ? { remaining: countAfter(this.store.storage.sql, request.kind, last.name) } : {}),
      },
    };
  }

  async #listEvents(query: Parameters<typeof listEvents>[2]): Promise<Result<ListPage>> {
    try {
      const page = await listEvents(this.store, this.window, query);
      return { ok: true, value: { rv: String(query.at), ...page } };
    } catch (error) {
      if (!(error instanceof WindowUnavailable)) throw error;
      return {
        ok: false,
        error: { code: "Unavailable", message: "the replay window does not answer", retryAfterSeconds: 5 },
      };
    }
  }

  /** An event that belongs to no push. The same key is recorded once: the caller may repeat. */
  record(event: StandaloneEvent, tx: Transaction): { rv: string; duplicate: boolean } {
    const { sql } = this.store.storage;
    const known = first<{ rv: number }>(sql, "SELECT rv FROM recorded WHERE key = ?", event.key);
    if (known) return { rv: String(known.rv), duplicate: true };
    const ref = event.subject.startsWith("refs/") ? event.subject : "";
    const events = new PushEvents(
      { tx, kinds: this.kinds, namespace: this.namespace, random: this.random },
      {
        repository: event.repository,
        ref,
        refType: "branch",
        old: null,
        new: null,
        peeled: null,
        objectType: null,
        move: 0,
        forced: false,
        commit: null,
        actor: { name: null, email: null, id: null, provider: "" },
        observedVia: "hook",
        policy: { branches: [], releaseTags: [], matched: true },
        time: event.time,
        ...(event.traceparent ? { traceparent: event.traceparent } : {}),
      },
    );
    const correlation = eventId({
      repositoryUid: event.repository.uid,
      ref,
      old: null,
      new: null,
      move: 0,
      type: event.type,
      resource: event.key,
    });
    const rv = events.writeType(event.type, event.subject, event.data, event.key, correlation);
    sql.exec("INSERT INTO recorded VALUES (?, ?, ?)", event.key, rv, tx.now);
    return { rv: String(rv), duplicate: false };
  }

  definitions(): Result<{ rv: string; specs: string[] }> {
    if (!this.serving) return NO_NAMESPACE;
    return {
      ok: true,
      value: { rv: String(this.store.head), specs: this.kinds.definitions().map((spec) => JSON.stringify(spec)) },
    };
  }

  /** Whether an object of this kind and name may be shown: an object, not a log entry. */
  object(kind: KindKey, name: string): Resource | undefined {
    const head = this.store.find(kind, name);
    return head && (JSON.parse(head.json) as Resource);
  }
}
