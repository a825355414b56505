/** Relay connections over a ledger's lists: name order, one state for all pages of a list, and the RV to watch from. */
import { unwrap } from "../http/status.ts";
import type { ListPage, ListRequest, Result } from "../ledger/api.ts";
import type { KindDef } from "../resource/kind.ts";
import type { Resource } from "../resource/types.ts";
import { about, type GraphContext, ledgerFor } from "./context.ts";
import { decodeCursor, encodeCursor, type PageCursor } from "./cursor.ts";
import { badInput } from "./errors.ts";

export interface PageArgs {
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
}

export interface Edge<T> {
  cursor: string;
  node: T;
}

export interface PageInfo {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
}

export interface Connection<T> {
  edges: Edge<T>[];
  pageInfo: PageInfo;
  /** Asked for by few, and a request of its own. */
  totalCount: () => Promise<number>;
  resourceVersion: string;
}

/** What a page is without `first` and `last`; the cost of a query counts with it. */
export const DEFAULT_PAGE = 100;
/** Objects a request to the ledger while a whole list is walked. */
const WALK_PAGE = 500;
/** Where counting would be a scan. */
const UNKNOWN_COUNT = -1;

export interface Listed {
  kind: KindDef;
  namespace: string | undefined;
  labelSelector?: string | undefined;
}

/** What of a list is asked for; BAD_USER_INPUT for what cannot be. */
export interface Page {
  size: number;
  backwards: boolean;
  after?: PageCursor;
  before?: PageCursor;
}

export function pageOf(args: PageArgs): Page {
  const { first, last } = args;
  if (typeof first === "number" && typeof last === "number") throw badInput("first and last: give one of them");
  for (const [name, value] of Object.entries({ first, last })) {
    if (typeof value === "number" && value < 0) throw badInput(`${name}: must not be negative, found ${value}`);
  }
  const after = cursorOf("after", args.after);
  const before = cursorOf("before", args.before);
  return {
    size: first ?? last ?? DEFAULT_PAGE,
    backwards: typeof last === "number",
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
  };
}

function cursorOf(name: string, cursor: string | null | undefined): PageCursor | undefined {
  if (cursor === null || cursor === undefined || cursor === "") return undefined;
  const decoded = decodeCursor(cursor);
  if (!decoded) throw badInput(`${name}: ${JSON.stringify(cursor.slice(0, 80))} is no cursor that a list gave`);
  return decoded;
}

/** The caller is authorised. A namespace that is not there, or is gone since, is an empty list. */
export async function connection(graph: GraphContext, list: Listed, args: PageArgs): Promise<Connection<Resource>> {
  const page = pageOf(args);
  const lister = new Lister(graph, list, page.after?.rv ?? page.before?.rv);
  const found =
    page.backwards || page.before !== undefined ? await lister.backwards(page) : await lister.forwards(page);
  const edges = found.items.map((node) => ({
    node,
    cursor: encodeCursor({ rv: lister.rv, name: node.metadata.name }),
  }));
  return {
    edges,
    pageInfo: { hasNextPage: found.next, hasPreviousPage: found.previous, ...ends(edges) },
    totalCount: () => lister.count(),
    resourceVersion: lister.rv,
  };
}

export function ends(edges: readonly Edge<unknown>[]): Pick<PageInfo, "startCursor" | "endCursor"> {
  return { startCursor: edges[0]?.cursor ?? null, endCursor: edges.at(-1)?.cursor ?? null };
}

interface Found {
  items: Resource[];
  next: boolean;
  previous: boolean;
}

class Lister {
  readonly #graph: GraphContext;
  readonly #list: Listed;
  /** The state to read, until the ledger no longer keeps it. */
  #at: number | undefined;
  /** The list's RV: that of its first page, also where later pages are newer: a watch from it tells the difference. */
  rv: string;

  constructor(graph: GraphContext, list: Listed, rv: string | undefined) {
    this.#graph = graph;
    this.#list = list;
    this.#at = rv === undefined ? undefined : Number(rv);
    this.rv = rv ?? "0";
  }

  async forwards({ size, after }: Page): Promise<Found> {
    const page = await this.#read(after?.name, Math.max(1, size));
    const items = page.items.slice(0, size).map((text) => JSON.parse(text) as Resource);
    return { items, next: page.next !== undefined || page.items.length > size, previous: after !== undefined };
  }

  /** A ledger lists forwards only: walks up to `before`, and keeps no more than the page. */
  async backwards({ size, backwards, after, before }: Page): Promise<Found> {
    const kept: Resource[] = [];
    let next = before !== undefined;
    let more = false;
    for await (const item of this.walk(after?.name)) {
      if (before !== undefined && item.metadata.name >= before.name) break;
      if (!backwards && kept.length === size) {
        next = true;
        break;
      }
      kept.push(item);
      if (kept.length > size) {
        kept.shift();
        more = true;
      }
    }
    return { items: kept, next, previous: more || after !== undefined };
  }

  async *walk(after?: string): AsyncGenerator<Resource> {
    let from = after;
    do {
      const page: Pick<ListPage, "items" | "next"> = await this.#read(from, WALK_PAGE);
      for (const text of page.items) yield JSON.parse(text) as Resource;
      from = page.next;
    } while (from !== undefined);
  }

  async count(): Promise<number> {
    if (this.#list.labelSelector) return UNKNOWN_COUNT;
    const { items, next, remaining } = await this.#ask({ kind: this.#list.kind.key, limit: 1 });
    return next === undefined ? items.length : items.length + (remaining ?? 0);
  }

  async #read(after: string | undefined, limit: number): Promise<Pick<ListPage, "items" | "next">> {
    const { kind, labelSelector } = this.#list;
    const page = await this.#ask({
      kind: kind.key,
      limit,
      ...(labelSelector ? { labelSelector } : {}),
      ...(after === undefined ? {} : { after }),
      ...(this.#at === undefined ? {} : { at: this.#at }),
    });
    if (this.rv === "0") this.rv = page.rv;
    if (this.rv !== "0") this.#at ??= Number(page.rv);
    return page;
  }

  async #ask(request: ListRequest): Promise<ListPage> {
    const { kind, namespace } = this.#list;
    const ledger = ledgerFor(this.#graph, namespace);
    let result: Result<ListPage> = await ledger.list(request);
    if (!result.ok && result.error.code === "NoNamespace") return { rv: "0", items: [] };
    if (!result.ok && result.error.code === "Expired" && request.at !== undefined) {
      // Names are the order, so going on at the newest state gives no object twice and misses none that stayed.
      const { at: _, ...newest } = request;
      this.#at = undefined;
      result = await ledger.list(newest);
    }
    return unwrap(result, about(kind, namespace));
  }
}

/** Everything of a kind, for what no list can be asked: who refers to whom. */
export const SCAN_MAX = 10_000;

export async function scan(
  graph: GraphContext,
  list: Listed,
  fits: (resource: Resource) => boolean,
): Promise<{ items: Resource[]; rv: string }> {
  const lister = new Lister(graph, list, undefined);
  const items: Resource[] = [];
  let read = 0;
  for await (const item of lister.walk()) {
    read += 1;
    if (read > SCAN_MAX) {
      throw badInput(
        `namespace ${JSON.stringify(list.namespace)} has more than ${SCAN_MAX} ${list.kind.plural}: ` +
          "this field reads all of them; list or watch them instead, and join by their references",
      );
    }
    if (fits(item)) items.push(item);
  }
  return { items, rv: lister.rv };
}

/** A connection over what is in memory already, in name order. */
export function connectionOf(
  { items, rv }: { items: readonly Resource[]; rv: string },
  args: PageArgs,
): Connection<Resource> {
  const { size, backwards, after, before } = pageOf(args);
  const between = items.filter(
    ({ metadata: { name } }) => (!after || name > after.name) && (!before || name < before.name),
  );
  const shown = backwards ? between.slice(Math.max(0, between.length - size)) : between.slice(0, size);
  const edges = shown.map((node) => ({ node, cursor: encodeCursor({ rv, name: node.metadata.name }) }));
  const cut = shown.length < between.length;
  return {
    edges,
    pageInfo: {
      hasNextPage: backwards ? before !== undefined : cut,
      hasPreviousPage: backwards ? cut : after !== undefined,
      ...ends(edges),
    },
    totalCount: async () => items.length,
    resourceVersion: rv,
  };
}
