/** Who is asking. The one trust decision about tokens: which verifier judges one, and whether it was revoked. */
import { decodeProtectedHeader, type FetchImplementation } from "jose";
import { type Env, requireConfig } from "../config.ts";
import { bearerOf } from "./bearer.ts";
import type { Verified } from "./identity.ts";
import { OIDC_ALGORITHMS, verifyOidcToken } from "./oidc.ts";
import { type RevocationList, revocationsOf } from "./revocations.ts";
import { verifyToken } from "./tokens.ts";

export const NO_TOKEN = "the request has no token: send Authorization: Bearer <token>";

/** Longer than any honest token; what is longer is not parsed. */
const MAX_TOKEN_CHARS = 16_384;

export interface AuthenticateOptions {
  revocations?: RevocationList;
  fetcher?: FetchImplementation;
}

/** @param now milliseconds since 1970 */
export async function authenticate(
  request: Request,
  env: Env,
  now: number,
  options: AuthenticateOptions = {},
): Promise<Verified> {
  const bearer = bearerOf(request.headers);
  if (bearer.found === "none") return { ok: false, reason: NO_TOKEN };
  if (bearer.found === "malformed") return { ok: false, reason: bearer.reason };
  return await authenticateToken(bearer.token, env, now, options);
}

/** As {@link authenticate}, for a token that came another way, such as the renewal frame of a watch. */
export async function authenticateToken(
  token: string,
  env: Env,
  now: number,
  options: AuthenticateOptions = {},
): Promise<Verified> {
  const verified = await verify(token, env, now, options.fetcher);
  if (!verified.ok) return verified;
  const revocations = options.revocations ?? revocationsOf(env);
  if (await revocations.revoked(verified.identity.jti, verified.identity.sub)) {
    return { ok: false, reason: "the token, or its subject, was revoked: get a new one" };
  }
  return verified;
}

/*
 * The algorithm in the header picks the verifier, and each verifier takes only its own: an issuer's public key can
 * never be used as an HMAC secret, and `none` is nobody's.
 */
async function verify(
  token: string,
  env: Env,
  now: number,
  fetcher: FetchImplementation | undefined,
): Promise<Verified> {
  if (token.length > MAX_TOKEN_CHARS)
    return { ok: false, reason: `the token is longer than ${MAX_TOKEN_CHARS} characters` };
  let header: { alg?: string; kid?: string };
  try {
    header = decodeProtectedHeader(token);
  } catch {
    return { ok: false, reason: "the token is malformed: it is no JWT" };
  }
  const config = requireConfig(env);
  if (header.alg === "HS256") return await verifyToken(token, header.kid, config.TOKEN_SIGNING_KEY, now);
  if (header.alg !== undefined && OIDC_ALGORITHMS.includes(header.alg)) {
    return await verifyOidcToken(token, config.OIDC_ISSUERS, now, fetcher);
  }
  return {
    ok: false,
    reason: "the token's algorithm is not allowed: HS256, or RS256, ES256, EdDSA of an issuer in OIDC_ISSUERS",
  };
}
