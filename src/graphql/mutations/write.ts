/** Writes of kinds that the API owns: authorised, under the caller's idempotency key, through the same door as REST's. */

import { unwrap } from "../../http/status.ts";
import { about, type WriteTarget } from "../../http/write-target.ts";
import type { ApiWrite, Written } from "../../ledger/api.ts";
import { deeperThan } from "../../resource/json.ts";
import type { KindDef } from "../../resource/kind.ts";
import { parseObject } from "../../resource/parseObject.ts";
import { coreRegistry } from "../../resource/registry.ts";
import type { AuthoredResource, JsonObject, Resource } from "../../resource/types.ts";
import { type GraphContext, ledgerFor } from "../context.ts";
import { badInput } from "../errors.ts";
import { ledgerName } from "../kinds.ts";

/** JSON that nests deeper than any object does would overflow the stack on its way to the ledger. */
const MAX_DEPTH = 200;

/** Inputs as they cross to a ledger: graphql-js reads them into objects without a prototype, which no RPC carries. */
export function plain<T extends object>(fields: T): T {
  for (const [name, value] of Object.entries(fields)) {
    if (deeperThan(value, MAX_DEPTH)) throw badInput(`${name}: must nest at most ${MAX_DEPTH} levels deep`);
  }
  return JSON.parse(JSON.stringify(fields)) as T;
}

export function targetOf(
  graph: GraphContext,
  kind: KindDef,
  namespace: string | undefined,
  query: Record<string, string> = {},
): WriteTarget {
  return {
    c: graph.c,
    kind,
    namespace: ledgerName(namespace),
    ledger: ledgerFor(graph, namespace),
    identity: graph.identity,
    query: new URLSearchParams(query),
    dryRun: false,
  };
}

/** What is remembered with a key: the whole request, so that the same key with another one is told apart. */
export function idempotency(
  mutation: string,
  { idempotencyKey, ...input }: Record<string, unknown>,
): Pick<ApiWrite, "idempotency"> {
  if (typeof idempotencyKey !== "string" || idempotencyKey === "") return {};
  return { idempotency: { key: idempotencyKey, request: { mutation, input: plain(input) as JsonObject } } };
}

/** The answer that the same mutation was given before, under the same key. */
export async function replayed(
  target: WriteTarget,
  keyed: Pick<ApiWrite, "idempotency">,
): Promise<(Written & { resource: Resource }) | null> {
  if (!keyed.idempotency) return null;
  const { ledger, identity } = target;
  const recalled = await ledger.recall({ actor: identity.sub, ...keyed });
  if (!recalled.ok && recalled.error.code === "NoNamespace") return null;
  const written = unwrap(recalled, about(target));
  return written && { ...written, resource: JSON.parse(written.object) as Resource };
}

/** The object as its author gives it, or BAD_USER_INPUT with every mistake. */
export function authored(
  kind: KindDef,
  namespace: string | undefined,
  value: Record<string, unknown>,
): AuthoredResource {
  const parsed = parseObject(plain(value), { namespace: namespace ?? "", registry: coreRegistry, expected: { kind } });
  if (parsed.candidate) return parsed.candidate.resource;
  const list = parsed.errors.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  throw badInput(`the ${kind.kind} is invalid: ${list.join("; ")}`, { errors: parsed.errors });
}

/** Without what was not given; null stays, where it removes something. */
export function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

export function withoutNulls(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}
