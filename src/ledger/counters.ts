import type { Store } from "./store.ts";

/**
 * What a ledger counts, over its lives. An idle object is evicted after some ten seconds, so counts that were only in
 * memory would be mostly lost: they are written down where the object is awake anyway, at the end of an alarm and of a
 * connection. What was counted since is lost with the object.
 */
export class Counters {
  readonly #store: Store;
  /** Counts of this life. */
  readonly #now: () => Record<string, number>;
  #before: Record<string, number> | undefined;
  #saved = "";

  constructor(store: Store, now: () => Record<string, number>) {
    this.#store = store;
    this.#now = now;
  }

  totals(): Record<string, number> {
    this.#before ??= this.#load();
    const totals = { ...this.#before };
    for (const [name, count] of Object.entries(this.#now())) totals[name] = (totals[name] ?? 0) + count;
    return totals;
  }

  save(): void {
    const text = JSON.stringify(this.totals());
    if (text === this.#saved) return;
    this.#saved = text;
    this.#store.setMeta("counters", text);
  }

  #load(): Record<string, number> {
    this.#saved = String(this.#store.meta("counters") ?? "{}");
    return JSON.parse(this.#saved) as Record<string, number>;
  }
}
