import type { Entry } from "./entry.ts";
import type { Store } from "./store.ts";
import { MAX_CHANGES, type Transaction, TransactionTooLarge } from "./transaction.ts";

interface Waiting<T> {
  request: (tx: Transaction) => T;
  /** How many resource changes it may make, so that a group is closed before it is too large. */
  weight: number;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
  /** When it came, ms. */
  at: number;
}

/**
 * Group commit. workerd does one fsync per event, so what arrives together goes in one transaction: 1,009 commits/s with
 * 100 watchers become 7,194. Each request keeps its own result.
 */
export class GroupCommit {
  readonly #store: Store;
  readonly #turn: () => Promise<void>;
  readonly #committed: (entries: Entry[]) => void;
  #waiting: Waiting<unknown>[] = [];
  #running = false;
  /** Writes that were committed, and how long they took from their arrival on. */
  readonly counters = { commits: 0, commitMs: 0 };

  constructor(store: Store, turn: () => Promise<void>, committed: (entries: Entry[]) => void) {
    this.#store = store;
    this.#turn = turn;
    this.#committed = committed;
  }

  /** Runs `request` in the next transaction. Rejects with what the request threw, or with what the commit did. */
  run<T>(request: (tx: Transaction) => T, weight = 1): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        request,
        weight,
        resolve: resolve as (value: unknown) => void,
        reject,
        at: this.#store.clock(),
      });
      if (this.#running) return;
      this.#running = true;
      // The first waits one turn for company; the others find it waiting.
      void this.#turn().then(() => this.#drain());
    });
  }

  #drain(): void {
    this.#running = false;
    while (this.#waiting.length > 0) this.#commit(this.#take());
  }

  #take(): Waiting<unknown>[] {
    let weight = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      if (count > 0 && weight + waiting.weight > MAX_CHANGES) break;
      weight += waiting.weight;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  #commit(group: Waiting<unknown>[]): void {
    let outcome: ReturnType<Store["commit"]>;
    try {
      outcome = this.#store.commit(group.map(({ request }) => request));
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    const now = this.#store.clock();
    this.counters.commits += group.length;
    for (const { at } of group) this.counters.commitMs += Math.max(0, now - at);
    this.#store.faults.hit("afterCommitBeforeBroadcast");
    this.#committed(outcome.entries);
    outcome.results.forEach((result, i) => {
      const waiting = group[i];
      if (!waiting) return;
      if ("value" in result) waiting.resolve(result.value);
      else if (result.thrown instanceof TransactionTooLarge && group.length > 1) {
        // Too large in company is not too large: once more, alone.
        this.#waiting.unshift({ ...waiting, weight: MAX_CHANGES });
      } else waiting.reject(result.thrown);
    });
  }
}
