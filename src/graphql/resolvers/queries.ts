import { permit } from "../access.ts";
import { connection, type PageArgs } from "../connection.ts";
import { kindOf, type TypeName } from "../kinds.ts";
import { type By, byTypeName } from "../lookup.ts";
import type { Fields } from "./read.ts";

/** `product(by: …)` and `products(namespace: …)`: the same two queries for every namespaced kind with a type. */
export function queriesOf(type: TypeName, one: string, many: string): Fields {
  return {
    [one]: (_, args, graph) => byTypeName(graph, type, args.by as By),
    [many]: async (_, args, graph) => {
      const kind = kindOf(type);
      const { namespace } = args as { namespace: string };
      permit(graph.identity, kind, { verb: "list", namespace });
      return await connection(graph, { kind, namespace }, args as PageArgs);
    },
  };
}
