import { byId } from "../lookup.ts";
import { inBatches } from "../parallel.ts";
import type { Fields } from "./read.ts";

export const node: Record<string, Fields> = {
  Query: {
    node: (_, args, graph) => byId(graph, String(args.id), "get"),
    nodes: (_, args, graph) => inBatches(args.ids as string[], (id) => byId(graph, id, "get")),
  },
};
