import { objectAt, stringAt } from "../../resource/json.ts";
import type { Resource } from "../../resource/types.ts";
import { permit } from "../access.ts";
import { connectionOf, type PageArgs } from "../connection.ts";
import { find, type GraphContext } from "../context.ts";
import { kindOf } from "../kinds.ts";
import { referrers } from "../references.ts";
import { objectFields, statusFields } from "./envelope.ts";
import { queriesOf } from "./queries.ts";
import { type Fields, int, record, records, text, texts } from "./read.ts";

/** Upstream's client reads `depth` as eight bits with a sign; a larger one fails its whole list. */
const MAX_DEPTH = 127;
/** A chain of parents is followed so far; no tree that people keep is deeper, and a cycle ends it before. */
const MAX_ANCESTORS = 128;

type Parent = Record<string, unknown>;
const resourceOf = (parent: Parent) => parent as unknown as Resource;

async function parentOf(graph: GraphContext, { metadata, spec }: Resource): Promise<Resource | null> {
  const name = stringAt(objectAt(spec, "parentRef"), "name");
  if (name === undefined) return null;
  const kind = kindOf("Category");
  permit(graph.identity, kind, { verb: "get", namespace: metadata.namespace, name });
  return await find(graph, kind, metadata.namespace, name);
}

/** Names from the root down. What is missing, or comes round again, ends the chain. */
async function pathOf(graph: GraphContext, category: Resource): Promise<string[]> {
  const path = [category.metadata.name];
  let above = await parentOf(graph, category);
  while (above && path.length < MAX_ANCESTORS && !path.includes(above.metadata.name)) {
    path.unshift(above.metadata.name);
    above = await parentOf(graph, above);
  }
  return path;
}

async function children(parent: Parent, _: unknown, graph: GraphContext) {
  const { namespace, name } = resourceOf(parent).metadata;
  const kind = kindOf("Category");
  permit(graph.identity, kind, { verb: "list", namespace });
  return (await referrers(graph, { kind, namespace, field: "parentRef", name })).items;
}

async function products(parent: Parent, args: PageArgs, graph: GraphContext) {
  const { namespace, name } = resourceOf(parent).metadata;
  const kind = kindOf("Product");
  permit(graph.identity, kind, { verb: "list", namespace });
  return connectionOf(await referrers(graph, { kind, namespace, field: "categoryRef", name }), args);
}

export const category: Record<string, Fields> = {
  Query: queriesOf("Category", "category", "categories"),
  Category: {
    ...objectFields,
    parent: (parent, _, graph) => parentOf(graph, resourceOf(parent)),
    children,
    products,
    path: (parent, _, graph) => pathOf(graph, resourceOf(parent)),
    depth: async (parent, _, graph) => Math.min(MAX_DEPTH, (await pathOf(graph, resourceOf(parent))).length - 1),
  },
  CategorySpec: { title: text("title"), parentRef: record("parentRef"), media: records("media") },
  CategoryTaxonomyStatus: { ...statusFields, lastAppliedRevision: text("lastAppliedRevision") },
  ResolvedCategoryTaxonomy: {
    depth: int("depth", MAX_DEPTH),
    path: texts("path"),
    childCount: int("childCount"),
    productCount: int("productCount"),
  },
};
