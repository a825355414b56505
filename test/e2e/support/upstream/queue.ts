/** A work queue of upstream's form: one entry a key, four workers, retries inside of the worker, quarantine in memory. */

const WORKERS = 4;
const ATTEMPTS = 5;
const BACKOFF_MS = 500;

/** No retry: quarantined at once. */
export class Terminal extends Error {}

export class Queue {
  readonly quarantined = new Map<string, string>();
  readonly #reconcile: (key: string) => Promise<void>;
  /** In order of arrival. */
  readonly #dirty = new Set<string>();
  readonly #processing = new Set<string>();
  #held = true;
  #stopped = false;

  constructor(reconcile: (key: string) => Promise<void>) {
    this.#reconcile = reconcile;
  }

  /** Keys that are not worked yet; a checkpoint has them. */
  get pending(): string[] {
    return [...new Set([...this.#processing, ...this.#dirty])];
  }

  add(key: string): void {
    this.quarantined.delete(key);
    this.#dirty.add(key);
    this.#dispatch();
  }

  /** Dispatch is held until the cache is in step. */
  release(): void {
    this.#held = false;
    this.#dispatch();
  }

  stop(): void {
    this.#stopped = true;
  }

  #dispatch(): void {
    for (const key of this.#dirty) {
      if (this.#held || this.#stopped || this.#processing.size >= WORKERS) return;
      if (this.#processing.has(key)) continue;
      this.#dirty.delete(key);
      this.#processing.add(key);
      void this.#work(key).finally(() => {
        this.#processing.delete(key);
        this.#dispatch();
      });
    }
  }

  async #work(key: string): Promise<void> {
    for (let attempt = 1, pauseMs = BACKOFF_MS; !this.#stopped; attempt += 1, pauseMs *= 2) {
      try {
        return await this.#reconcile(key);
      } catch (error) {
        if (error instanceof Terminal || attempt >= ATTEMPTS) {
          this.quarantined.set(key, String(error));
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }
}
