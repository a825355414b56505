import type { Resource } from "../../resource/types.ts";
import { permit } from "../access.ts";
import { connectionOf, type PageArgs } from "../connection.ts";
import type { GraphContext } from "../context.ts";
import { kindOf } from "../kinds.ts";
import { referrers } from "../references.ts";
import { objectFields, statusFields } from "./envelope.ts";
import { queriesOf } from "./queries.ts";
import { type Fields, int, record, records, text, textOrNull, texts } from "./read.ts";

async function productVariants(parent: Record<string, unknown>, args: PageArgs, graph: GraphContext) {
  const { namespace, name } = (parent as unknown as Resource).metadata;
  const kind = kindOf("ProductVariant");
  permit(graph.identity, kind, { verb: "list", namespace });
  return connectionOf(await referrers(graph, { kind, namespace, field: "productRef", name }), args);
}

export const product: Record<string, Fields> = {
  Query: queriesOf("Product", "product", "products"),
  Product: { ...objectFields, productVariants },
  ProductSpec: {
    title: textOrNull("title"),
    categoryRef: record("categoryRef"),
    tags: texts("tags"),
    media: records("media"),
    options: records("options"),
  },
  ProductOptionDefinition: { name: text("name"), values: texts("values") },
  ProductStatus: statusFields,
  ResolvedProductDefinition: {
    category: record("category"),
    priceRange: records("priceRange"),
    totalInventory: int("totalInventory"),
    variantSummary: record("variantSummary"),
    defaultVariantRef: record("defaultVariantRef"),
    media: records("media"),
  },
  ResolvedCategoryDefinition: { name: text("name"), path: texts("path") },
  PriceRangeDefinition: { currencyCode: text("currencyCode"), min: text("min", "0"), max: text("max", "0") },
  VariantSummaryDefinition: { total: int("total"), ready: int("ready"), unavailable: int("unavailable") },
};
