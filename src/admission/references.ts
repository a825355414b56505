/** Stage `references`: what an object refers to, against the state its change set results in. */
import { listAt, objectAt, stringAt } from "../resource/json.ts";
import { selfParentErrors } from "../resource/kinds/category.ts";
import { CATEGORY_TAXONOMY, PRODUCT_VARIANT } from "../resource/references.ts";
import type { Candidate, Condition, FieldError, Reason, Reference } from "../resource/types.ts";
import { cycleThrough } from "./cycle.ts";
import { optionsFinding } from "./options.ts";
import type { AdmissionRequest, ResultingState } from "./types.ts";

/** What the stage found; a finding is a condition on a branch, and an error in a release tree. */
export interface Finding {
  condition: Condition;
  /** Where a False condition comes from; empty for the others. */
  errors: FieldError[];
}

export interface ReferencesResult {
  /** Refused wherever the object comes from. */
  refused: FieldError[];
  findings: Finding[];
}

export function checkReferences(
  candidate: Candidate,
  state: ResultingState,
  request: AdmissionRequest,
): ReferencesResult {
  const { identity, resource } = candidate;
  const refused = [
    ...namespaceErrors(candidate, request.namespace),
    ...(identity.kind === CATEGORY_TAXONOMY ? selfParentErrors(resource.spec, identity.name) : []),
    ...(identity.kind === PRODUCT_VARIANT ? skuErrors(candidate, state) : []),
  ];
  const found = [
    resolved(candidate, state, "category"),
    resolved(candidate, state, "parent"),
    acyclic(candidate, state),
    resolved(candidate, state, "product"),
    optionsFinding(candidate, state),
    files(candidate, state),
  ];
  const findings = found.filter((finding) => finding !== undefined);
  return { refused, findings: [...findings, ...withdrawn(findings, request)] };
}

function namespaceErrors(candidate: Candidate, namespace: string): FieldError[] {
  return candidate.references.flatMap((reference) => {
    if (reference.namespace === undefined || reference.namespace === namespace) return [];
    const message = `must be the object's own namespace ${JSON.stringify(namespace)}, found ${JSON.stringify(reference.namespace)}`;
    const field = `${reference.field}.namespace`;
    return [{ field, reason: "NamespaceMismatch", message, hint: "leave the namespace out" }];
  });
}

function skuErrors(candidate: Candidate, state: ResultingState): FieldError[] {
  const sku = stringAt(candidate.resource.spec, "sku");
  if (sku === undefined) return [];
  const holders = state.skuHolders(sku, candidate.identity.name);
  if (holders.length === 0) return [];
  const named = holders
    .slice(0, SHOWN)
    .map((name) => `ProductVariant ${JSON.stringify(name)}`)
    .join(", ");
  const more = holders.length > SHOWN ? ` and ${holders.length - SHOWN} more` : "";
  const message = `SKU ${JSON.stringify(sku)} is already held by ${named}${more}`;
  return [{ field: "spec.sku", reason: "Duplicate", message, hint: "a SKU is one variant's in a namespace" }];
}

/** How many other objects a message names. */
const SHOWN = 3;

const ROLES = {
  category: {
    condition: "CategoryResolved",
    found: "CategoryFound",
    missing: "CategoryNotFound",
    kind: "CategoryTaxonomy",
  },
  parent: { condition: "ParentResolved", found: "ParentFound", missing: "ParentNotFound", kind: "CategoryTaxonomy" },
  product: { condition: "ProductResolved", found: "ProductFound", missing: "ProductNotFound", kind: "Product" },
} as const;

function notFound(reference: Reference, kind: string, reason: Reason = "ReferenceNotFound"): FieldError {
  const message = `no ${kind} ${JSON.stringify(reference.name)} exists in the namespace`;
  return {
    field: `${reference.field}.name`,
    reason,
    message,
    ...(reference.line === undefined ? {} : { line: reference.line }),
    ...(reference.column === undefined ? {} : { column: reference.column }),
  };
}

function resolved(candidate: Candidate, state: ResultingState, role: keyof typeof ROLES): Finding | undefined {
  const reference = candidate.references.find((one) => one.role === role);
  if (reference === undefined) return undefined;
  const { condition: type, found, missing, kind } = ROLES[role];
  if (state.exists({ kind: reference.kind, name: reference.name })) {
    const message = `${kind} ${JSON.stringify(reference.name)} exists`;
    return { condition: { type, status: "True", reason: found, message }, errors: [] };
  }
  const error = notFound(reference, kind);
  return { condition: { type, status: "False", reason: missing, message: error.message }, errors: [error] };
}

/** The Acyclic condition of one category, by the members of the cycle it is in. */
export function acyclicCondition(cycle: readonly string[] | undefined): Condition {
  const type = "Acyclic";
  if (cycle === undefined)
    return { type, status: "True", reason: "NoCycle", message: "no parent leads back to the category" };
  const shown = cycle.length > 8 ? [...cycle.slice(0, 8), "…"] : cycle;
  const message = `the parents form a cycle: ${[...shown, cycle[0]].join(" → ")}`;
  return { type, status: "False", reason: "CycleDetected", message };
}

function acyclic(candidate: Candidate, state: ResultingState): Finding | undefined {
  const reference = candidate.references.find(({ role }) => role === "parent");
  const { name } = candidate.identity;
  // Its own parent is refused, not a condition.
  if (reference === undefined || reference.name === name) return undefined;
  const cycle = cycleThrough(name, (member) => (member === name ? reference.name : parentOf(member, state)));
  const condition = acyclicCondition(cycle);
  if (cycle === undefined) return { condition, errors: [] };
  return { condition, errors: [{ field: `${reference.field}.name`, reason: "Cycle", message: condition.message }] };
}

function parentOf(name: string, state: ResultingState): string | undefined {
  const spec = state.spec({ kind: CATEGORY_TAXONOMY, name });
  return spec === undefined ? undefined : stringAt(objectAt(spec, "parentRef"), "name");
}

function files(candidate: Candidate, state: ResultingState): Finding | undefined {
  const references = candidate.references.filter(({ role }) => role === "file");
  if (references.length === 0) return undefined;
  const type = "FileRefConfirmed";
  const errors = references
    .filter(({ kind, name, optional }) => optional !== true && !state.exists({ kind, name }))
    .map((reference) => notFound(reference, "File"));
  if (errors.length === 0) {
    return {
      condition: { type, status: "True", reason: "FilesFound", message: "every File that is not optional exists" },
      errors,
    };
  }
  const names = [...new Set(errors.map(({ message }) => message))];
  const more = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : "";
  const message = `${names.slice(0, SHOWN).join(", ")}${more}`;
  return { condition: { type, status: "False", reason: "FileNotFound", message }, errors };
}

/** What admission says of references. Controllers report the same types, as they see them later. */
export const REFERENCE_CONDITIONS: readonly string[] = [
  "CategoryResolved",
  "ParentResolved",
  "Acyclic",
  "ProductResolved",
  "OptionsAccepted",
  "FileRefConfirmed",
];

/** A condition about a reference that the object no longer makes must not go on saying that it is missing. */
function withdrawn(findings: Finding[], { oldObject }: AdmissionRequest): Finding[] {
  return (oldObject?.status?.conditions ?? []).flatMap(({ type, status }) => {
    const isGone =
      REFERENCE_CONDITIONS.includes(type) &&
      status !== "True" &&
      !findings.some(({ condition }) => condition.type === type);
    if (!isGone) return [];
    const message = "the object no longer makes the reference";
    return [{ condition: { type, status: "True", reason: "NotReferenced", message }, errors: [] } as Finding];
  });
}

/** Options that a variant selects, by name, with the place of each in the spec. */
export function selectedOptions(spec: Candidate["resource"]["spec"]): { name: string; value: string; field: string }[] {
  return listAt(spec, "selectedOptions").map((option, index) => ({
    name: stringAt(option, "name") ?? "",
    value: stringAt(option, "value") ?? "",
    field: `spec.selectedOptions[${index}]`,
  }));
}
