/** An object from an API body: the rules and errors of a file, without places. */
import { candidateOf, MAX_OBJECT_BYTES, oversize } from "./candidate.ts";
import { utf8Length } from "./canonical.ts";
import { checkEnvelope, TOP_LEVEL } from "./envelope.ts";
import { formatField } from "./field.ts";
import { get, isObject, show } from "./json.ts";
import type { KindDef } from "./kind.ts";
import type { ParseContext } from "./parse.ts";
import { checkSpec } from "./spec.ts";
import { didYouMean } from "./suggest.ts";
import type { AuthoredResource, Candidate, FieldError, Identity, JsonObject } from "./types.ts";
import type { Violation } from "./validate.ts";

export interface ObjectContext extends ParseContext {
  /** What the URL says: the object must agree. */
  expected?: { kind?: KindDef; name?: string };
}

export interface ParsedObject {
  /** Absent where there are errors. */
  candidate?: Candidate;
  /** Where kind and name could be read. */
  identity?: Identity;
  errors: FieldError[];
}

/** System metadata and `status` are ignored, not refused: clients of Kubernetes send whole objects back. */
export function parseObject(value: unknown, context: ObjectContext): ParsedObject {
  if (!isObject(value)) {
    return { errors: [{ field: "", reason: "TypeInvalid", message: `must be an object, found ${show(value)}` }] };
  }
  const { kind, name, metadata, violations } = checkEnvelope(value, { ...context, systemFields: "ignored" });
  violations.push(...unexpected(kind, name, context), ...keyViolations(value, kind));
  // Kinds whose fields are all optional need no spec in a body; the required ones are named field by field.
  const checked = kind === undefined ? undefined : checkSpec(kind, get(value, "spec") ?? {}, name);
  violations.push(...(checked?.violations ?? []));

  const identity = kind !== undefined && name !== undefined ? { kind: kind.key, name } : undefined;
  if (violations.length > 0 || kind === undefined || metadata === undefined || checked?.spec === undefined) {
    return { ...(identity === undefined ? {} : { identity }), errors: violations.map(toError) };
  }
  const apiVersion = `${kind.group}/${kind.version}`;
  const resource: AuthoredResource = { apiVersion, kind: kind.kind, metadata, spec: checked.spec };
  if (kind.hasBody) resource.body = typeof value.body === "string" ? value.body : "";
  const candidate = candidateOf(kind, resource);
  const bytes = oversize(resource, utf8Length(JSON.stringify(value)));
  if (bytes !== undefined) {
    const message = `the object's JSON must be at most ${MAX_OBJECT_BYTES} bytes, found ${bytes}`;
    return { identity: candidate.identity, errors: [{ field: "", reason: "FileTooLarge", message }] };
  }
  return { candidate, identity: candidate.identity, errors: [] };
}

function toError({ path, reason, message, hint }: Violation): FieldError {
  return { field: formatField(path), reason, message, ...(hint === undefined ? {} : { hint }) };
}

function unexpected(kind: KindDef | undefined, name: string | undefined, { expected }: ObjectContext): Violation[] {
  const violations: Violation[] = [];
  if (expected?.kind !== undefined && kind !== undefined && expected.kind.key !== kind.key) {
    const message = `must be ${show(expected.kind.kind)} as in the URL, found ${show(kind.kind)}`;
    violations.push({ path: ["kind"], reason: "Invalid", message });
  }
  if (expected?.name !== undefined && name !== undefined && expected.name !== name) {
    const message = `must be ${show(expected.name)} as in the URL, found ${show(name)}`;
    violations.push({ path: ["metadata", "name"], reason: "Invalid", message });
  }
  return violations;
}

function keyViolations(value: JsonObject, kind: KindDef | undefined): Violation[] {
  const known = [...TOP_LEVEL, "status", ...(kind === undefined || kind.hasBody ? ["body"] : [])];
  const violations: Violation[] = [];
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const hint = didYouMean(key, known) ?? `known fields: ${known.join(", ")}`;
    violations.push({ path: [key], reason: "UnknownField", message: `unknown field ${show(key)}`, hint });
  }
  if (kind?.hasBody === true && Object.hasOwn(value, "body") && value.body !== null && typeof value.body !== "string") {
    violations.push({ path: ["body"], reason: "TypeInvalid", message: `must be a string, found ${show(value.body)}` });
  }
  return violations;
}
