import { authenticateToken } from "../auth/authenticate.ts";
import { allows, type Grant } from "../auth/grants.ts";
import type { Env } from "../config.ts";
import type { LedgerCore } from "../ledger/core.ts";
import type { SessionState } from "./session.ts";
import { statusGrants } from "./statusRequest.ts";

export type Renewed = { ok: true; exp: number; jti: string; writes: Grant[] | null } | { ok: false; reason: string };

/** A token that came as a frame: of the same subject, and still allowed to watch what the connection watches. */
export async function renew(
  env: Env,
  core: LedgerCore,
  state: SessionState,
  token: string,
  now: number,
): Promise<Renewed> {
  const verified = await authenticateToken(token, env, now);
  if (!verified.ok) return verified;
  const { identity } = verified;
  if (identity.sub !== state.sub)
    return { ok: false, reason: "the new token is another subject's: open a connection of its own" };
  const plurals = state.filter.kinds?.map((key) => core.kinds.get(key)?.plural ?? key) ?? ["*"];
  const missing = plurals.find((resource) => !allows(identity, { namespace: core.namespace, resource, verb: "watch" }));
  if (missing !== undefined) return { ok: false, reason: `the new token may not watch ${missing} here` };
  const writes = statusGrants(identity.grants, core.namespace);
  return { ok: true, exp: identity.exp, jti: identity.jti ?? "", writes };
}
