import type { KindDef, KindRegistry } from "../resource/kind.ts";
import type { Candidate, Condition, FieldError, Identity, KindKey, Resource } from "../resource/types.ts";

export type Operation = "CREATE" | "UPDATE" | "DELETE";
export type Trigger = "push" | "api" | "release";
export type Stage = "parse" | "schema" | "references" | "policies";

/**
 * The state a change set results in, as far as a reference can see it: what is admitted, less what the set deletes,
 * plus what it brings. All reads are synchronous; in a ledger they are SQL inside the transaction.
 */
export interface ResultingState {
  exists(identity: Identity): boolean;
  /** The spec of an object in the resulting state. */
  spec(identity: Identity): Resource["spec"] | undefined;
  /** Names of ProductVariants, other than `name`, that hold this SKU in the resulting state. */
  skuHolders(sku: string, name: string): string[];
  /** All objects of a kind in the resulting state; only used to judge a CustomResourceDefinition. */
  ofKind(kind: KindKey): Iterable<{ name: string; resource: Pick<Resource, "spec" | "body"> }>;
}

export interface AdmissionRequest {
  operation: Operation;
  namespace: string;
  trigger: Trigger;
  /** The stages to run, in this order. Pre-receive runs parse and schema; a push adds references in the ledger. */
  stages: Stage[];
  registry: KindRegistry;
  /** A file to parse (stage `parse`), with the repository's namespace as the default one. */
  source?: { path: string; text: string };
  /** A candidate that an earlier call, or an API body, gave. Needed where stage `parse` is not run. */
  candidate?: Candidate;
  oldObject?: Resource;
  /** With trigger `release`: whether missing references and cycles refuse (the default) or only warn. */
  danglingReferences?: "Error" | "Warn";
  /** Needed by stage `references`. */
  state?: ResultingState;
  actor?: string;
  commit?: string;
  ref?: string;
  now: string;
  dryRun?: boolean;
}

export interface AdmissionDecision {
  allowed: boolean;
  /** `ignored` where the source is no resource at all. */
  ignored?: boolean;
  identity?: Identity;
  kind?: KindDef;
  candidate?: Candidate;
  /** The stage that refused, absent when allowed. */
  stage?: Stage;
  errors: FieldError[];
  warnings: FieldError[];
  /** What admission observed about the object; merged by type into its status, never over another owner's. */
  conditions: Condition[];
  policies: { name: string; decision: string; durationMs: number }[];
}
