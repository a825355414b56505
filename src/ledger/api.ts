/**
 * The ledger's only door. `git`, `release`, `http` and `graphql` reach a namespace's order through this interface (it
 * is the Durable Object's RPC); nothing else of `ledger/` is imported from outside. Everything here survives structured
 * clone, and every refusal is a tagged union: a class does not survive RPC, and a throw does not undo a write.
 */
import type { Stage } from "../admission/types.ts";
import type {
  AuthoredResource,
  Candidate,
  Condition,
  FieldError,
  Identity,
  JsonObject,
  KindKey,
} from "../resource/types.ts";
import type { StatusOutcome, StatusWrite } from "./status/types.ts";

export type * from "./status/types.ts";
export { statusOfConflict, statusOfRefusal } from "./status/wire.ts";

/** The name of the ledger of cluster-scoped kinds. It is no DNS label, so no namespace can take it. */
export const CLUSTER_LEDGER = "~cluster";

export type Result<T, E = LedgerError> = { ok: true; value: T } | { ok: false; error: E };

export type LedgerError =
  /** No such namespace: nobody opened this ledger, or it was deleted. */
  | { code: "NoNamespace" }
  | { code: "NotFound"; kind: KindKey; name: string }
  | { code: "AlreadyExists"; kind: KindKey; name: string }
  /** A precondition (`uid`, `resourceVersion`) does not hold. */
  | { code: "Conflict"; kind: KindKey; name: string; message: string; current?: string }
  | { code: "Invalid"; kind: KindKey; name: string; errors: FieldError[] }
  | { code: "MethodNotAllowed"; kind: KindKey; message: string }
  /** The RV, or the state a `continue` token pins, is no longer kept. */
  | { code: "Expired"; message: string; cause?: string }
  /** A write of a named watcher's connection that another one replaced. */
  | { code: "Fenced"; message: string }
  | { code: "FutureVersion"; requested: string; current: string }
  | { code: "TooLarge"; message: string }
  | { code: "BadRequest"; message: string }
  | { code: "Unavailable"; message: string; retryAfterSeconds: number };

export interface ListRequest {
  kind: KindKey;
  labelSelector?: string;
  fieldSelector?: string;
  /** Objects a page; a page also ends at 8 MiB. */
  limit: number;
  /** Exactly this state; absent: the newest. */
  at?: number;
  /** Names strictly greater. */
  after?: string;
  /** Also where the namespace was deleted, while its data is kept: what there was at its end. */
  ended?: boolean;
}

export interface ListPage {
  /** The one RV that every page of this list is a state at. */
  rv: string;
  /** Whole objects as JSON text, in name order. */
  items: string[];
  /** Where the next page starts; absent on the last. */
  next?: string;
  /** Objects after this page; absent where a selector makes it unknown. */
  remaining?: number;
}

export interface HeadInfo {
  namespace: string;
  uid: string;
  rv: string;
  /** The oldest RV a watch may resume from: events above it are in the tail or in D1. */
  floor: string;
}

/** A spec written by the API (`owner: "api"` kinds), through `admit()` with trigger `api`. */
export interface ApiWrite {
  operation: "CREATE" | "UPDATE" | "DELETE";
  kind: KindKey;
  name: string;
  /** For CREATE and UPDATE. */
  resource?: AuthoredResource;
  precondition?: { uid?: string; resourceVersion?: string };
  actor: string;
  dryRun?: boolean;
  /** The named watcher's connection that this write belongs to (`GitStore-Watcher`); an older epoch is fenced. */
  watcher?: { subject: string; name: string; epoch: number };
  /** Remembered 24 h per `actor`: the same key with the same request is answered as the first was, and not done again. */
  idempotency?: { key: string; request: JsonObject };
}

export interface Written {
  rv: string;
  /** The object as JSON text; for DELETE the last one, with the deletion's RV. */
  object: string;
  changed: boolean;
  /** Done before, under the same idempotency key: what follows a write must not follow this. */
  replayed?: boolean;
}

// ---- Git in -------------------------------------------------------------------------------------------------------

export interface Actor {
  name: string | null;
  email: string | null;
  id: string | null;
  provider: string;
}

export interface CommitInfo {
  sha: string;
  tree: string;
  message: string;
  author: { name: string; email: string; time: string };
  committer: { name: string; email: string; time: string };
}

/** One observed move of one ref. `old` and `new` are null where the ref did not, or does no longer, exist. */
export interface PushHeader {
  repository: { uid: string; name: string };
  ref: string;
  refType: "branch" | "tag";
  old: string | null;
  new: string | null;
  /** The commit behind `new`; equal to it but for annotated tags. */
  peeled: string | null;
  objectType: "lightweight" | "annotated" | null;
  /** This ref's move counter, 1 for its first move; part of every event id. */
  move: number;
  forced: boolean;
  baseline?: boolean;
  commit: CommitInfo | null;
  actor: Actor;
  observedVia: "webhook" | "poll" | "hook";
  delivery?: { provider: string; id: string };
  policy: { branches: string[]; releaseTags: string[]; matched: boolean };
  /** When the move was observed. */
  time: string;
  traceparent?: string;
}

/** What a changed file (or an identity that left the tree) asks of the ledger, in the order it is to be applied. */
export type PushOp =
  | { op: "upsert"; path: string; blob: string; candidate: Candidate }
  | { op: "delete"; path: string; identity: Identity }
  /**
   * Refused before the ledger (parse, schema, two files with one identity). With an identity that was admitted before:
   * kept, with `status.admissionFailure`; else a rejected record, by identity or by path.
   */
  | { op: "fail"; path: string; blob: string; identity?: Identity; stage: Stage; errors: FieldError[] };

/** One row of a branch's index: which blob and which identity a path has. Directories end in `/` and hold a tree. */
export interface IndexEntry {
  path: string;
  /** Blob (or tree) id; null removes the row. */
  oid: string | null;
  /** Null: a file that is no resource, one with no readable identity, or a directory. */
  identity: Identity | null;
}

/** At most 1,000 ops and 8 MiB. A push that needs more comes in several, in order. */
export interface PushChunk {
  push: PushHeader;
  /** 0 for the first; must be the one the ledger expects next (`PushProgress.next`). */
  seq: number;
  /** Whether this is the push's last: it moves the applied ref and closes the push. */
  final: boolean;
  /** Files of this chunk that parsed into a resource, in path order. */
  parsed: { kind: string; name: string; path: string; blob: string }[];
  ops: PushOp[];
  index: IndexEntry[];
  /** Files in the whole push, for namespace-target. */
  changed: { files: number; resources: number; deleted: number };
  /** Answers to an `ancestry` result: whether `push.peeled` descends from each commit. */
  ancestry?: Record<string, boolean>;
  /**
   * Where a deleted branch's resource goes back to another branch's version: that branch and its commit, by op path.
   * Such an upsert is held by, and revisioned from, this branch instead of the push's own.
   */
  heldBy?: Record<string, { branch: string; commit: string }>;
}

export type PushResult =
  | { result: "applied"; rv: string; next: number; done: boolean; admitted: number; refused: number; unchanged: number }
  /** Not the chunk the ledger waits for, or not from the oid it has applied: read `gitState` and plan again. */
  | { result: "stale"; message: string }
  /** Nothing was written: repeat the chunk with `ancestry` answers for these commits. */
  | { result: "ancestry"; commits: string[] }
  /** The chunk is over a limit; nothing was written: send fewer ops. */
  | { result: "tooLarge"; message: string }
  /** No such namespace or repository. */
  | { result: "gone" };

export interface AppliedRef {
  ref: string;
  oid: string | null;
  peeled: string | null;
  /** Moves so far; the next one is `move + 1`. A deleted ref keeps its counter. */
  move: number;
}

/** A push that was begun and not finished: its ref event is out, so it must be completed before anything newer. */
export interface PushProgress {
  push: PushHeader;
  next: number;
  admitted: number;
  refused: number;
}

export interface GitState {
  repository: { uid: string; name: string; spec: Record<string, unknown>; resourceVersion: string };
  refs: AppliedRef[];
  open: PushProgress[];
  /** Resources that this repository holds: only where they were asked for, since counting them reads every object. */
  resources?: number;
}

export interface RepositoryStatusPatch {
  /** Merged by type. */
  conditions?: Condition[];
  removeConditions?: string[];
  lastSync?: { at: string; via: string };
}

export interface RejectedRecord {
  repository: string;
  branch: string;
  path: string;
  kind?: KindKey;
  name?: string;
  commit: string;
  blob: string;
  at: string;
  stage: Stage;
  errors: FieldError[];
}

/** An event that belongs to no push of its own: `push-rejected`. */
export interface StandaloneEvent {
  repository: { uid: string; name: string };
  type: string;
  subject: string;
  /** Makes the id deterministic; the same key is recorded once. */
  key: string;
  time: string;
  data: Record<string, unknown>;
  traceparent?: string;
}

export interface LedgerApi {
  /** Makes the namespace's ledger, RV 1. Idempotent by uid. */
  open(namespace: { name: string; uid: string }): Promise<Result<HeadInfo>>;
  /** Ends the namespace: sockets close 4404, reads answer NoNamespace, data goes after 7 days. The counter stays. */
  close(): Promise<Result<{ rv: string }>>;
  head(): Promise<Result<HeadInfo>>;
  /** The object as JSON text. */
  get(kind: KindKey, name: string): Promise<Result<string>>;
  list(request: ListRequest): Promise<Result<ListPage>>;
  /** What a uid is of, among objects made since the last flush; older ones are in D1's index of uids. */
  identify(uid: string): Promise<Result<Identity>>;
  /** Waits until the ledger has reached `rv`, at most 3 s; then FutureVersion. */
  reached(rv: number, kind?: KindKey): Promise<Result<HeadInfo>>;
  write(write: ApiWrite): Promise<Result<Written>>;
  /** How a write under this key was answered; null: there was none. For what must be known before the write. */
  recall(write: Pick<ApiWrite, "actor" | "idempotency">): Promise<Result<Written | null>>;
  /** The status subresource, for every kind: one write, one outcome, whatever the transport. */
  updateStatus(write: StatusWrite): Promise<StatusOutcome>;
  /** CloudEvents (the `spec` of GitEvents) as JSON texts, in RV order. */
  events(query: { after: number; types?: string[]; limit: number }): Promise<Result<{ rv: string; events: string[] }>>;
  rejected(query: {
    kind?: KindKey;
    repository?: string;
    limit: number;
    after?: string;
  }): Promise<Result<{ records: RejectedRecord[]; next?: string }>>;

  /** Everything the repository object needs to plan: what of its refs has been applied, and pushes left open. */
  gitState(repository: string, options?: { resources?: boolean }): Promise<Result<GitState>>;
  /** Pages of a branch's index, in path order. */
  index(query: {
    repository: string;
    branch: string;
    after?: string;
    limit: number;
  }): Promise<Result<{ entries: IndexEntry[]; next?: string }>>;
  /** Identities whose admitted state only this branch holds, with the other branches whose index has them. */
  heldOnlyBy(query: {
    repository: string;
    branch: string;
    after?: string;
    limit: number;
  }): Promise<
    Result<{ held: { identity: Identity; others: { branch: string; path: string; oid: string }[] }[]; next?: string }>
  >;
  applyPush(chunk: PushChunk): Promise<PushResult>;
  /** Closes an open push whose commit can no longer be fetched, at its new oid, so that newer ones can follow. */
  abandonPush(query: { repository: string; ref: string; reason: string }): Promise<Result<{ rv: string }>>;
  recordEvent(event: StandaloneEvent): Promise<Result<{ rv: string; duplicate: boolean }>>;
  setRepositoryStatus(
    repository: string,
    patch: RepositoryStatusPatch,
  ): Promise<Result<{ rv: string; changed: boolean }>>;
  /** Forgets a repository: its resources stay (owned by nobody) or are deleted. Repeat until done. */
  releaseRepository(repository: string, policy: "retain" | "delete"): Promise<Result<{ done: boolean }>>;

  /** Custom kinds that are in force, as their CustomResourceDefinitions' specs (JSON text), for registries elsewhere. */
  definitions(): Promise<Result<{ rv: string; specs: string[] }>>;
  /** Named watchers with their positions and lag. */
  watchers(): Promise<Result<WatcherInfo[]>>;
  /** Forgets a named watcher (of one subject, or of all) and closes its connections; how many there were. */
  removeWatcher(name: string, subject?: string): Promise<Result<{ removed: number }>>;
  /** Closes every socket as planned (4503), each to come back after a time of its own within `spreadMs`. */
  drain(spreadMs: number): Promise<Result<{ closed: number }>>;
  /** Closes the sockets of a revoked token or subject. */
  revoke(who: { jti?: string; sub?: string }): Promise<{ closed: number }>;
  /** Gauges for `/metrics` and `/readyz`. */
  stats(): Promise<LedgerStats>;
}

export interface WatcherInfo {
  name: string;
  /** The token subject that made it, and that it belongs to. */
  subject: string;
  /** Kinds and selectors it was bound to at first use. */
  query: Record<string, unknown>;
  /** Everything up to here is worked. */
  position: string;
  epoch: number;
  lagEvents: number;
  lagSeconds: number;
  connected: boolean;
  /** Connections that wait to take over. */
  standby: number;
  lastUsed: string;
}

export interface LedgerStats {
  namespace: string;
  rv: number;
  tailEvents: number;
  tailBytes: number;
  outboxDepth: number;
  outboxAgeMs: number;
  windowFloor: number;
  watchers: { connected: number; parked: number };
  named: WatcherInfo[];
  counters: Record<string, number>;
  alarmOverdueMs: number;
  /** When this instance of the object was started, ms since 1970. */
  startedAt: number;
}

/** A stub as the Worker sees it. `fetch` takes watch upgrades only (`watch/upgrade.ts`). */
export type LedgerStub = LedgerApi & { fetch(request: Request): Promise<Response> };
