/** What a desired object may not change, checked against the stored one; each function is one row of status.md. */
import { utf8Length } from "../../resource/canonical.ts";
import { formatField } from "../../resource/field.ts";
import { show } from "../../resource/json.ts";
import type { KindDef } from "../../resource/kind.ts";
import type { Condition, FieldError, Json, JsonObject, Resource } from "../../resource/types.ts";
import { validate } from "../../resource/validate.ts";
import { MAX_CONDITIONS } from "./conditions.ts";
import type { Desired } from "./desired.ts";
import { differingLeaves } from "./leaves.ts";

/** Fields of a status that a controller writes; all others are the system's. */
export const WRITABLE = ["observedGeneration", "lastAppliedRevision", "conditions", "resolved"];
/** The system's on every kind, stored or not; a kind's own (`applied`, `release`, …) are the system's as they are. */
const SYSTEM = ["phase", "published", "admissionFailure"];
/** Of what a controller writes, as UTF-8 JSON; the system's part does not count against it. */
export const MAX_STATUS_BYTES = 64 * 1024;

/** Author metadata, and the two fields that controllers set elsewhere but not here. */
const AUTHORED = ["name", "namespace", "labels", "annotations", "finalizers", "ownerReferences"];

export function immutableErrors(desired: Desired, stored: Resource): FieldError[] {
  const metadata = stored.metadata as unknown as JsonObject;
  const paths = [
    ...differingLeaves(desired.spec, stored.spec, ["spec"]),
    ...differingLeaves(desired.body, stored.body, ["body"]),
    ...AUTHORED.flatMap((key) => differingLeaves(desired.metadata[key], metadata[key], ["metadata", key])),
  ];
  return paths.map((path) => {
    const field = formatField(path);
    return {
      field,
      reason: "Forbidden",
      message: `a status write cannot change ${field}: it differs from the stored object`,
      hint: "send it back as it was read, or leave it out",
    };
  });
}

export function systemErrors(desired: Desired, stored: Resource): FieldError[] {
  const before = (stored.status ?? {}) as JsonObject;
  const errors: FieldError[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(desired.status)])) {
    if (WRITABLE.includes(key)) continue;
    const given = Object.hasOwn(desired.status, key) ? desired.status[key] : undefined;
    const is = Object.hasOwn(before, key) ? before[key] : undefined;
    if (differingLeaves(given, is, []).length === 0) continue;
    const field = formatField(["status", key]);
    if (is !== undefined || SYSTEM.includes(key)) {
      const message = `is the system's: it is ${show(is)}, and cannot be set to ${show(given)}`;
      errors.push({ field, reason: "Forbidden", message, hint: "send it back as it was read, or leave it out" });
    } else {
      const hint = `known fields: ${WRITABLE.join(", ")}; what a kind derives goes into status.resolved`;
      errors.push({ field, reason: "UnknownField", message: `unknown field ${show(key)}`, hint });
    }
  }
  return errors;
}

export function generationErrors(desired: Desired, changed: readonly Condition[], stored: Resource): FieldError[] {
  const errors: FieldError[] = [];
  const { generation } = stored.metadata;
  const before = stored.status?.observedGeneration ?? 0;
  const given = Number(desired.status.observedGeneration ?? 0);
  const field = "status.observedGeneration";
  if (given > generation) errors.push(beyond(field, generation, given));
  if (given < before) {
    const message = `never decreases: it is ${before}, found ${given}`;
    errors.push({ field, reason: "Invalid", message, hint: "leave it out where it is not newer" });
  }
  for (const { type, observedGeneration = 0 } of changed) {
    if (observedGeneration > generation)
      errors.push(beyond(`${conditionField(type)}.observedGeneration`, generation, observedGeneration));
  }
  return errors;
}

function beyond(field: string, generation: number, found: number): FieldError {
  return { field, reason: "Invalid", message: `must not exceed metadata.generation ${generation}, found ${found}` };
}

export function conditionField(type: string): string {
  return `status.conditions[type=${JSON.stringify(type)}]`;
}

export function limitErrors(conditions: readonly Condition[]): FieldError[] {
  if (conditions.length <= MAX_CONDITIONS) return [];
  const message = `must have at most ${MAX_CONDITIONS} conditions, found ${conditions.length}, other managers' included`;
  return [{ field: "status.conditions", reason: "TooMany", message }];
}

/** Bytes of what controllers have written: at most MAX_STATUS_BYTES. */
export function statusBytes(status: JsonObject): number {
  const written = Object.fromEntries(Object.entries(status).filter(([key]) => WRITABLE.includes(key)));
  return utf8Length(JSON.stringify(written));
}

/** A kind that says nothing of its `resolved` takes any. */
export function resolvedErrors(kind: KindDef, resolved: Json): FieldError[] {
  if (kind.resolved === undefined) return [];
  return validate(kind.resolved, resolved, ["status", "resolved"]).map(({ path, reason, message, hint }) => ({
    field: formatField(path),
    reason,
    message,
    ...(hint === undefined ? {} : { hint }),
  }));
}
