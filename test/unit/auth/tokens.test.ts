import { base64url, exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { authenticate, NO_TOKEN } from "../../../src/auth/authenticate.ts";
import { parseSigningKeys } from "../../../src/auth/keys.ts";
import type { RevocationList } from "../../../src/auth/revocations.ts";
import { grantsOf } from "../../../src/auth/roles.ts";
import { mintToken } from "../../../src/auth/tokens.ts";
import type { Env } from "../../../src/config.ts";

const NOW = Date.parse("2026-11-21T09:00:00Z");
const OLD_KEY = `old:${base64url.encode("o".repeat(32))}`;
const NEW_KEY = `new:${base64url.encode("n".repeat(32))}`;
const SEALING_KEY = base64url.encode("s".repeat(32));
const nobodyRevoked: RevocationList = { revoked: async () => false };

function envWith(vars: Record<string, unknown>): Env {
  return { LEDGER: {}, REPOSITORY: {}, REPLAY: {}, SEALING_KEY, TOKEN_SIGNING_KEY: NEW_KEY, ...vars } as unknown as Env;
}

async function mint(keys = NEW_KEY, ttlSeconds = 60): Promise<string> {
  return await mintToken(parseSigningKeys(keys), {
    sub: "user:alice",
    grants: grantsOf({ role: "reader", namespaces: ["acme"] }),
    ttlSeconds,
    now: NOW,
    jti: "t-1",
  });
}

async function ask(token: string | undefined, options: { env?: Env; now?: number; revocations?: RevocationList } = {}) {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const request = new Request("https://edge.test/", { headers });
  return await authenticate(request, options.env ?? envWith({}), options.now ?? NOW, {
    revocations: options.revocations ?? nobodyRevoked,
  });
}

/** A token put together by hand, to say what mintToken never would. */
async function forge(claims: Record<string, unknown>, header: Record<string, unknown> = {}, secret = "n".repeat(32)) {
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", ...header } as { alg: string })
    .sign(new TextEncoder().encode(secret));
}

const CLAIMS = { sub: "user:alice", aud: "gitstore-edge", exp: NOW / 1000 + 60, jti: "t-2", grants: [] };

describe("a token of this installation", () => {
  it("gives its subject, id and grants until it expires", async () => {
    const result = await ask(await mint());
    expect(result).toEqual({
      ok: true,
      identity: {
        sub: "user:alice",
        jti: "t-1",
        exp: NOW / 1000 + 60,
        grants: [{ namespaces: ["acme"], resources: ["*"], verbs: ["get", "list", "watch"] }],
      },
    });
  });

  it("is refused from the second it expires", async () => {
    const token = await mint();
    expect((await ask(token, { now: NOW + 59_000 })).ok).toBe(true);
    expect(await ask(token, { now: NOW + 60_000 })).toEqual({ ok: false, reason: expect.stringContaining("expired") });
  });

  it.each([
    ["another audience", { ...CLAIMS, aud: "someone-else" }, "aud"],
    ["no audience", { ...CLAIMS, aud: undefined }, "aud"],
    ["no expiry", { ...CLAIMS, exp: undefined }, "exp"],
    ["no subject", { ...CLAIMS, sub: undefined }, "sub"],
    ["malformed grants", { ...CLAIMS, grants: [{ namespaces: "acme" }] }, "grants"],
    ["an unknown verb", { ...CLAIMS, grants: [{ namespaces: [], resources: [], verbs: ["destroy"] }] }, "grants"],
  ])("is refused with %s", async (_, claims, named) => {
    const result = await ask(await forge(claims, { kid: "new" }));
    expect(result).toEqual({ ok: false, reason: expect.stringContaining(named) });
  });

  it("without grants may do nothing, and is still somebody", async () => {
    const result = await ask(await forge({ ...CLAIMS, grants: undefined }, { kid: "new" }));
    expect(result).toMatchObject({ ok: true, identity: { grants: [] } });
  });

  it("signed by another key is refused, whatever kid it names", async () => {
    expect((await ask(await forge(CLAIMS, { kid: "new" }, "x".repeat(32)))).ok).toBe(false);
    expect(await ask(await forge(CLAIMS, { kid: "gone" }))).toEqual({
      ok: false,
      reason: expect.stringContaining("kid"),
    });
  });

  it("without a kid is tried against every key", async () => {
    const env = envWith({ TOKEN_SIGNING_KEY: `${OLD_KEY},${NEW_KEY}` });
    expect((await ask(await forge(CLAIMS), { env })).ok).toBe(true);
  });

  it("with algorithm none is refused", async () => {
    const part = (value: unknown) => base64url.encode(JSON.stringify(value));
    const result = await ask(`${part({ alg: "none", kid: "new" })}.${part(CLAIMS)}.`);
    expect(result).toEqual({ ok: false, reason: expect.stringContaining("algorithm") });
  });

  it.each(["nonsense", "a.b.c", "eyJhbGciOiJIUzI1NiJ9"])("that is none (%s) is refused", async (token) => {
    expect((await ask(token)).ok).toBe(false);
  });

  it("that is absurdly long is not parsed", async () => {
    expect(await ask("a".repeat(20_000))).toEqual({ ok: false, reason: expect.stringContaining("longer") });
  });

  it("is refused when its id or its subject was revoked", async () => {
    const revocations: RevocationList = { revoked: async (jti, sub) => jti === "t-1" && sub === "user:alice" };
    expect(await ask(await mint(), { revocations })).toEqual({ ok: false, reason: expect.stringContaining("revoked") });
  });
});

describe("rotating the signing key", () => {
  const both = envWith({ TOKEN_SIGNING_KEY: `${NEW_KEY},${OLD_KEY}` });

  it("signs with the first and verifies with all", async () => {
    expect((await ask(await mint(OLD_KEY), { env: both })).ok).toBe(true);
    const token = await mint(`${NEW_KEY},${OLD_KEY}`);
    expect((await ask(token, { env: envWith({ TOKEN_SIGNING_KEY: NEW_KEY }) })).ok).toBe(true);
  });

  it("ends the old tokens when the old key is removed", async () => {
    expect((await ask(await mint(OLD_KEY), { env: envWith({ TOKEN_SIGNING_KEY: NEW_KEY }) })).ok).toBe(false);
  });
});

describe("where a token is looked for", () => {
  it("says what to send when there is none", async () => {
    expect(await ask(undefined)).toEqual({ ok: false, reason: NO_TOKEN });
  });

  it("takes the WebSocket subprotocol that browsers need", async () => {
    const protocol = `gitstore.watch.v1, base64url.bearer.authorization.k8s.io.${base64url.encode(await mint())}`;
    const request = new Request("https://edge.test/", { headers: { "sec-websocket-protocol": protocol } });
    const result = await authenticate(request, envWith({}), NOW, { revocations: nobodyRevoked });
    expect(result).toMatchObject({ ok: true, identity: { sub: "user:alice" } });
  });

  it("refuses another scheme instead of treating it as anonymous", async () => {
    const request = new Request("https://edge.test/", { headers: { authorization: "Basic YTpi" } });
    const result = await authenticate(request, envWith({}), NOW, { revocations: nobodyRevoked });
    expect(result).toEqual({ ok: false, reason: expect.stringContaining("Bearer") });
  });
});

describe("a token of an OIDC issuer", () => {
  const ISSUER = "https://issuer.test";

  async function setup(options: { algorithm?: string; issuers?: Record<string, unknown> } = {}) {
    const { privateKey, publicKey } = await generateKeyPair(options.algorithm ?? "RS256", { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: options.algorithm ?? "RS256" };
    const env = envWith({
      OIDC_ISSUERS: JSON.stringify([
        { issuer: ISSUER, audience: "edge-app", jwksUri: `${ISSUER}/certs`, grantsClaim: "gs", ...options.issuers },
      ]),
    });
    const sign = async (claims: Record<string, unknown>) =>
      await new SignJWT({ sub: "user:bob", iss: ISSUER, aud: "edge-app", exp: NOW / 1000 + 60, ...claims })
        .setProtectedHeader({ alg: options.algorithm ?? "RS256", kid: "k1" })
        .sign(privateKey);
    const judge = async (token: string) => {
      const request = new Request("https://edge.test/", { headers: { authorization: `Bearer ${token}` } });
      const fetcher = async () => Response.json({ keys: [jwk] });
      return await authenticate(request, env, NOW, { revocations: nobodyRevoked, fetcher });
    };
    return { sign, judge, publicKey, env };
  }

  it.each(["RS256", "ES256", "EdDSA"])("signed with %s holds, with the grants of its claim", async (algorithm) => {
    const { sign, judge } = await setup({ algorithm });
    const grants = [{ namespaces: ["acme"], resources: ["products"], verbs: ["get"] }];
    expect(await judge(await sign({ gs: grants }))).toMatchObject({
      ok: true,
      identity: { sub: `${ISSUER}#user:bob`, issuer: ISSUER, grants },
    });
  });

  it("takes grants as a JSON string, and the default ones where the claim is absent", async () => {
    const defaultGrants = [{ namespaces: ["acme"], resources: ["*"], verbs: ["get"] }];
    const { sign, judge } = await setup({ issuers: { defaultGrants } });
    expect(await judge(await sign({ gs: "[]" }))).toMatchObject({ ok: true, identity: { grants: [] } });
    expect(await judge(await sign({}))).toMatchObject({ ok: true, identity: { grants: defaultGrants } });
    expect((await judge(await sign({ gs: "admin" }))).ok).toBe(false);
  });

  it.each([
    ["another audience", { aud: "gitstore-edge" }],
    ["an issuer that is not configured", { iss: "https://evil.test" }],
    ["an expiry in the past", { exp: NOW / 1000 - 60 }],
  ])("is refused with %s", async (_, claims) => {
    const { sign, judge } = await setup();
    expect((await judge(await sign(claims))).ok).toBe(false);
  });

  it("never passes as HS256 with the issuer's public key as the secret", async () => {
    const { publicKey, judge } = await setup();
    const secret = JSON.stringify(await exportJWK(publicKey));
    expect((await judge(await forge({ ...CLAIMS, iss: ISSUER, aud: "edge-app" }, { kid: "k1" }, secret))).ok).toBe(
      false,
    );
  });

  it("is refused where no issuer is configured", async () => {
    const { sign } = await setup();
    expect((await ask(await sign({}))).ok).toBe(false);
  });
});
