import { grantsOf, type RoleRequest } from "../../../src/auth/roles.ts";
import { mintToken } from "../../../src/auth/tokens.ts";
import { requireConfig } from "../../../src/config.ts";
import { bindings } from "./ledger.ts";

export function tokenOf(
  role: RoleRequest,
  options: { sub?: string; jti?: string; ttlSeconds?: number } = {},
): Promise<string> {
  return mintToken(requireConfig(bindings).TOKEN_SIGNING_KEY, {
    sub: options.sub ?? "user:test",
    grants: grantsOf(role),
    ttlSeconds: options.ttlSeconds ?? 3_600,
    now: Date.now(),
    jti: options.jti ?? crypto.randomUUID(),
  });
}

let admin: Promise<string> | undefined;
export function adminToken(): Promise<string> {
  admin ??= tokenOf({ role: "admin", namespaces: ["*"] });
  return admin;
}
