import type { Resource } from "../../resource/types.ts";
import { permitNamed } from "../access.ts";
import { connection, type PageArgs } from "../connection.ts";
import { find, type GraphContext } from "../context.ts";
import { badInput } from "../errors.ts";
import { rejectedPage } from "../failures.ts";
import { authorisedKind } from "../kinds.ts";
import { type By, byId } from "../lookup.ts";
import { wholeObject } from "../object.ts";
import { type SelectorInput, selectorText } from "../selector.ts";
import { objectFields, statusFields } from "./envelope.ts";
import type { Fields } from "./read.ts";

interface ListArgs extends PageArgs {
  kind: string;
  namespace?: string | null;
  selector?: SelectorInput | null;
  view?: "ADMITTED" | "REJECTED" | null;
}

async function resource(graph: GraphContext, by: By): Promise<Resource | null> {
  if (typeof by.id === "string") return await byId(graph, by.id, "get");
  const { kind: word = "", name = "", namespace: given } = by.namespacePath ?? {};
  const { kind, namespace } = await authorisedKind(graph, word, given, { verb: "get", name });
  return await find(graph, kind, namespace, name);
}

async function resources(graph: GraphContext, args: ListArgs) {
  const labelSelector = selectorText(args.selector);
  if (args.view === "REJECTED") {
    const namespace = args.namespace ?? "";
    permitNamed(graph.identity, { kind: { group: "", plural: "rejected" }, verb: "list", namespace });
    if (labelSelector !== undefined) throw badInput("selector: refused files have no labels to select by");
    const { kind } = await authorisedKind(graph, args.kind, args.namespace, { verb: "list" });
    const { edges, pageInfo, rv } = await rejectedPage(graph, { namespace, kind }, args);
    const rejected = edges.map(({ node }) => node);
    return { edges: [], rejected, pageInfo, totalCount: -1, resourceVersion: rv };
  }
  const { kind, namespace } = await authorisedKind(graph, args.kind, args.namespace, { verb: "list" });
  return { ...(await connection(graph, { kind, namespace, labelSelector }, args)), rejected: [] };
}

export const resourceFields: Record<string, Fields> = {
  Query: {
    resource: (_, args, graph) => resource(graph, args.by as By),
    resources: (_, args, graph) => resources(graph, args as unknown as ListArgs),
  },
  Resource: { ...objectFields, object: (parent) => wholeObject(parent as unknown as Resource) },
  ResourceStatus: { ...statusFields, resolved: (parent) => parent.resolved ?? null },
};
