import { type WatchEvent, watch } from "../../client/watch.ts";
import { coreRegistry } from "../../resource/registry.ts";
import type { Resource } from "../../resource/types.ts";

/** One change as the watcher got it. */
export interface Change {
  rv: number;
  type: "ADDED" | "MODIFIED" | "DELETED";
  object: Resource;
}

const PATIENCE_MS = 30_000;

/** A watcher of everything in a namespace, GitEvents included, that keeps all it gets in the order it came. */
export class Recorder {
  readonly changes: Change[] = [];
  readonly #stop = new AbortController();
  readonly #wakers = new Set<() => void>();
  #failure: Error | undefined;
  #ended: Promise<void> = Promise.resolve();

  /** @param from strictly after this RV */
  start(options: { server: string; token: string; namespace: string; from: number }): void {
    // Leases are clients' own and have no place in the namespace's order.
    const kinds = coreRegistry.all().filter((kind) => kind.scope === "Namespaced" && kind.owner !== "client");
    const events = watch({
      server: options.server,
      token: options.token,
      namespace: options.namespace,
      kinds: kinds.map((kind) => `${kind.plural}.${kind.group}`),
      resourceVersion: String(options.from),
      signal: this.#stop.signal,
      onReconnect: ({ why }) => this.#fail(new Error(`the watch was cut: ${why}`)),
    });
    this.#ended = this.#record(events).catch((error: unknown) => {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    });
  }

  /** Resolves with the first change from `since` on that answers; rejects after 30 s, naming what was waited for. */
  async until(what: string, answers: (change: Change) => boolean, since = 0): Promise<Change> {
    const until = Date.now() + PATIENCE_MS;
    let looked = 0;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      for (; looked < this.changes.length; looked++) {
        const change = this.changes[looked];
        if (change !== undefined && change.rv > since && answers(change)) return change;
      }
      const left = until - Date.now();
      if (left <= 0)
        throw new Error(`the watcher did not see ${what} within ${PATIENCE_MS / 1_000} s; it is at RV ${this.rv}`);
      await this.#news(left);
    }
  }

  /** The newest it has. */
  get rv(): number {
    return this.changes.at(-1)?.rv ?? 0;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #record(events: AsyncIterable<WatchEvent>): Promise<void> {
    for await (const event of events) {
      if (!("object" in event)) continue;
      this.changes.push({ rv: Number(event.resourceVersion), type: event.type, object: event.object });
      this.#wake();
    }
  }

  #news(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wakers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wakers.add(done);
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  #wake(): void {
    for (const waker of this.#wakers) waker();
  }
}
