import type { Resource } from "../../resource/types.ts";
import { permit } from "../access.ts";
import { connection, connectionOf, type PageArgs } from "../connection.ts";
import type { GraphContext } from "../context.ts";
import { kindOf } from "../kinds.ts";
import { type SelectorInput, selectorText } from "../selector.ts";
import { objectFields, statusFields } from "./envelope.ts";
import { queriesOf } from "./queries.ts";
import { choice, type Fields, int, isRecord, record, records, text, texts } from "./read.ts";

/** An absent or empty selector picks nothing here, where in a list it would pick everything. */
async function products(parent: Record<string, unknown>, args: PageArgs, graph: GraphContext) {
  const { metadata, spec } = parent as unknown as Resource;
  const { namespace } = metadata;
  const kind = kindOf("Product");
  permit(graph.identity, kind, { verb: "list", namespace });
  const labelSelector = isRecord(spec.selector) ? selectorText(spec.selector as SelectorInput) : undefined;
  if (labelSelector === undefined) return connectionOf({ items: [], rv: metadata.resourceVersion }, args);
  return await connection(graph, { kind, namespace, labelSelector }, args);
}

export const collection: Record<string, Fields> = {
  Query: queriesOf("Collection", "collection", "collections"),
  Collection: { ...objectFields, products },
  CollectionSpec: { title: text("title"), selector: record("selector"), media: records("media") },
  LabelSelector: { matchLabels: record("matchLabels"), matchExpressions: records("matchExpressions") },
  LabelSelectorRequirement: {
    key: text("key"),
    operator: choice(
      "operator",
      { In: "IN", NotIn: "NOT_IN", Exists: "EXISTS", DoesNotExist: "DOES_NOT_EXIST" },
      "EXISTS",
    ),
    values: texts("values"),
  },
  CollectionStatus: statusFields,
  ResolvedCollectionDefinition: { memberCount: int("memberCount") },
};
