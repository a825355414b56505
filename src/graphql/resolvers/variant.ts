import { objectFields, statusFields } from "./envelope.ts";
import { queriesOf } from "./queries.ts";
import {
  choice,
  type Fields,
  flag,
  int,
  intOrNull,
  present,
  record,
  records,
  text,
  textOrNull,
  texts,
} from "./read.ts";

const policy = choice("policy", { deny: "DENY", backorder: "BACKORDER" });

export const variant: Record<string, Fields> = {
  Query: queriesOf("ProductVariant", "productVariant", "productVariants"),
  ProductVariant: objectFields,
  ProductVariantSpec: {
    title: text("title"),
    sku: text("sku"),
    productRef: present("productRef"),
    inventory: record("inventory"),
    pricing: record("pricing"),
    selectedOptions: records("selectedOptions"),
    media: records("media"),
  },
  InventoryDefinition: { managed: flag("managed"), policy, stockLocationRefs: records("stockLocationRefs") },
  PricingDefinition: { priceSet: record("priceSet") },
  PriceSet: { name: text("name"), prices: records("prices") },
  PriceTemplate: {
    name: text("name"),
    quantity: record("quantity"),
    currencyCode: text("currencyCode"),
    amount: text("amount", "0"),
    strategy: present("strategy"),
    priority: int("priority"),
    eligibility: record("eligibility"),
  },
  QuantityDefinition: { min: int("min"), max: intOrNull("max") },
  StrategyDefinition: { type: text("type") },
  EligibilityDefinition: {
    operator: choice("operator", { All: "ALL", Any: "ANY" }, "ALL"),
    constraints: records("constraints"),
  },
  PriceRuleConstraint: { name: textOrNull("name"), expression: text("expression") },
  SelectedOptionDefinition: { name: text("name"), value: text("value") },
  ProductVariantStatus: statusFields,
  ResolvedProductVariantDefinition: {
    product: record("product"),
    selectedOptionsHash: textOrNull("selectedOptionsHash"),
    priceSet: record("priceSet"),
    inventory: record("inventory"),
    media: records("media"),
  },
  ResolvedProductRef: { name: text("name"), uid: text("uid") },
  ResolvedPriceSetDefinition: {
    name: text("name"),
    hash: textOrNull("hash"),
    compiledExpressions: int("compiledExpressions"),
    priceCount: int("priceCount"),
    currencies: texts("currencies"),
    strategies: texts("strategies"),
  },
  ResolvedInventoryDefinition: { managed: flag("managed"), availableQuantity: int("availableQuantity"), policy },
};
