import { timeOf } from "../formats.ts";
import { get, listAt, numberAt, objectAt, stringAt } from "../json.ts";
import type { KindDef, Schema } from "../kind.ts";
import type { FieldError, Json, JsonObject } from "../types.ts";
import { catalogueKind, column, list, object, text, violation } from "./define.ts";
import { CATALOG_API, media, reference } from "./shared.ts";

const inventory = object("How stock is kept.", {
  managed: { type: "boolean", description: "Whether stock is counted." },
  policy: text("What happens when stock runs out.", { enum: ["", "deny", "backorder"] }),
  stockLocationRefs: list(
    "Where the stock is; not followed.",
    object(
      "One location.",
      {
        apiVersion: text("The group and version of the location."),
        kind: text("The kind of the location."),
        name: text("The name of the location.", { minLength: 1 }),
        namespace: text("The namespace of the location."),
        uid: text("The uid of the location."),
        resourceVersion: text("The resourceVersion of the location."),
        fieldPath: text("A part of the location."),
      },
      ["name"],
    ),
  ),
});

const quantity = object("The quantities that the price is for.", {
  min: { type: "integer", format: "int32", description: "The least quantity." },
  max: { type: "integer", format: "int32", description: "The greatest quantity; at least min." },
});

const eligibility = object("Who the price is for.", {
  operator: text("Whether all constraints must hold, or any.", { enum: ["All", "Any"] }),
  constraints: list(
    "What must hold.",
    object(
      "One constraint.",
      {
        name: text("The constraint's name."),
        expression: text("A CEL expression that answers true or false.", { minLength: 1 }),
      },
      ["expression"],
    ),
  ),
});

const price: Schema = object(
  "One price.",
  {
    name: text("The price's name."),
    validFromTime: text("When the price begins to hold.", { format: "date-time" }),
    validUntilTime: text("When it ceases to hold; after validFromTime.", { format: "date-time" }),
    quantity,
    currencyCode: text("The currency, ISO 4217.", { minLength: 1 }),
    amount: text("The amount, a decimal string.", { format: "decimal" }),
    strategy: object(
      "How the amount is applied.",
      { type: text("The way.", { enum: ["fixed", "fixedUnitPrice", "percentage", "tiered"] }) },
      ["type"],
    ),
    priority: { type: "integer", format: "int32", description: "Among prices that hold, the lowest number wins." },
    eligibility,
  },
  ["currencyCode", "amount", "strategy"],
);

function priceRules(price: Json, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const from = stringAt(price, "validFromTime");
  const until = stringAt(price, "validUntilTime");
  const fromTime = timeOf(from ?? "");
  const untilTime = timeOf(until ?? "");
  if (fromTime !== undefined && untilTime !== undefined && untilTime <= fromTime) {
    errors.push(violation(`${field}.validUntilTime`, "Invalid", `must be after validFromTime ${from}, found ${until}`));
  }
  const min = numberAt(get(price, "quantity"), "min");
  const max = numberAt(get(price, "quantity"), "max");
  if (min !== undefined && max !== undefined && max < min) {
    errors.push(violation(`${field}.quantity.max`, "Invalid", `must be at least quantity.min ${min}, found ${max}`));
  }
  return errors;
}

function rules(spec: JsonObject): FieldError[] {
  const prices = listAt(objectAt(objectAt(spec, "pricing"), "priceSet"), "prices");
  return prices.flatMap((price, index) => priceRules(price, `spec.pricing.priceSet.prices[${index}]`));
}

export const productVariant: KindDef = catalogueKind({
  kind: "ProductVariant",
  plural: "productvariants",
  shortNames: ["pvar"],
  printerColumns: [column("SKU", ".spec.sku"), column("Product", ".spec.productRef.name")],
  spec: object(
    "One sellable form of a product.",
    {
      title: text("The name shown to buyers.", { minLength: 1 }),
      sku: text("The stock keeping unit, unique in the namespace.", { minLength: 1 }),
      productRef: reference("The product it is a variant of.", { apiVersion: CATALOG_API, kind: "Product" }, ["name"]),
      inventory,
      pricing: object("What it costs.", {
        priceSet: object(
          "A named set of prices.",
          { name: text("The set's name.", { minLength: 1 }), prices: list("The prices.", price) },
          ["name"],
        ),
      }),
      selectedOptions: list(
        "The values of the product's options that make this variant.",
        object(
          "One value.",
          {
            name: text("The option's name.", { minLength: 1 }),
            value: text("The selected value.", { minLength: 1 }),
          },
          ["name", "value"],
        ),
      ),
      media,
    },
    ["title", "sku", "productRef"],
  ),
  rules,
});
