import type { Api } from "./client/api.ts";
import type { KubeObject } from "./client/types.ts";
import type { OpenOptions, Watch } from "./client/watch.ts";
import type { BatchWriter, Writer } from "./writers/writer.ts";

/** The nine of watch.md. */
export const PROMISES = [
  "Ordered",
  "Unique",
  "Atomic",
  "Reliable",
  "Resumable",
  "Bookmarkable",
  "Filterable",
  "Durable",
  "Monotonic",
] as const;
export type PromiseName = (typeof PROMISES)[number];

/** The tables that a report has rows in. */
export const TABLES = [
  "Watch rows",
  "Order and content",
  "List and get rows",
  "Paging",
  "Selectors",
  "Bookmarks and WatchList",
  "WebSocket subprotocols",
  "Frames",
  "Flow control",
  "Named watchers",
  "Close codes",
  "Status objects",
  "Roots",
] as const;
export type Table = (typeof TABLES)[number];

/** What a case cannot do without; where the run has none of it the case is skipped, and says so. */
export type Need =
  /** Tokens of other roles: `--mint`. */
  | "mint"
  /** Several changes in one transaction: `--git`. */
  | "batch"
  /** A server whose tail is a few events, so that a state expires within seconds: `--short-tail`. */
  | "shortTail";

export interface Case {
  /** Stable: what --filter and the table of README.md name. */
  id: string;
  /** Null: of the protocol, and of none of the nine in particular. */
  promise: PromiseName | null;
  table: Table;
  /** The row within the table; cases that differ in their transport only share one. */
  row: string;
  title: string;
  needs?: readonly Need[];
  /** Seconds it takes because the protocol says so, where that is more than 10. Left out of a run unless --slow. */
  slow?: number;
  run(t: Context): Promise<void>;
}

export interface MintRequest {
  role: "admin" | "operator" | "controller" | "reader" | "storefront";
  namespaces: string[];
  ttlSeconds?: number;
  sub?: string;
}

/** What a case works with. All that it opens and makes is closed and removed by the runner. */
export interface Context {
  api: Api;
  writer: Writer;
  /** A namespace of the case's own, random in name. */
  namespace(): Promise<string>;
  /** A name for one that does not exist, or not yet; removed if the case makes it. */
  unusedName(): string;
  make(namespace: string, name: string, meta?: Meta): Promise<KubeObject>;
  /** The collection of the writer's kind. */
  path(namespace: string, name?: string): string;
  open(namespace: string, options?: OpenOptions): Promise<Watch>;
  batch(namespace: string): Promise<BatchWriter>;
  mint(request: MintRequest): Promise<string>;
  /** The newest RV of a namespace. */
  head(namespace: string): Promise<number>;
  skip(reason: string): never;
}

export interface Meta {
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** Thrown by `Context.skip`. */
export class Skipped extends Error {}

export type Outcome = "passed" | "failed" | "skipped";

export interface Result {
  id: string;
  promise: PromiseName | null;
  table: Table;
  row: string;
  title: string;
  outcome: Outcome;
  /** Why it failed or was skipped. */
  message?: string;
  ms: number;
}
