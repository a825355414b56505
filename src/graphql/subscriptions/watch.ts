/** `watchResources, watchProducts, watchCategories`: from their arguments to a feed. */
import { ALL_NAMESPACES } from "../../auth/grants.ts";
import { unwrap } from "../../http/status.ts";
import { CLUSTER_LEDGER } from "../../ledger/api.ts";
import type { KindDef } from "../../resource/kind.ts";
import { coreRegistry } from "../../resource/registry.ts";
import type { Resource } from "../../resource/types.ts";
import { forbid, isAllowed, namedNamespaces } from "../access.ts";
import { about, type GraphContext, ledgerFor } from "../context.ts";
import { badInput } from "../errors.ts";
import { authorisedKind, kindOf, nameOf } from "../kinds.ts";
import { inBatches } from "../parallel.ts";
import { type SelectorInput, selectorText } from "../selector.ts";
import { AllFeed, tooMany } from "./all.ts";
import { MAX_NAMESPACES, type Start, startOf } from "./cursor.ts";
import { Departed } from "./departed.ts";
import { streamOf } from "./dial.ts";
import { expired } from "./ending.ts";
import { Bell, iterate } from "./iterate.ts";
import { OneFeed } from "./one.ts";
import type { Payload } from "./payload.ts";

export interface WatchArgs {
  kind: string;
  namespace?: string | null;
  selector?: SelectorInput | null;
  resourceVersion?: string | null;
}

/** Namespaces a request to the cluster's ledger. */
const PAGE = 500;

/** Authorised before the cursor is looked at: what it says is told to nobody else. */
export async function watch(graph: GraphContext, args: WatchArgs): Promise<AsyncIterableIterator<Payload>> {
  // What fields of an event read is read anew for each.
  graph.cache = undefined;
  const core = coreRegistry.resolve(args.kind);
  const isAcross = core?.scope === "Namespaced" && (args.namespace ?? "") === "";
  const labelSelector = selectorText(args.selector);
  if (core && isAcross) {
    requireSome(graph, core);
    return await watchAll(graph, core, labelSelector, startOf(args.resourceVersion));
  }
  if (core?.scope === "Cluster") {
    requireSome(graph, core);
    return watchOne(graph, core, undefined, labelSelector, startOf(args.resourceVersion));
  }
  const { kind, namespace } = await authorisedKind(graph, args.kind, args.namespace, { verb: "watch" });
  if (!kind || namespace === undefined) throw badInput("namespace: name one");
  return watchOne(graph, kind, namespace, labelSelector, startOf(args.resourceVersion));
}

/** A watch across namespaces shows what the token may watch, so it must be able to show something. */
function requireSome(graph: GraphContext, kind: KindDef): void {
  const { identity } = graph;
  if (isAllowed(identity, { kind: nameOf(kind), verb: "watch", namespace: ALL_NAMESPACES })) return;
  const named = namedNamespaces(identity);
  if (named.some((namespace) => isShownIn(graph, kind, namespace))) return;
  throw forbid(identity, { kind: nameOf(kind), verb: "watch" });
}

function isShownIn({ identity }: GraphContext, kind: KindDef, namespace: string): boolean {
  const name = kind.scope === "Cluster" ? namespace : undefined;
  return isAllowed(identity, { kind: nameOf(kind), verb: "watch", namespace, name });
}

function watchOne(
  graph: GraphContext,
  kind: KindDef,
  namespace: string | undefined,
  labelSelector: string | undefined,
  start: Start,
): AsyncIterableIterator<Payload> {
  if (start.from === "tooMany" || start.from === "nowhere" || start.from === "vector")
    throw expired("INVALID_CURSOR", "resourceVersion is none that a watch of one namespace told");
  const bell = new Bell();
  const isAll = kind.scope === "Namespaced" || isAllowed(graph.identity, clusterWide(kind));
  const feed = new OneFeed({
    kind,
    namespace,
    start,
    ...(isAll ? {} : { isShown: (name: string) => isShownIn(graph, kind, name) }),
    open: (from) => {
      const watched = { ledger: namespace ?? CLUSTER_LEDGER, kind, labelSelector };
      return streamOf(graph, watched, from, bell.ring);
    },
  });
  return iterate(feed, bell, graph.flow);
}

const clusterWide = (kind: KindDef) => ({ kind: nameOf(kind), verb: "watch" as const, namespace: ALL_NAMESPACES });

async function watchAll(
  graph: GraphContext,
  kind: KindDef,
  labelSelector: string | undefined,
  start: Start,
): Promise<AsyncIterableIterator<Payload>> {
  if (start.from === "nowhere") throw expired("INVALID_CURSOR", "resourceVersion is none that a watch told");
  if (start.from === "tooMany") throw tooMany(start.found);
  const { names, rv } = await namespacesThere(graph, kind);
  if (names.length > MAX_NAMESPACES) throw tooMany(names.length);
  // A namespace that the token may not watch any more is not mentioned.
  const at = new Map(start.from === "vector" ? [...start.at].filter(([name]) => isShownIn(graph, kind, name)) : []);
  if (start.from === "now" || start.from === "bootstrap") {
    const heads = await inBatches(names, (name) => ledgerFor(graph, name).head());
    for (const [index, head] of heads.entries()) {
      const name = names[index];
      // One that is only being made starts from its beginning, which is after now.
      if (head.ok && name !== undefined) at.set(name, Number(head.value.rv));
    }
  }
  const bell = new Bell();
  // Rung before there is a feed, where a stream fails at once.
  const made: { feed?: AllFeed } = {};
  const wake = (): void => {
    made.feed?.guard();
    bell.ring();
  };
  const cluster = { ledger: CLUSTER_LEDGER, kind: kindOf("Namespace") };
  const feed = new AllFeed({
    kind,
    at,
    there: names,
    bootstrap: start.from === "bootstrap",
    isShown: (name) => isShownIn(graph, kind, name),
    cluster: streamOf(graph, cluster, { from: "rv", rv: Number(rv) }, wake),
    open: (name, from) => streamOf(graph, { ledger: name, kind, labelSelector }, from, wake, { patient: true }),
    departed: (namespace, uid) =>
      new Departed({
        ledger: ledgerFor(graph, namespace),
        kind,
        namespace,
        labelSelector,
        uid,
        wasTold: at.has(namespace),
        wake,
        cursor: () => feed.cursor,
      }),
    now: Date.now,
  });
  made.feed = feed;
  return iterate(feed, bell, graph.flow);
}

/** The namespaces that there are and the token may watch this kind in, as of one RV of the cluster. */
async function namespacesThere(graph: GraphContext, kind: KindDef): Promise<{ names: string[]; rv: string }> {
  const cluster = ledgerFor(graph, undefined);
  const namespaces = kindOf("Namespace");
  const asked = about(namespaces, undefined);
  const { rv } = unwrap(await cluster.head(), asked);
  if (!isAllowed(graph.identity, { kind: nameOf(kind), verb: "watch", namespace: ALL_NAMESPACES })) {
    const named = namedNamespaces(graph.identity).filter((name) => isShownIn(graph, kind, name));
    const found = await inBatches(named, async (name) => (await cluster.get(namespaces.key, name)).ok);
    return { names: named.filter((_, index) => found[index]), rv };
  }
  const names: string[] = [];
  let after: string | undefined;
  do {
    const request = { kind: namespaces.key, limit: PAGE, ...(after === undefined ? {} : { after }) };
    const page = unwrap(await cluster.list(request), asked);
    names.push(...page.items.map((text) => (JSON.parse(text) as Resource).metadata.name));
    after = page.next;
  } while (after !== undefined);
  return { names, rv };
}
