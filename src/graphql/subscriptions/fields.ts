import type { GraphContext } from "../context.ts";
import { wholeObject } from "../object.ts";
import type { Payload, WatchEvent } from "./payload.ts";
import { type WatchArgs, watch } from "./watch.ts";

export interface SubscriptionField {
  subscribe: (root: unknown, args: Record<string, unknown>, graph: GraphContext) => Promise<AsyncIterable<Payload>>;
  resolve: (payload: Payload) => unknown;
}

/** @param as what the field calls the object */
function field(kind: string | undefined, as: (event: WatchEvent) => Record<string, unknown>): SubscriptionField {
  return {
    subscribe: (_, args, graph) => watch(graph, { ...args, kind: kind ?? String(args.kind) } as WatchArgs),
    resolve: (payload) => {
      if ("error" in payload) throw payload.error;
      const { resource: _, ...event } = payload.event;
      return { ...event, ...as(payload.event) };
    },
  };
}

export const subscriptions: Record<string, SubscriptionField> = {
  watchResources: field(undefined, ({ resource }) => ({ object: resource && wholeObject(resource) })),
  watchProducts: field("Product", ({ resource }) => ({ product: resource })),
  watchCategories: field("CategoryTaxonomy", ({ resource }) => ({ category: resource })),
};
