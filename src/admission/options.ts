import { listAt, stringAt } from "../resource/json.ts";
import { PRODUCT_VARIANT } from "../resource/references.ts";
import type { Candidate, FieldError, JsonObject } from "../resource/types.ts";
import { type Finding, selectedOptions } from "./references.ts";
import type { ResultingState } from "./types.ts";

const TYPE = "OptionsAccepted";

/** The options that a variant selects, against those its product offers. An option without values accepts any. */
export function optionsFinding(candidate: Candidate, state: ResultingState): Finding | undefined {
  if (candidate.identity.kind !== PRODUCT_VARIANT) return undefined;
  const selected = selectedOptions(candidate.resource.spec);
  const product = candidate.references.find(({ role }) => role === "product");
  if (selected.length === 0 || product === undefined) return undefined;
  const spec = state.spec({ kind: product.kind, name: product.name });
  if (spec === undefined) {
    // The missing product is an error of its own; what it would have offered is not known.
    const message = `no Product ${JSON.stringify(product.name)} exists to judge the options by`;
    return { condition: { type: TYPE, status: "Unknown", reason: "ProductNotFound", message }, errors: [] };
  }
  const errors = incompatible(selected, spec, product.name);
  if (errors.length === 0) {
    const message = `Product ${JSON.stringify(product.name)} offers every selected option`;
    return { condition: { type: TYPE, status: "True", reason: "OptionsCompatible", message }, errors };
  }
  const message = errors.map((error) => error.message).join("; ");
  return { condition: { type: TYPE, status: "False", reason: "IncompatibleOptions", message }, errors };
}

function incompatible(selected: ReturnType<typeof selectedOptions>, spec: JsonObject, product: string): FieldError[] {
  const errors: FieldError[] = [];
  const offered = listAt(spec, "options");
  const taken = new Set<string>();
  for (const { name, value, field } of selected) {
    const add = (at: string, message: string) =>
      errors.push({ field: `${field}.${at}`, reason: "ReferenceNotFound", message });
    const option = offered.find((one) => stringAt(one, "name") === name);
    const values = listAt(option, "values");
    if (taken.has(name)) add("name", `option ${JSON.stringify(name)} is selected twice`);
    else if (option === undefined) {
      const names = offered.map((one) => stringAt(one, "name")).join(", ");
      const instead = names === "" ? "it has no options" : `it has ${names}`;
      add("name", `Product ${JSON.stringify(product)} has no option ${JSON.stringify(name)}: ${instead}`);
    } else if (values.length > 0 && !values.includes(value)) {
      add("value", `option ${JSON.stringify(name)} has no value ${JSON.stringify(value)}: it has ${values.join(", ")}`);
    }
    taken.add(name);
  }
  return errors;
}
