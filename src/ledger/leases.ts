/**
 * Leases: what clients elect a leader by (`coordination.k8s.io/v1`). They change every two seconds for ever, so they
 * have RVs of their own, no log and no place in the window; each row is the newest state and nothing else.
 */
import type { KindDef } from "../resource/kind.ts";
import { parseObject } from "../resource/parseObject.ts";
import { coreRegistry } from "../resource/registry.ts";
import {
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  selectableFieldsOf,
} from "../resource/selectors.ts";
import type { AuthoredResource, Candidate, KindKey, Resource } from "../resource/types.ts";
import { uuidv7 } from "../resource/uuid.ts";
import type { ApiWrite, LedgerError, ListPage, ListRequest, Result, Written } from "./api.ts";
import { seconds } from "./object.ts";
import { first } from "./sql.ts";
import type { Store } from "./store.ts";
import { violated } from "./write.ts";

export const LEASE: KindKey = "Lease.coordination.k8s.io";
/** A list gives them all at once; with the next limit that is at most 16 MiB. */
export const MAX_LEASES = 1_000;
export const MAX_LEASE_BYTES = 16 * 1024;

export interface Lease {
  name: string;
  rv: number;
  /** The RV of its creation. */
  created: number;
  json: string;
}

export type LeaseChange = { type: "ADDED" | "MODIFIED" | "DELETED"; lease: Lease; before: Lease | undefined };

/** Whether a lease is one that the selectors let through. */
export type LeaseFilter = (lease: Lease) => boolean;

export class Leases {
  readonly #store: Store;
  readonly #kind: KindDef;
  readonly #random: (bytes: number) => Uint8Array;

  constructor(store: Store, random: (bytes: number) => Uint8Array) {
    const kind = coreRegistry.byKey(LEASE);
    if (!kind) throw new Error("the registry has no leases");
    this.#store = store;
    this.#kind = kind;
    this.#random = random;
  }

  /** The newest RV of leases; 1 before there was any, because no list says 0. */
  get head(): number {
    return Math.max(1, this.#store.number("leaseRv"));
  }

  /** A watch from below this missed a deletion, which nothing remembers. */
  get floor(): number {
    return this.#store.number("leaseFloor");
  }

  find(name: string): Lease | undefined {
    return first<LeaseRow>(this.#store.storage.sql, "SELECT name, rv, created, json FROM leases WHERE name = ?", name);
  }

  /** Those that changed after an RV, in name order; from 0 on, all of them. */
  changedAfter(rv: number): Lease[] {
    return this.#store.storage.sql
      .exec<LeaseRow>("SELECT name, rv, created, json FROM leases WHERE rv > ? ORDER BY name", rv)
      .toArray();
  }

  get(name: string): Result<string> {
    const lease = this.find(name);
    return lease ? { ok: true, value: lease.json } : refuse({ code: "NotFound", kind: LEASE, name });
  }

  /** All of them, whatever the limit, as Kubernetes allows: no later page could be at the same state. */
  list(request: ListRequest, namespace: string): Result<ListPage> {
    const { head } = this;
    if (request.at !== undefined && request.at > head)
      return refuse({ code: "FutureVersion", requested: String(request.at), current: String(head) });
    if (request.at !== undefined && request.at < head)
      return refuse({ code: "Expired", message: "leases are kept in their newest state only" });
    const filter = this.filter(request.labelSelector ?? "", request.fieldSelector ?? "", namespace);
    if (!filter.ok) return filter;
    const shown = this.changedAfter(0).filter((lease) => lease.name > (request.after ?? "") && filter.value(lease));
    return { ok: true, value: { rv: String(head), items: shown.map(({ json }) => json) } };
  }

  filter(labelSelector: string, fieldSelector: string, namespace: string): Result<LeaseFilter> {
    const label = parseLabelSelector(labelSelector);
    if (!label.ok) return refuse({ code: "BadRequest", message: label.message });
    const field = parseFieldSelector(fieldSelector, selectableFieldsOf(this.#kind));
    if (!field.ok) return refuse({ code: "BadRequest", message: field.message });
    return {
      ok: true,
      value: ({ name, json }) => {
        if (!matchesFields(field.value, { "metadata.name": name, "metadata.namespace": namespace })) return false;
        return labelSelector === "" || matchesLabels(label.value, metadataOf(json).labels ?? {});
      },
    };
  }

  write(write: ApiWrite, namespace: string): { result: Result<Written>; change?: LeaseChange } {
    const before = this.find(write.name);
    if (write.operation === "CREATE" && before)
      return { result: refuse({ code: "AlreadyExists", kind: LEASE, name: write.name }) };
    if (write.operation !== "CREATE" && !before)
      return { result: refuse({ code: "NotFound", kind: LEASE, name: write.name }) };
    const conflict = before && violated(write, metadataOf(before.json));
    if (conflict) return { result: refuse(conflict) };
    if (write.operation === "DELETE" && before) return this.#remove(write, before);
    return this.#put(write, before, namespace);
  }

  #put(
    write: ApiWrite,
    before: Lease | undefined,
    namespace: string,
  ): { result: Result<Written>; change?: LeaseChange } {
    const { name } = write;
    const context = { namespace, registry: coreRegistry, expected: { kind: this.#kind, name } };
    const { candidate, errors } = parseObject(write.resource, context);
    if (!candidate) return { result: refuse({ code: "Invalid", kind: LEASE, name, errors }) };
    const old = before && (JSON.parse(before.json) as Resource);
    if (before && parseObject(old, context).candidate?.digest === candidate.digest) return { result: same(before) };
    if (!before && this.changedAfter(0).length >= MAX_LEASES)
      return { result: refuse({ code: "TooLarge", message: `a namespace holds at most ${MAX_LEASES} leases` }) };
    const rv = this.#next();
    const resource = this.#resource(candidate, old, namespace, rv);
    const json = JSON.stringify(resource);
    if (json.length > MAX_LEASE_BYTES)
      return {
        result: refuse({
          code: "TooLarge",
          message: `a lease is at most ${MAX_LEASE_BYTES} bytes, found ${json.length}`,
        }),
      };
    if (write.dryRun) return { result: { ok: true, value: { rv: String(this.head), object: json, changed: false } } };
    const lease: Lease = { name, rv, created: before?.created ?? rv, json };
    const { storage } = this.#store;
    storage.transactionSync(() => {
      this.#store.setMeta("leaseRv", rv);
      storage.sql.exec(
        `INSERT INTO leases VALUES (?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET rv = excluded.rv, json = excluded.json`,
        name,
        rv,
        lease.created,
        json,
      );
    });
    return {
      result: { ok: true, value: { rv: String(rv), object: json, changed: true } },
      change: { type: before ? "MODIFIED" : "ADDED", lease, before },
    };
  }

  #remove(write: ApiWrite, before: Lease): { result: Result<Written>; change?: LeaseChange } {
    if (write.dryRun) return { result: same(before) };
    const rv = this.#next();
    const resource = JSON.parse(before.json) as Resource;
    resource.metadata.resourceVersion = String(rv);
    const lease: Lease = { ...before, rv, json: JSON.stringify(resource) };
    const { storage } = this.#store;
    storage.transactionSync(() => {
      this.#store.setMeta("leaseRv", rv);
      this.#store.setMeta("leaseFloor", rv);
      storage.sql.exec("DELETE FROM leases WHERE name = ?", before.name);
    });
    return {
      result: { ok: true, value: { rv: String(rv), object: lease.json, changed: true } },
      change: { type: "DELETED", lease, before },
    };
  }

  /**
   * The clock's milliseconds, or one more than before where that is higher: nothing outside this object knows its
   * counter, so that of a ledger that was lost or restored has to be above all it gave out by itself.
   */
  #next(): number {
    return Math.max(this.head + 1, this.#store.clock());
  }

  #resource({ resource, specDigest }: Candidate, old: Resource | undefined, namespace: string, rv: number): Resource {
    const { name, labels, annotations } = resource.metadata;
    const changed = old === undefined || specDigestOf(old, namespace) !== specDigest;
    return {
      apiVersion: resource.apiVersion,
      kind: resource.kind,
      metadata: {
        name,
        namespace,
        ...(labels && Object.keys(labels).length > 0 ? { labels } : {}),
        ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
        uid: old?.metadata.uid ?? uuidv7(this.#store.clock(), this.#random),
        resourceVersion: String(rv),
        generation: (old?.metadata.generation ?? 0) + (changed ? 1 : 0),
        creationTimestamp: old?.metadata.creationTimestamp ?? seconds(this.#store.clock()),
      },
      spec: resource.spec,
    };
  }
}

type LeaseRow = { name: string; rv: number; created: number; json: string };

function refuse<T>(error: LedgerError): Result<T> {
  return { ok: false, error };
}

function same({ rv, json }: Lease): Result<Written> {
  return { ok: true, value: { rv: String(rv), object: json, changed: false } };
}

function metadataOf(json: string): Resource["metadata"] {
  return (JSON.parse(json) as Resource).metadata;
}

function specDigestOf(old: Resource, namespace: string): string | undefined {
  const { candidate } = parseObject(old as unknown as AuthoredResource, { namespace, registry: coreRegistry });
  return candidate?.specDigest;
}
