/**
 * What the status suite asks of a transport, and of the server behind it. A transport says how one abstract write
 * travels (REST PUT, a merge patch, a socket frame, a mutation) and reads its answer back into one form; every row of
 * status.md then runs over each of them, for a core kind and for a custom one.
 */

export interface TestCondition {
  type: string;
  status?: string;
  observedGeneration?: number;
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

export interface TestStatus<Condition = TestCondition> {
  observedGeneration?: number;
  lastAppliedRevision?: string;
  conditions?: Condition[];
  resolved?: unknown;
  /** Fields that are the system's, or nobody's. */
  [key: string]: unknown;
}

export interface TestObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    generation: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [key: string]: unknown;
  };
  spec: Record<string, unknown>;
  status: TestStatus<Required<TestCondition>> & { conditions: Required<TestCondition>[] };
  body?: string;
}

/** Who writes. Each role is one grant in the suite's namespace. */
export interface Writer {
  /** The token's subject. */
  sub: string;
  /** `watch`: reads and watches only; `elsewhere`: everything a controller may, in another namespace. */
  may: "status" | "admin" | "watch" | "elsewhere" | "anonymous";
}

/** One write. What is absent is not sent. */
export interface TestWrite {
  name: string;
  /** Another kind than the suite's, by its Kind. */
  kind?: string;
  resourceVersion?: string;
  status?: TestStatus;
  spec?: unknown;
  body?: string;
  metadata?: Record<string, unknown>;
  force?: boolean;
  fieldManager?: string;
  idempotencyKey?: string;
  dryRun?: boolean;
  /** The object as the writer read it, which a JSON patch is made from; absent: as it is now. */
  read?: TestObject;
  /** Something that the transport cannot read as a write, in the place of the status. */
  malformed?: boolean;
}

/** The codes of graphql.md, which every transport's answers are read into. */
export type RefusalCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "KIND_NOT_FOUND"
  | "BAD_USER_INPUT"
  | "SPEC_IMMUTABLE"
  | "RATE_LIMITED"
  | "UNAVAILABLE";

export interface TestConflict {
  reason: string;
  currentResourceVersion: string;
  currentGeneration: number;
  current: TestStatus;
  expected: string;
  retryable: boolean;
  hint: string;
  /** Everything else that the answer says, as text. */
  text: string;
}

export type Answer =
  | { outcome: "accepted"; object: TestObject }
  | { outcome: "conflict"; conflict: TestConflict }
  /** `text`: the whole refusal, in which fields are named. */
  | { outcome: "refused"; code: RefusalCode; text: string };

/** What a transport cannot express, or does in another way; rows that depend on it ask. */
export type Trait =
  /** The caller's own types that are left out of `conditions` go. Without it conditions merge by type. */
  | "replacesOwn"
  /** Names a whole object, so that leaving a leaf out of `spec` is a change. */
  | "wholeObject"
  /** Can carry `body`, `phase` and other fields that its input type would not have. */
  | "anyField"
  | "force"
  | "fieldManager"
  | "idempotencyKey"
  | "dryRun"
  /** Checks who calls. */
  | "identity";

export interface StatusTransport {
  name: string;
  traits: ReadonlySet<Trait>;
  write(writer: Writer, write: TestWrite): Promise<Answer>;
}

export interface TestKind {
  kind: string;
  plural: string;
  /** `group/version`. */
  apiVersion: string;
  /** One of the four catalogue kinds, whose status has a phase. */
  catalogue: boolean;
  /** A valid spec, without what the server would default. */
  spec(title: string): Record<string, unknown>;
  /** A valid `status.resolved`; others for other numbers. */
  resolved(n: number): unknown;
  badResolved: { value: unknown; field: string };
}

/** One event of the suite's kind as a watcher got it. */
export interface Seen {
  type: string;
  name: string;
  rv: string;
}

export interface Observation {
  /** Everything from the observation's beginning up to now, for each watch transport. */
  settle(): Promise<Record<string, Seen[]>>;
}

/** The server with one namespace that nobody else writes to. */
export interface StatusWorld {
  kind: TestKind;
  transport: StatusTransport;
  /** An admitted object of the kind, labelled `shop/section: a`, with one condition of admission's where it has any. */
  make(name: string): Promise<TestObject>;
  /** Its spec changed in Git: generation + 1. */
  change(name: string): Promise<TestObject>;
  /** Gone from Git. */
  remove(name: string): Promise<void>;
  read(name: string): Promise<TestObject>;
  /** The namespace's newest RV. */
  head(): Promise<number>;
  observe(): Promise<Observation>;
  /** Moves the server's clock. */
  advance(ms: number): void;
}

export interface Row {
  /** The rule of status.md, as a sentence. */
  title: string;
  /** The part of status.md. */
  rule: string;
  /** Left out for transports without these. */
  needs?: readonly Trait[];
  /** Left out for transports with it. */
  without?: Trait;
  run(t: StatusWorld, name: string): Promise<void>;
}
