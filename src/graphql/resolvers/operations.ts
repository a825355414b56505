import { allows } from "../../auth/grants.ts";
import { GIT_EVENTS } from "../../http/events.ts";
import { NAMESPACES, unwrap } from "../../http/status.ts";
import { EVENT_TYPES, eventType } from "../../resource/gitevent.ts";
import { permitNamed } from "../access.ts";
import { DEFAULT_PAGE, type Edge, ends, type PageArgs } from "../connection.ts";
import { type GraphContext, ledgerFor } from "../context.ts";
import { badInput } from "../errors.ts";
import { rejectedPage } from "../failures.ts";
import { authorisedKind } from "../kinds.ts";
import { type Fields, records, text, textOrNull, toInt } from "./read.ts";

interface EventArgs {
  namespace: string;
  types?: string[] | null;
  first?: number | null;
  after?: string | null;
}

interface CloudEvent {
  sequence: string;
  [key: string]: unknown;
}

async function gitEvents(graph: GraphContext, { namespace, types, first, after }: EventArgs) {
  permitNamed(graph.identity, { kind: GIT_EVENTS, verb: "list", namespace });
  const size = first ?? DEFAULT_PAGE;
  if (size < 0) throw badInput(`first: must not be negative, found ${size}`);
  if (after && !/^[0-9]{1,16}$/.test(after)) throw badInput(`after: ${JSON.stringify(after)} is no resourceVersion`);
  const wanted = types?.map(typeOf);
  const result = await ledgerFor(graph, namespace).events({
    after: Number(after || 0),
    limit: size + 1,
    ...(wanted && wanted.length > 0 ? { types: wanted } : {}),
  });
  if (!result.ok && result.error.code === "NoNamespace") return eventPage([], size, "0", after);
  const { rv, events } = unwrap(result, { namespace, kind: NAMESPACES });
  return eventPage(events, size, rv, after);
}

function eventPage(events: string[], size: number, rv: string, after: string | null | undefined) {
  const edges: Edge<CloudEvent>[] = events.slice(0, size).map((event) => {
    const node = JSON.parse(event) as CloudEvent;
    return { node, cursor: rvOf(node) };
  });
  const pageInfo = { hasNextPage: events.length > size, hasPreviousPage: Boolean(after), ...ends(edges) };
  return { edges, pageInfo, resourceVersion: rv };
}

/** CloudEvents' `sequence` is the RV, zero-padded. */
function rvOf({ sequence }: CloudEvent): string {
  return String(Number(sequence));
}

function typeOf(given: string): string {
  const row = eventType(given);
  if (row) return row.type;
  const known = EVENT_TYPES.map(({ name }) => name).join(", ");
  throw badInput(`types: ${JSON.stringify(given)} is neither a CloudEvent type nor one of ${known}`);
}

async function watchers(graph: GraphContext, namespace: string) {
  const kind = { group: "", plural: "watchers" };
  permitNamed(graph.identity, { kind, verb: "get", namespace });
  const all = unwrap(await ledgerFor(graph, namespace).watchers(), { namespace, kind: NAMESPACES });
  const isShown = allows(graph.identity, { namespace, resource: "watchers", verb: "list" });
  return isShown ? all : all.filter(({ subject }) => subject === graph.identity.sub);
}

interface FailureArgs extends PageArgs {
  namespace: string;
  kind?: string | null;
  repository?: string | null;
}

async function admissionFailures(graph: GraphContext, args: FailureArgs) {
  const { namespace } = args;
  permitNamed(graph.identity, { kind: { group: "", plural: "rejected" }, verb: "list", namespace });
  const { kind } = args.kind ? await authorisedKind(graph, args.kind, namespace, { verb: "list" }) : {};
  return await rejectedPage(graph, { namespace, kind, repository: args.repository ?? undefined }, args);
}

export const operations: Record<string, Fields> = {
  Query: {
    gitEvents: (_, args, graph) => gitEvents(graph, args as unknown as EventArgs),
    watchers: (_, args, graph) => watchers(graph, String(args.namespace)),
    admissionFailures: (_, args, graph) => admissionFailures(graph, args as unknown as FailureArgs),
  },
  GitEvent: {
    id: text("id"),
    type: text("type"),
    source: text("source"),
    subject: textOrNull("subject"),
    time: textOrNull("time"),
    resourceVersion: (parent) => rvOf(parent as CloudEvent),
    correlationId: textOrNull("correlationid"),
    data: (parent) => parent.data ?? null,
    event: (parent) => parent,
  },
  Watcher: {
    lagSeconds: (parent) => toInt(parent.lagSeconds),
    lagEvents: (parent) => toInt(parent.lagEvents),
  },
  RejectedResource: {
    // The key's first part: what a user calls the kind.
    kind: (parent) => (typeof parent.kind === "string" ? (parent.kind.split(".")[0] ?? null) : null),
    errors: records("errors"),
  },
};
