/** Tokens of this installation: JWT, HS256 with `TOKEN_SIGNING_KEY`. Runs in Workers and in Node. */
import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { type Grant, parseGrants } from "./grants.ts";
import { AUDIENCE, type Verified } from "./identity.ts";
import type { SigningKey } from "./keys.ts";

export interface MintRequest {
  sub: string;
  grants: Grant[];
  ttlSeconds: number;
  /** Milliseconds since 1970. */
  now: number;
  /** Makes the token's id, by which it is revoked. */
  jti: string;
}

/** Signs with the first key. */
export async function mintToken(keys: readonly SigningKey[], request: MintRequest): Promise<string> {
  const [key] = keys;
  if (!key) throw new Error("there is no signing key: set TOKEN_SIGNING_KEY");
  const issuedAt = Math.floor(request.now / 1000);
  return await new SignJWT({ grants: request.grants } as unknown as JWTPayload)
    .setProtectedHeader({ alg: "HS256", typ: "JWT", kid: key.kid })
    .setSubject(request.sub)
    .setAudience(AUDIENCE)
    .setJti(request.jti)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + request.ttlSeconds)
    .sign(key.secret);
}

/** Checks signature, audience and expiry. Without a `kid` every key is tried; with one, only that key. */
export async function verifyToken(
  token: string,
  kid: string | undefined,
  keys: readonly SigningKey[],
  now: number,
): Promise<Verified> {
  const candidates = kid === undefined ? keys : keys.filter((key) => key.kid === kid);
  if (candidates.length === 0)
    return { ok: false, reason: `the token's key id (kid) ${JSON.stringify(kid)} is none of this server's` };
  let reason = "the token's signature does not verify";
  for (const key of candidates) {
    try {
      const { payload } = await jwtVerify(token, key.secret, {
        algorithms: ["HS256"],
        audience: AUDIENCE,
        currentDate: new Date(now),
        requiredClaims: ["sub", "exp", "aud"],
      });
      return identityOf(payload, parseGrants(payload.grants ?? []));
    } catch (error) {
      reason = reasonOf(error);
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) break;
    }
  }
  return { ok: false, reason };
}

/** `grants` undefined: the claim is there and malformed. */
export function identityOf(payload: JWTPayload, grants: Grant[] | undefined): Verified {
  const { sub, exp, jti } = payload;
  if (!sub || sub.length > 253) return { ok: false, reason: "the token has no subject (sub) of 1 to 253 characters" };
  if (exp === undefined) return { ok: false, reason: "the token has no expiry (exp)" };
  if (!grants) {
    return {
      ok: false,
      reason: "the token's grants are malformed: each is {namespaces: [], resources: [], verbs: [], names?: []}",
    };
  }
  return { ok: true, identity: { sub, grants, exp, ...(jti ? { jti } : {}) } };
}

/** What is wrong with a token, for the one who holds it. Never quotes it. */
export function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "the token has expired: get a new one";
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.reason === "missing"
      ? `the token has no claim "${error.claim}"`
      : `the token's claim "${error.claim}" is not what this server asks for`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return "the token's signature does not verify";
  if (error instanceof errors.JWKSNoMatchingKey) return "the token's key id (kid) is none of its issuer's";
  if (error instanceof errors.JOSEAlgNotAllowed) return "the token's algorithm is not allowed";
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid)
    return "the keys of the token's issuer cannot be read now";
  return "the token is malformed";
}
