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
  /** By SKU: the variants of the chunk that want it. */
  readonly #claims = new Map<string, Set<string>>();
  /** What was asked already: a thousand products name the same few categories. Nothing is written while one judges. */
  readonly #admitted = new Map<string, boolean>();

  constructor(store: Store) {
    this.#store = store;
  }

  bring(candidate: Candidate): void {
    this.#upserts.set(key(candidate.identity), candidate);
    const sku = skuOf(candidate);
    if (sku === undefined) return;
    const claims = this.#claims.get(sku) ?? new Set();
    this.#claims.set(sku, claims.add(candidate.identity.name));
  }

  /** `asRival`: for nothing but a SKU that others have or want. It goes on counting, or the last of them would get it. */
  refuse(identity: Identity, asRival = false): void {
    const candidate = this.#upserts.get(key(identity));
    this.#upserts.delete(key(identity));
    const sku = candidate && skuOf(candidate);
    if (sku !== undefined && !asRival) this.#claims.get(sku)?.delete(identity.name);
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

  /** Who else has the SKU, or wants it: a variant that has it already keeps it, whoever wants it. */
  skuHolders(sku: string, name: string): string[] {
    const rows = this.#store.storage.sql.exec<{ name: string }>("SELECT name FROM skus WHERE sku = ?", sku).toArray();
    const holders = new Set<string>();
    for (const row of rows) {
      const identity = { kind: VARIANT, name: row.name };
      const brought = this.#upserts.get(key(identity));
      if (this.#deletes.has(key(identity)) || (brought && skuOf(brought) !== sku)) continue;
      holders.add(row.name);
    }
    if (!holders.has(name)) for (const rival of this.#claims.get(sku) ?? []) holders.add(rival);
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

function skuOf({ identity, resource }: Candidate): string | undefined {
  const { sku } = resource.spec;
  return identity.kind === VARIANT && typeof sku === "string" ? sku : undefined;
}
