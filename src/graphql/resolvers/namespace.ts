import { ALL_NAMESPACES } from "../../auth/grants.ts";
import { unwrap } from "../../http/status.ts";
import type { Resource } from "../../resource/types.ts";
import { forbid, isAllowed, namedNamespaces } from "../access.ts";
import { connection, connectionOf, type PageArgs } from "../connection.ts";
import { about, find, type GraphContext, ledgerFor } from "../context.ts";
import { kindOf, nameOf } from "../kinds.ts";
import { type By, byTypeName } from "../lookup.ts";
import { inBatches } from "../parallel.ts";
import { objectFields, statusFields } from "./envelope.ts";
import { type Fields, flag, isRecord, present, record, textOrNull } from "./read.ts";

/**
 * Those that the token may list. One for all namespaces reads the cluster's list; one for some is shown these and
 * their number, and learns of no other.
 */
async function namespaces(graph: GraphContext, args: PageArgs) {
  const kind = kindOf("Namespace");
  const asked = { kind: nameOf(kind), verb: "list" } as const;
  if (isAllowed(graph.identity, { ...asked, namespace: ALL_NAMESPACES }))
    return await connection(graph, { kind, namespace: undefined }, args);
  const names = namedNamespaces(graph.identity).filter((name) =>
    isAllowed(graph.identity, { ...asked, namespace: name, name }),
  );
  if (names.length === 0) throw forbid(graph.identity, asked);
  const head = unwrap(await ledgerFor(graph, undefined).head(), about(kind, undefined));
  const found = await inBatches(names, (name) => find(graph, kind, undefined, name));
  return connectionOf({ items: found.filter((one) => one !== null), rv: head.rv }, args);
}

const spec = (parent: Record<string, unknown>) => (isRecord(parent.spec) ? parent.spec : {});
const meta = (parent: Record<string, unknown>) => (parent as unknown as Resource).metadata;
const tier = (given: unknown) => (given === "USER" ? "USER" : "ORGANIZATION");

export const namespace: Record<string, Fields> = {
  Query: {
    namespace: (_, args, graph) => byTypeName(graph, "Namespace", args.by as By),
    namespaces: (_, args, graph) => namespaces(graph, args as PageArgs),
  },
  Namespace: {
    ...objectFields,
    status: present("status"),
    identifier: (parent) => meta(parent).name,
    displayName: (parent) => textOrNull("title")(spec(parent), {}, undefined as never),
    tier: (parent) => tier(spec(parent).tier),
    createdAt: (parent) => meta(parent).creationTimestamp,
  },
  NamespaceSpec: {
    title: textOrNull("title"),
    tier: (parent) => tier(parent.tier),
    storefront: present("storefront"),
    controllers: record("controllers"),
  },
  NamespaceStorefront: { public: flag("public") },
  NamespaceStatus: statusFields,
};
