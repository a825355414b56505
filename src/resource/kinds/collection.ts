import { listAt, objectAt, show, stringAt } from "../json.ts";
import type { KindDef } from "../kind.ts";
import { labelKeyProblem, labelValueProblem } from "../names.ts";
import type { FieldError, Json, JsonObject } from "../types.ts";
import { catalogueKind, column, list, object, text, violation } from "./define.ts";
import { media } from "./shared.ts";

const selector = object("Picks members by their labels; an absent or empty one picks none.", {
  matchLabels: {
    type: "object",
    description: "Labels that a member has, all of them.",
    additionalProperties: { type: "string" },
  },
  matchExpressions: list(
    "Requirements that a member meets, all of them.",
    object(
      "One requirement.",
      {
        key: text("The label's key.", { minLength: 1 }),
        operator: text("How the label is compared.", { enum: ["In", "NotIn", "Exists", "DoesNotExist"] }),
        values: list("The values of In and NotIn.", text("One value.")),
      },
      ["key", "operator"],
    ),
  ),
});

function expressionErrors(expression: Json, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const key = stringAt(expression, "key");
  const keyProblem = key ? labelKeyProblem(key) : undefined;
  if (keyProblem !== undefined) errors.push(violation(`${field}.key`, "Invalid", `${keyProblem}, found ${show(key)}`));
  const values = listAt(expression, "values");
  const operator = stringAt(expression, "operator");
  if ((operator === "In" || operator === "NotIn") && values.length === 0) {
    errors.push(violation(`${field}.values`, "Required", `operator ${show(operator)} requires at least one value`));
  }
  if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0) {
    const message = `must not be set with operator ${show(operator)}, found ${values.length} values`;
    errors.push(violation(`${field}.values`, "Forbidden", message));
  }
  for (const [index, value] of values.entries()) {
    const problem = typeof value === "string" ? labelValueProblem(value) : undefined;
    if (problem !== undefined) {
      errors.push(violation(`${field}.values[${index}]`, "Invalid", `${problem}, found ${show(value)}`));
    }
  }
  return errors;
}

function rules(spec: JsonObject): FieldError[] {
  const { matchLabels, errors } = {
    matchLabels: objectAt(objectAt(spec, "selector"), "matchLabels"),
    errors: [] as FieldError[],
  };
  for (const [key, value] of Object.entries(matchLabels)) {
    const field = `spec.selector.matchLabels[${JSON.stringify(key)}]`;
    const keyProblem = labelKeyProblem(key);
    if (keyProblem !== undefined) errors.push(violation(field, "Invalid", `key ${keyProblem}, found ${show(key)}`));
    const problem = typeof value === "string" ? labelValueProblem(value) : undefined;
    if (problem !== undefined) errors.push(violation(field, "Invalid", `${problem}, found ${show(value)}`));
  }
  for (const [index, expression] of listAt(objectAt(spec, "selector"), "matchExpressions").entries()) {
    errors.push(...expressionErrors(expression, `spec.selector.matchExpressions[${index}]`));
  }
  return errors;
}

export const collection: KindDef = catalogueKind({
  kind: "Collection",
  plural: "collections",
  shortNames: ["coll"],
  printerColumns: [column("Title", ".spec.title")],
  spec: object(
    "Products picked by their labels.",
    {
      title: text("The name shown to buyers.", { minLength: 1 }),
      selector,
      targetRef: object("What the selector picks from.", {
        apiVersion: text("The group and version of the members."),
        kind: text("The kind of the members.", { enum: ["Product"] }),
        name: text("Not used: members are picked by labels."),
        namespace: text("Not used: members are of the collection's own namespace."),
        uid: text("Not used."),
        resourceVersion: text("Not used."),
        fieldPath: text("Not used."),
      }),
      media,
    },
    ["title"],
  ),
  rules,
});
