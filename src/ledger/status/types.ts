/**
 * Status writes as every transport asks for them and as every one of them is answered. Part of the ledger's door:
 * outside of `ledger/` these are imported from `api.ts`.
 */
import type { FieldError, KindKey, ResourceStatus } from "../../resource/types.ts";
import type { LedgerError } from "../api.ts";

/**
 * What of a status the caller gives, as it came: the core judges the shape, so that every transport refuses the same
 * with the same words. A field that is absent (or null, but for merge patches) is unchanged.
 */
export type StatusInput =
  /** REST PUT, and server-side apply: the object. The caller's own condition types left out of `conditions` go. */
  | { mode: "put" | "apply"; object: unknown }
  /** RFC 7386 on the object, but `conditions` merge by type. */
  | { mode: "merge"; patch: unknown }
  /** RFC 6902 on the object; its result is compared with what is stored. */
  | { mode: "json"; patch: unknown }
  /** `updateResourceStatus`, the per-kind mutations, and the watch socket: as PUT, field by field. */
  | { mode: "update"; fields: StatusFields }
  /** `updateProductStatus`: the same with `conditions` merged by type. */
  | { mode: "product"; fields: StatusFields };

/** `UpdateResourceStatusInput` without what names the object and the writer. Condition statuses in any letter case. */
export interface StatusFields {
  /** Nullable, so that its absence is answered here. */
  resourceVersion?: unknown;
  observedGeneration?: unknown;
  lastAppliedRevision?: unknown;
  conditions?: unknown;
  /** Types to remove, the caller's own. GraphQL only. */
  removeConditions?: unknown;
  resolved?: unknown;
  /** These two exist to be refused where they differ from the stored object. */
  spec?: unknown;
  metadata?: unknown;
}

/** One status write. Who calls has authenticated the token and checked verb `update` on `{plural}/status`. */
export interface StatusWrite {
  kind: KindKey;
  name: string;
  /** As the input names it, where it does; empty is as good as absent. Another than the ledger's is a BadRequest. */
  namespace?: string;
  input: StatusInput;
  /** The token's subject. */
  sub: string;
  /** Owns what this write changes; absent or empty: `sub`. */
  fieldManager?: string;
  /** Takes over what another manager owns. */
  force?: boolean;
  /** The token has verb `admin` here: as `force`, always. */
  admin?: boolean;
  dryRun?: boolean;
  /** STATUS_PATCH_UNCONDITIONAL: a PATCH without `resourceVersion` goes through. */
  unconditional?: boolean;
  /** Remembered 24 h per `sub`: the same write again is answered as the first was, and not done again. */
  idempotencyKey?: string;
  /** The named watcher's connection that this write belongs to (`GitStore-Watcher`); an older epoch is fenced. */
  watcher?: { subject: string; name: string; epoch: number };
}

export type StatusOutcome =
  /** `object` is the object as JSON text. A dry run is `written` with the present `rv`. */
  | { outcome: "written"; rv: string; object: string }
  /** The same content again: nothing was written, the RV is the one the object has. */
  | { outcome: "noop"; rv: string; object: string }
  | { outcome: "conflict"; conflict: StatusConflict }
  | { outcome: "refused"; refusal: StatusRefusal };

export type StatusConflictReason = "STALE_RESOURCE_VERSION" | "FIELD_MANAGER_CONFLICT" | "RECREATED";

/** The one conflict model of every transport. Nothing was written. */
export interface StatusConflict {
  reason: StatusConflictReason;
  currentResourceVersion: string;
  currentGeneration: number;
  /** The status as it is now. */
  current: ResourceStatus;
  /** The `resourceVersion` that the write asked for; empty for an unconditional one. */
  expected: string;
  /** Whether reading again and deciding anew may succeed. */
  retryable: boolean;
  hint: string;
  message: string;
  /** FIELD_MANAGER_CONFLICT: each field and who owns it, `status.conditions[type="Ready"]` or `status.resolved`. */
  owners?: { field: string; manager: string }[];
}

export type StatusRefusal =
  | Extract<
      LedgerError,
      { code: "NoNamespace" | "NotFound" | "Invalid" | "BadRequest" | "TooLarge" | "Fenced" | "Unavailable" }
    >
  | { code: "KindNotFound"; kind: KindKey }
  /** `spec`, `body` or author metadata differ from the stored object; the fields are named. 422 in REST. */
  | { code: "SpecImmutable"; kind: KindKey; name: string; errors: FieldError[] };
