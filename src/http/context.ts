/** What every handler shares: who asks, for what, and under which request id. */
import type { Context } from "hono";
import { authenticate } from "../auth/authenticate.ts";
import { ALL_NAMESPACES, allows, type Verb } from "../auth/grants.ts";
import type { Identity, Verified } from "../auth/identity.ts";
import type { Env } from "../config.ts";
import type { Traceparent } from "../telemetry/trace.ts";
import { forbidden, type KindName, StatusError, unauthorized } from "./status.ts";

export interface Variables {
  requestId: string;
  trace: Traceparent;
  /** For the log: which namespace the request was about. */
  namespace?: string;
  verified?: Verified;
}

export type AppEnv = { Bindings: Env; Variables: Variables };
export type AppContext = Context<AppEnv>;

/** Who asks. Throws 401. */
export async function identify(c: AppContext): Promise<Identity> {
  const verified = c.get("verified") ?? (await authenticate(c.req.raw, c.env, Date.now()));
  c.set("verified", verified);
  if (!verified.ok) throw new StatusError(unauthorized(`Unauthorized: ${verified.reason}`));
  return verified.identity;
}

export interface Wanted {
  kind: KindName;
  verb: Verb;
  /** Undefined: outside every namespace. */
  namespace?: string | undefined;
  name?: string | undefined;
  subresource?: string | undefined;
}

function isAllowed(identity: Identity, { kind, verb, namespace, name, subresource }: Wanted): boolean {
  const resource = subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`;
  return allows(identity, { namespace: namespace ?? ALL_NAMESPACES, resource, verb, name });
}

/**
 * Throws 401 or 403, made from the token and the request alone: no ledger has been asked, so a namespace that does not
 * exist reads exactly like one that does.
 */
export async function authorize(c: AppContext, ...wanted: [Wanted, ...Wanted[]]): Promise<Identity> {
  const identity = await identify(c);
  for (const one of wanted) {
    if (!isAllowed(identity, one)) throw new StatusError(forbidden(one.kind, { ...one, sub: identity.sub }));
  }
  return identity;
}

/** As {@link authorize}, where one of several permissions is enough; the first is the one that is reported. */
export async function authorizeAny(c: AppContext, ...wanted: [Wanted, ...Wanted[]]): Promise<Identity> {
  const identity = await identify(c);
  if (wanted.some((one) => isAllowed(identity, one))) return identity;
  throw new StatusError(forbidden(wanted[0].kind, { ...wanted[0], sub: identity.sub }));
}
