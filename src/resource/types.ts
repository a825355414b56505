/** The shapes every other folder shares: what a resource is, what a file in Git gives, what is wrong with it. */

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  blockOwnerDeletion?: boolean;
}

/** Author fields, then the system's. `resourceVersion` is a decimal string, times are RFC 3339. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  uid: string;
  resourceVersion: string;
  generation: number;
  creationTimestamp: string;
  /** `<branch>@sha1:<40 hex>` of the commit that gave the admitted spec. */
  revision?: string;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  deletionTimestamp?: string;
}

export type ConditionStatus = "True" | "False" | "Unknown";

export interface Condition {
  type: string;
  status: ConditionStatus;
  observedGeneration?: number;
  lastTransitionTime?: string;
  reason: string;
  message: string;
}

export interface AdmissionFailure {
  revision: string;
  path: string;
  at: string;
  errors: FieldError[];
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface ResourceStatus {
  observedGeneration?: number;
  conditions?: Condition[];
  phase?: "draft" | "published";
  published?: { release: string; revision: string; digest: string };
  admissionFailure?: AdmissionFailure;
  resolved?: Json;
  [key: string]: unknown;
}

export interface Resource {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec: JsonObject;
  status?: ResourceStatus;
  /** The Markdown after the front matter, byte for byte; absent for kinds without a body. */
  body?: string;
}

/** What an author writes: a resource without anything that the system sets. */
export interface AuthoredResource {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec: JsonObject;
  body?: string;
}

export type Reason =
  | "Required"
  | "Invalid"
  | "TooLong"
  | "TooMany"
  | "Duplicate"
  | "NotSupported"
  | "Forbidden"
  | "TypeInvalid"
  | "UnknownField"
  | "MalformedYAML"
  | "UnclosedFrontMatter"
  | "FileTooLarge"
  | "DuplicateResource"
  | "UnknownKind"
  | "NamespaceMismatch"
  | "ReferenceNotFound"
  | "Cycle"
  | "DivergedBranch"
  | "PolicyDenied"
  | "PolicyError";

/** One validation error, the same everywhere. `line` and `column` are 1-based and point into the file. */
export interface FieldError {
  path?: string;
  line?: number;
  column?: number;
  /** A JSON path such as `spec.options[1].name`; empty for the whole file. */
  field: string;
  reason: Reason;
  message: string;
  hint?: string;
  policy?: string;
}

/** A kind's key inside a namespace: `Product.catalog.gitstore.dev`. The version is no part of identity. */
export type KindKey = string;

export interface Identity {
  kind: KindKey;
  name: string;
}

/** A reference that a spec makes to another object, with the place it stands at in its file. */
export interface Reference {
  /** JSON path of the referring field, `spec.categoryRef`. */
  field: string;
  /** What the reference is for; decides which condition reports that it is missing. */
  role: "category" | "parent" | "product" | "file";
  kind: KindKey;
  name: string;
  namespace?: string;
  optional?: boolean;
  line?: number;
  column?: number;
}

/** A resource read from a file (or an API body) with what later stages need to point back into it. */
export interface Candidate {
  identity: Identity;
  resource: AuthoredResource;
  references: Reference[];
  /** SHA-256, hex, of labels, annotations, spec and body in canonical JSON: equal digests mean no change. */
  digest: string;
  /** Of spec and body only: decides `generation`. */
  specDigest: string;
  /** 1-based places of fields that the stateful stages report on, by JSON path. */
  positions: Record<string, { line: number; column: number }>;
}

/** What one file of a tree gives. */
export type FileOutcome =
  /** No resource: another extension, no front matter, no `apiVersion`. */
  | { outcome: "ignored" }
  | { outcome: "resource"; candidate: Candidate }
  /** `identity` is there when kind and name could still be read. */
  | { outcome: "invalid"; identity?: Identity; errors: FieldError[] };
