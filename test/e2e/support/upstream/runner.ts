/** List, watch, checkpoint: how upstream's manager keeps the cache of one kind. */
import type { Item } from "./documents.ts";
import { type Api, type Ending, subscribe } from "./transport.ts";

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 30_000;

export interface Listed {
  items: Item[];
  cursor: string;
}

export interface KindOfRunner {
  name: "Namespace" | "CategoryTaxonomy" | "Product";
  watch: string;
  list: () => Promise<Item[]>;
  /** Asked for a cursor before the list; a kind without one takes the string maximum of what it listed. */
  bootstrap?: string;
  /** The field of an event that has the object. */
  object: "object" | "category" | "product";
  isNamespaced: boolean;
  flushEvery: number;
}

export interface Checkpoint {
  resourceVersion: string;
  snapshot: Item[];
}

interface Event {
  type: string;
  namespace?: string | null;
  name: string;
  resourceVersion: string;
  [object: string]: unknown;
}

const TYPES = ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"];

export class Runner {
  readonly cache = new Map<string, Item>();
  lists = 0;
  relists = 0;
  /** Why streams ended that were not left. */
  readonly endings: Ending[] = [];
  /** Events that broke what it relies on. */
  readonly faults: string[] = [];
  checkpoint: Checkpoint | undefined;
  readonly #api: Api;
  readonly #kind: KindOfRunner;
  readonly #changed: (key: string, before: Item | undefined, after: Item | undefined) => void;
  readonly #signal: AbortSignal;
  #cursor = "";
  #sinceFlush = 0;

  constructor(
    api: Api,
    kind: KindOfRunner,
    changed: (key: string, before: Item | undefined, after: Item | undefined) => void,
    signal: AbortSignal,
  ) {
    this.#api = api;
    this.#kind = kind;
    this.#changed = changed;
    this.#signal = signal;
  }

  /** From the checkpoint without a list, else from a list. */
  async begin(checkpoint: Checkpoint | undefined): Promise<void> {
    if (checkpoint === undefined) return await this.#list();
    for (const item of checkpoint.snapshot) this.cache.set(keyOf(item), item);
    this.#cursor = checkpoint.resourceVersion;
    this.checkpoint = checkpoint;
  }

  async follow(): Promise<void> {
    let backoffMs = FIRST_BACKOFF_MS;
    while (!this.#signal.aborted) {
      const ending = await this.#subscribe(this.#cursor, (event) => {
        backoffMs = FIRST_BACKOFF_MS;
        this.#apply(event);
        return true;
      });
      if (this.#signal.aborted) break;
      this.endings.push(ending);
      if (ending.code === "WATCH_EXPIRED") {
        this.relists += 1;
        await this.#list().catch((error) => this.faults.push(String(error)));
      } else {
        await pause(backoffMs, this.#signal);
        backoffMs = Math.min(2 * backoffMs, MAX_BACKOFF_MS);
      }
    }
  }

  /** As it goes: a later run begins here. */
  flush(): void {
    this.#sinceFlush = 0;
    this.checkpoint = structuredClone({ resourceVersion: this.#cursor, snapshot: [...this.cache.values()] });
  }

  async #list(): Promise<void> {
    this.lists += 1;
    const bootstrapped = this.#kind.bootstrap === undefined ? undefined : await this.#bookmark(this.#kind.bootstrap);
    const items = await this.#kind.list();
    // Of all namespaces, and as text: "9" is after "10".
    const max = items.map(({ metadata }) => metadata.resourceVersion).sort();
    this.#cursor = bootstrapped ?? max.at(-1) ?? "";
    const listed = new Set(items.map(keyOf));
    for (const [key, before] of [...this.cache]) if (!listed.has(key)) this.#remove(key, before);
    for (const item of items) this.#put(item);
    this.flush();
  }

  async #bookmark(sentinel: string): Promise<string> {
    let found: Event | undefined;
    const ending = await this.#subscribe(sentinel, (event) => {
      found = event;
      return false;
    });
    if (found?.type !== "BOOKMARK" || found.resourceVersion === "")
      throw new Error(`${this.#kind.name}: the bootstrap was no bookmark: ${JSON.stringify(found ?? ending)}`);
    return found.resourceVersion;
  }

  #subscribe(resourceVersion: string, take: (event: Event) => boolean): Promise<Ending> {
    return subscribe(
      this.#api,
      this.#kind.watch,
      { resourceVersion },
      (data) => {
        const [event] = Object.values(data as Record<string, Event>);
        if (!event || !TYPES.includes(event.type)) throw new Error(`an unknown event: ${JSON.stringify(data)}`);
        return take(event);
      },
      this.#signal,
    );
  }

  #apply(event: Event): void {
    this.#check(event);
    if (event.type === "DELETED") {
      const key = this.#kind.isNamespaced ? `${event.namespace}/${event.name}` : event.name;
      this.#remove(key, this.cache.get(key));
    } else if (event.type !== "BOOKMARK") {
      const item = event[this.#kind.object] as Item;
      const before = this.cache.get(keyOf(item));
      const isLower = (item.metadata.generation ?? 0) < (before?.metadata.generation ?? 0);
      if (isLower) this.faults.push(`${this.#kind.name} ${keyOf(item)}: a lower generation came, and is dropped`);
      // The list and the watch overlap: what is known already is no change.
      else if (before?.metadata.resourceVersion !== item.metadata.resourceVersion) this.#put(item);
    }
    this.#cursor = event.resourceVersion;
    this.#sinceFlush += 1;
    if (this.#sinceFlush >= this.#kind.flushEvery) this.flush();
  }

  #check(event: Event): void {
    const at = `${this.#kind.name} ${event.type} ${event.name}`;
    if (typeof event.resourceVersion !== "string" || event.resourceVersion === "")
      this.faults.push(`${at}: an event without a resourceVersion`);
    if (typeof event.name !== "string") this.faults.push(`${at}: name is null`);
    if (this.#kind.isNamespaced && event.type !== "BOOKMARK" && !event.namespace)
      this.faults.push(`${at}: no namespace`);
    const hasObject = event[this.#kind.object] !== null;
    if (hasObject !== (event.type === "ADDED" || event.type === "MODIFIED"))
      this.faults.push(`${at}: its object is ${hasObject ? "there" : "null"}`);
  }

  #put(item: Item): void {
    const before = this.cache.get(keyOf(item));
    this.cache.set(keyOf(item), item);
    this.#changed(keyOf(item), before, item);
  }

  #remove(key: string, before: Item | undefined): void {
    this.cache.delete(key);
    this.#changed(key, before, undefined);
  }
}

export function keyOf({ metadata }: Item): string {
  return metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
