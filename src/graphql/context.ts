/** What every resolver shares: who asks, in which environment, and under which request id. */
import type { Identity } from "../auth/identity.ts";
import { type Env, ledgerOf } from "../config.ts";
import type { AppContext } from "../http/context.ts";
import { type KindName, unwrap } from "../http/status.ts";
import type { LedgerStub } from "../ledger/api.ts";
import type { KindDef } from "../resource/kind.ts";
import type { Resource } from "../resource/types.ts";
import { ledgerName, nameOf } from "./kinds.ts";

export interface GraphContext {
  c: AppContext;
  env: Env;
  identity: Identity;
  requestId: string;
  /** Objects read in this operation. Absent for subscriptions, which would show the past for ever. */
  cache?: Map<string, Promise<unknown>> | undefined;
  /** What HTTP says of the operation's outcome. */
  outcome?: { status: number; retryAfterSeconds?: number; known?: boolean };
  /** Set by a transport whose client does not read: the subscription says so and ends. */
  flow?: { overflowed: boolean };
}

export function ledgerFor(graph: GraphContext, namespace: string | undefined): LedgerStub {
  return ledgerOf(graph.env, ledgerName(namespace));
}

export function about(kind: KindDef, namespace: string | undefined): { namespace: string; kind: KindName } {
  return { namespace: ledgerName(namespace), kind: nameOf(kind) };
}

/** Read once an operation, however many fields ask. */
export function once<T>(graph: GraphContext, key: string, read: () => Promise<T>): Promise<T> {
  if (!graph.cache) return read();
  let found = graph.cache.get(key) as Promise<T> | undefined;
  if (!found) {
    found = read();
    graph.cache.set(key, found);
  }
  return found;
}

/** The object, or null where it, or its namespace, is not there. The caller is authorised. */
export function find(
  graph: GraphContext,
  kind: KindDef,
  namespace: string | undefined,
  name: string,
): Promise<Resource | null> {
  return once(graph, `get ${ledgerName(namespace)} ${kind.key} ${name}`, async () => {
    const result = await ledgerFor(graph, namespace).get(kind.key, name);
    if (!result.ok && (result.error.code === "NotFound" || result.error.code === "NoNamespace")) return null;
    return JSON.parse(unwrap(result, about(kind, namespace))) as Resource;
  });
}
