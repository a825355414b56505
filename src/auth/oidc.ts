/** Tokens of the issuers in `OIDC_ISSUERS`: RS256, ES256 or EdDSA, by the keys at their `jwksUri`. */
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  type FetchImplementation,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import { parseGrants } from "./grants.ts";
import type { Identity, Verified } from "./identity.ts";
import type { OidcIssuer } from "./issuers.ts";
import { identityOf, reasonOf } from "./tokens.ts";

export const OIDC_ALGORITHMS: readonly string[] = ["RS256", "ES256", "EdDSA"];
/** Clocks of issuers are not ours. */
const CLOCK_TOLERANCE_SECONDS = 10;
const JWKS_TIMEOUT_MS = 5_000;

/** One key set per address and isolate; jose fetches again at most every 30 s when a `kid` is unknown. */
const keySets = new Map<string, JWTVerifyGetKey>();

function keysAt(uri: string, fetcher: FetchImplementation | undefined): JWTVerifyGetKey {
  if (fetcher) return createRemoteJWKSet(new URL(uri), { timeoutDuration: JWKS_TIMEOUT_MS, [customFetch]: fetcher });
  let keys = keySets.get(uri);
  if (!keys) {
    keys = createRemoteJWKSet(new URL(uri), { timeoutDuration: JWKS_TIMEOUT_MS });
    keySets.set(uri, keys);
  }
  return keys;
}

/**
 * Watchers, field managers, revocations and open sockets are found by subject alone, so an issuer's subject carries the
 * issuer, as kube-apiserver's default `--oidc-username-prefix` does: no issuer can name a subject of ours, or another's.
 */
function ofIssuer(identity: Identity, issuer: string): Identity {
  return { ...identity, sub: `${issuer}#${identity.sub}`, issuer };
}

export async function verifyOidcToken(
  token: string,
  issuers: readonly OidcIssuer[],
  now: number,
  fetcher?: FetchImplementation,
): Promise<Verified> {
  let issuer: OidcIssuer | undefined;
  try {
    const { iss } = decodeJwt(token);
    issuer = issuers.find((entry) => entry.issuer === iss);
  } catch {
    return { ok: false, reason: "the token is malformed" };
  }
  if (!issuer) return { ok: false, reason: "the token's issuer (iss) is not one of OIDC_ISSUERS" };
  try {
    const { payload } = await jwtVerify(token, keysAt(issuer.jwksUri, fetcher), {
      algorithms: [...OIDC_ALGORITHMS],
      issuer: issuer.issuer,
      audience: issuer.audience,
      currentDate: new Date(now),
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ["sub", "exp", "aud"],
    });
    const claim = payload[issuer.grantsClaim];
    const verified = identityOf(payload, claim === undefined ? issuer.defaultGrants : parseGrants(claim));
    return verified.ok ? { ok: true, identity: ofIssuer(verified.identity, issuer.issuer) } : verified;
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}
