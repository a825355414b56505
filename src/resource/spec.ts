/** Validation of a spec: the kind's schema, then the rules that a schema cannot say. */
import { formatField, parseField } from "./field.ts";
import { isObject } from "./json.ts";
import type { KindDef } from "./kind.ts";
import { prepare } from "./prepare.ts";
import type { Json, JsonObject } from "./types.ts";
import { type Violation, validate } from "./validate.ts";

export interface CheckedSpec {
  /** With empty fields dropped and defaults filled in; undefined where it is no mapping. */
  spec: JsonObject | undefined;
  violations: Violation[];
}

export function checkSpec(kind: KindDef, value: Json | undefined, name: string | undefined): CheckedSpec {
  if (value === undefined || value === null) {
    return { spec: undefined, violations: [{ path: ["spec"], reason: "Required", message: "is required" }] };
  }
  const spec = prepare(kind.spec, value);
  const violations = validate(kind.spec, spec, ["spec"]);
  if (!isObject(spec)) return { spec: undefined, violations };
  const said = new Set(violations.map(({ path }) => formatField(path)));
  for (const { field, reason, message, hint } of kind.rules?.(spec, name ?? "") ?? []) {
    // A rule that trips over what the schema has already reported adds nothing.
    if (said.has(field) || (name === undefined && field === "metadata.name")) continue;
    violations.push({ path: parseField(field), reason, message, ...(hint === undefined ? {} : { hint }) });
  }
  return { spec, violations };
}
