/** Stage `references` for CustomResourceDefinitions: what a change of a kind would do to the objects that are there. */
import { kindsOf } from "../resource/customKinds.ts";
import { formatField } from "../resource/field.ts";
import { objectAt, stringAt } from "../resource/json.ts";
import type { KindDef } from "../resource/kind.ts";
import { kindKey } from "../resource/kinds/define.ts";
import { CUSTOM_RESOURCE_DEFINITION } from "../resource/references.ts";
import { checkSpec } from "../resource/spec.ts";
import type { Candidate, FieldError, JsonObject, KindKey, Resource } from "../resource/types.ts";
import type { ResultingState } from "./types.ts";

/** How many objects a message names. */
const SHOWN = 5;

function keyOf(spec: JsonObject): KindKey {
  return kindKey(stringAt(spec, "group") ?? "", stringAt(objectAt(spec, "names"), "kind") ?? "");
}

export function definitionChangeErrors(
  candidate: Candidate,
  oldObject: Resource | undefined,
  state: ResultingState,
): FieldError[] {
  const { spec } = candidate.resource;
  const key = keyOf(spec);
  const errors = [...sameKindErrors(candidate, key, state)];
  if (oldObject !== undefined && keyOf(oldObject.spec) !== key) {
    errors.push(...orphanErrors(oldObject.spec, state, "spec.names.kind", "renamed"));
  }
  const [stored] = kindsOf(spec);
  return stored === undefined ? errors : [...errors, ...invalidatedErrors(stored, key, state)];
}

/** A definition may only go when no object of its kind is left. */
export function definitionDeleteErrors(definition: Resource, state: ResultingState): FieldError[] {
  return orphanErrors(definition.spec, state, "", "deleted");
}

function orphanErrors(spec: JsonObject, state: ResultingState, field: string, change: string): FieldError[] {
  const names = [...state.ofKind(keyOf(spec))].map(({ name }) => name);
  if (names.length === 0) return [];
  const kind = stringAt(objectAt(spec, "names"), "kind");
  const message = `must not be ${change} while ${names.length} ${kind} ${names.length === 1 ? "object exists" : "objects exist"}: ${listed(names)}`;
  return [{ field, reason: "Forbidden", message, hint: `delete the ${kind} objects first, or in the same push` }];
}

function sameKindErrors(candidate: Candidate, key: KindKey, state: ResultingState): FieldError[] {
  for (const { name, resource } of state.ofKind(CUSTOM_RESOURCE_DEFINITION)) {
    if (name === candidate.identity.name || keyOf(resource.spec) !== key) continue;
    const message = `the kind is already defined by CustomResourceDefinition ${JSON.stringify(name)}`;
    return [{ field: "spec.names.kind", reason: "Duplicate", message }];
  }
  return [];
}

function invalidatedErrors(kind: KindDef, key: KindKey, state: ResultingState): FieldError[] {
  const broken: string[] = [];
  let examined = 0;
  for (const { name, resource } of state.ofKind(key)) {
    examined++;
    const [violation] = checkSpec(kind, resource.spec, name).violations;
    if (violation !== undefined) broken.push(`${name} (${formatField(violation.path)} ${violation.message})`);
  }
  if (broken.length === 0) return [];
  const message = `would make ${broken.length} of ${examined} admitted ${kind.kind} objects invalid: ${listed(broken)}`;
  return [
    { field: "spec.versions", reason: "Invalid", message, hint: "change those objects first, or in the same push" },
  ];
}

function listed(items: string[]): string {
  const more = items.length > SHOWN ? `, and ${items.length - SHOWN} more` : "";
  return `${items.slice(0, SHOWN).join(", ")}${more}`;
}
