/**
 * A stand-in for upstream's controller manager: its order of calls, its caches, checkpoints and queues, and its
 * defects. It knows of the edge only what upstream's binary does: the URL and a token.
 */
import { type Item, LISTS, listAll, WATCHES } from "./documents.ts";
import { Queue } from "./queue.ts";
import { reconcileCategory, reconcileNamespace } from "./reconcilers.ts";
import { type Checkpoint, type KindOfRunner, Runner } from "./runner.ts";
import type { Api } from "./transport.ts";

/** Its checkpoint directory: a file per kind, and what was not worked. */
export interface Checkpoints {
  namespaces?: Checkpoint;
  categories?: Checkpoint;
  products?: Checkpoint;
  pending: { namespaces: string[]; categories: string[] };
}

export class Manager {
  readonly namespaces: Runner;
  readonly categories: Runner;
  readonly products: Runner;
  /** Reconciles that were begun; each ends in a write. */
  reconciles = 0;
  readonly #queues: { namespaces: Queue; categories: Queue };
  readonly #stop = new AbortController();
  readonly #api: Api;
  #following: Promise<unknown> = Promise.resolve();

  constructor(api: Api) {
    this.#api = api;
    const queue = (work: (key: string) => Promise<void>) =>
      new Queue(async (key) => {
        this.reconciles += 1;
        await work(key);
      });
    this.#queues = {
      namespaces: queue((key) => reconcileNamespace(api, this.namespaces.cache, key)),
      categories: queue((key) => reconcileCategory(api, this.categories.cache, key)),
    };
    const { namespaces, categories } = this.#queues;
    this.namespaces = this.#runner(NAMESPACES(api), (key) => namespaces.add(key));
    this.categories = this.#runner(CATEGORIES(api), (key, before, after) => {
      categories.add(key);
      const isNews = before?.metadata.generation !== after?.metadata.generation;
      if (isNews) for (const one of this.#around(key, before, after)) categories.add(one);
    });
    this.products = this.#runner(PRODUCTS(api), (key, before, after) => {
      const namespace = key.split("/")[0];
      for (const name of [before, after].flatMap((item) => item?.spec?.categoryRef?.name ?? [])) {
        if (this.categories.cache.has(`${namespace}/${name}`)) categories.add(`${namespace}/${name}`);
      }
    });
  }

  /** Of a checkpoint, or of nothing. Resolves once the caches are in step. */
  async start(from?: Checkpoints): Promise<void> {
    await this.namespaces.begin(from?.namespaces);
    await this.categories.begin(from?.categories);
    await this.products.begin(from?.products);
    for (const key of from?.pending.namespaces ?? []) this.#queues.namespaces.add(key);
    for (const key of from?.pending.categories ?? []) this.#queues.categories.add(key);
    this.#following = Promise.all(this.#runners.map((runner) => runner.follow()));
    for (const queue of Object.values(this.#queues)) queue.release();
  }

  /** A clean end, with what a next run begins from. */
  async stop(): Promise<Checkpoints> {
    this.#stop.abort();
    for (const queue of Object.values(this.#queues)) queue.stop();
    await this.#following;
    for (const runner of this.#runners) runner.flush();
    return this.checkpoints;
  }

  /** What is on its disk now: all that is left after a crash. */
  get checkpoints(): Checkpoints {
    const { namespaces, categories, products } = this;
    return structuredClone({
      ...(namespaces.checkpoint ? { namespaces: namespaces.checkpoint } : {}),
      ...(categories.checkpoint ? { categories: categories.checkpoint } : {}),
      ...(products.checkpoint ? { products: products.checkpoint } : {}),
      pending: { namespaces: this.#queues.namespaces.pending, categories: this.#queues.categories.pending },
    });
  }

  get isIdle(): boolean {
    return Object.values(this.#queues).every(({ pending }) => pending.length === 0);
  }

  get quarantined(): string[] {
    return Object.values(this.#queues).flatMap(({ quarantined }) =>
      [...quarantined].map(([key, why]) => `${key}: ${why}`),
    );
  }

  get lists(): number {
    return this.#sum(({ lists }) => lists);
  }

  get relists(): number {
    return this.#sum(({ relists }) => relists);
  }

  get faults(): string[] {
    return this.#runners.flatMap(({ faults }) => faults);
  }

  get endings(): string[] {
    return this.#runners.flatMap(({ endings }) => endings.map(({ code, message }) => `${code ?? ""} ${message}`));
  }

  get #runners(): Runner[] {
    return [this.namespaces, this.categories, this.products];
  }

  #sum(of: (runner: Runner) => number): number {
    return this.#runners.reduce((sum, runner) => sum + of(runner), 0);
  }

  #runner(kind: KindOfRunner, changed: (key: string, before: Item | undefined, after: Item | undefined) => void) {
    return new Runner(this.#api, kind, changed, this.#stop.signal);
  }

  /** Its parents, whose count it is in, and all below it, whose path it is in. */
  #around(key: string, before: Item | undefined, after: Item | undefined): string[] {
    const namespace = key.split("/")[0];
    const parents = [before, after].flatMap((item) => item?.spec?.parentRef?.name ?? []);
    const found = parents.map((name) => `${namespace}/${name}`).filter((one) => this.categories.cache.has(one));
    const below = [key];
    for (const one of below) {
      const name = one.slice(`${namespace}/`.length);
      for (const [child, { metadata, spec }] of this.categories.cache) {
        const isBelow = metadata.namespace === namespace && spec?.parentRef?.name === name;
        if (isBelow && !below.includes(child)) below.push(child);
      }
    }
    return [...found, ...below.slice(1)];
  }
}

const NAMESPACES = (api: Api): KindOfRunner => ({
  name: "Namespace",
  watch: WATCHES.namespaces,
  list: () => listAll(api, LISTS.namespaces),
  bootstrap: "__namespace_watch_bootstrap__",
  object: "object",
  isNamespaced: false,
  flushEvery: 100,
});

const CATEGORIES = (api: Api): KindOfRunner => ({
  name: "CategoryTaxonomy",
  watch: WATCHES.categories,
  list: () => listEach(api, LISTS.categories),
  object: "category",
  isNamespaced: true,
  flushEvery: 100,
});

const PRODUCTS = (api: Api): KindOfRunner => ({
  name: "Product",
  watch: WATCHES.products,
  list: () => listEach(api, LISTS.products),
  bootstrap: "__product_watch_bootstrap__",
  object: "product",
  isNamespaced: true,
  flushEvery: 1,
});

/** Namespaces first, then each of them: one that fails fails it all. */
async function listEach(api: Api, query: string): Promise<Item[]> {
  const items: Item[] = [];
  for (const { metadata } of await listAll(api, LISTS.namespaces))
    items.push(...(await listAll(api, query, metadata.name)));
  return items;
}
