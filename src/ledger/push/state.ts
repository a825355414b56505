import type { ResultingState } from "../../admission/types.ts";
import type { Candidate, Identity, KindKey, Resource } from "../../resource/types.ts";
import { VARIANT } from "../kinds.ts";
import type { Store } from "../store.ts";

const key = (identity: Identity): string => `${identity.kind}/${identity.name}`;

/**
 * The state a chunk results in: what is admitted, less what it deletes, plus what it brings. A candidate that is
 * refused is taken out again, so that what refers to it is judged by what really comes to be.
 */
export class ChunkState implements ResultingState {
  readonly #store: Store;
  readonly #upserts = new Map<string, Candidate>();
  readonly #deletes = new Set<string>();
  /** What was asked already: a thousand products name the same few categories. Nothing is written while one judges. */
  readonly #admitted = new Map<string, boolean>();

  constructor(store: Store) {
    this.#store = store;
  }

  bring(candidate: Candidate): void {
    this.#upserts.set(key(candidate.identity), candidate);
  }

  refuse(identity: Identity): void {
    this.#upserts.delete(key(identity));
  }

  remove(identity: Identity): void {
    this.#deletes.add(key(identity));
  }

  brings(identity: Identity): boolean {
    return this.#upserts.has(key(identity));
  }

  exists(identity: Identity): boolean {
    const at = key(identity);
    if (this.#upserts.has(at)) return true;
    if (this.#deletes.has(at)) return false;
    let admitted = this.#admitted.get(at);
    if (admitted === undefined) {
      admitted = this.#store.has(identity.kind, identity.name);
      this.#admitted.set(at, admitted);
    }
    return admitted;
  }

  spec(identity: Identity): Resource["spec"] | undefined {
    const brought = this.#upserts.get(key(identity));
    if (brought) return brought.resource.spec;
    if (this.#deletes.has(key(identity))) return undefined;
    const head = this.#store.find(identity.kind, identity.name);
    return head && (JSON.parse(head.json) as Resource).spec;
  }

  skuHolders(sku: string, name: string): string[] {
    const holders = new Set<string>();
    for (const candidate of this.#upserts.values()) {
      if (candidate.identity.kind === VARIANT && candidate.resource.spec.sku === sku)
        holders.add(candidate.identity.name);
    }
    const rows = this.#store.storage.sql.exec<{ name: string }>("SELECT name FROM skus WHERE sku = ?", sku).toArray();
    for (const row of rows) {
      const identity = { kind: VARIANT, name: row.name };
      if (!this.#deletes.has(key(identity)) && !this.#upserts.has(key(identity))) holders.add(row.name);
    }
    holders.delete(name);
    return [...holders];
  }

  *ofKind(kind: KindKey): Iterable<{ name: string; resource: Pick<Resource, "spec" | "body"> }> {
    const rows = this.#store.storage.sql
      .exec<{ name: string; json: string }>(
        "SELECT h.name, v.json FROM heads h JOIN versions v ON v.rv = h.rv WHERE h.kind = ?",
        kind,
      )
      .toArray();
    for (const row of rows) {
      const identity = { kind, name: row.name };
      if (this.#deletes.has(key(identity)) || this.#upserts.has(key(identity))) continue;
      yield { name: row.name, resource: JSON.parse(row.json) as Resource };
    }
    for (const candidate of this.#upserts.values()) {
      if (candidate.identity.kind === kind) yield { name: candidate.identity.name, resource: candidate.resource };
    }
  }
}
