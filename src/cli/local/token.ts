import { randomUUID } from "node:crypto";
import { parseSigningKeys } from "../../auth/keys.ts";
import { grantsOf, type RoleRequest } from "../../auth/roles.ts";
import { mintToken } from "../../auth/tokens.ts";
import type { Vars } from "./devVars.ts";

const HOUR_SECONDS = 3_600;

/** A token for a server whose secrets are at hand; one hour unless told. */
export function localToken(vars: Vars, role: RoleRequest & { sub?: string; ttlSeconds?: number }): Promise<string> {
  return mintToken(parseSigningKeys(vars.TOKEN_SIGNING_KEY), {
    sub: role.sub ?? `user:${role.role}`,
    grants: grantsOf(role),
    ttlSeconds: role.ttlSeconds ?? HOUR_SECONDS,
    now: Date.now(),
    jti: randomUUID(),
  });
}
