/** Two issuers and this installation each name a `user:alice`: nothing that goes by subject takes one for another. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grantsOf } from "../../src/auth/roles.ts";
import { productFile, products } from "./support/catalog.ts";
import { Stage } from "./support/stage.ts";

const ALICE = "user:alice";
const [one] = products(1);
if (!one) throw new Error("a product is needed");
const ROLE = { role: "controller" as const, namespaces: ["acme"], statusOf: ["products"] };

/** An identity provider, as far as a verifier sees it: keys at an address. */
class Issuer {
  readonly url: string;
  readonly #server: Server;
  readonly #key: CryptoKey;

  private constructor(url: string, server: Server, key: CryptoKey) {
    this.url = url;
    this.#server = server;
    this.#key = key;
  }

  static async start(): Promise<Issuer> {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256" }] });
    const server = createServer((_, response) => response.setHeader("content-type", "application/json").end(keys));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Issuer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, privateKey);
  }

  get subject(): string {
    return `${this.url}#${ALICE}`;
  }

  token(): Promise<string> {
    return new SignJWT({ grants: grantsOf(ROLE) })
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setIssuer(this.url)
      .setSubject(ALICE)
      .setAudience("edge")
      .setExpirationTime("1h")
      .sign(this.#key);
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

let issuers: [Issuer, Issuer];
let stage: Stage;
/** By subject as the server tells it. */
let tokens: Map<string, string>;

beforeAll(async () => {
  issuers = [await Issuer.start(), await Issuer.start()];
  const trusted = issuers.map(({ url }) => ({ issuer: url, audience: "edge", jwksUri: `${url}/certs` }));
  stage = await Stage.set({ vars: { OIDC_ISSUERS: JSON.stringify(trusted) } });
  const remote = await stage.shop("acme");
  await remote.commit([productFile(one)], "One");
  await stage.sync("acme");
  tokens = new Map([[ALICE, await stage.server.token({ ...ROLE, sub: ALICE })]]);
  for (const issuer of issuers) tokens.set(issuer.subject, await issuer.token());
});
afterAll(async () => {
  await stage.strike();
  for (const issuer of issuers) issuer.stop();
});

const tokenOf = (subject: string): string => tokens.get(subject) ?? "";
const STATUS = `/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products/${one.name}/status`;

async function report(subject: string, status: "True" | "False"): Promise<{ status: number; message?: string }> {
  const product = await stage.get("acme", "products", one?.name ?? "");
  const condition = { type: "Stocked", status, reason: "Counted", message: "" };
  const { apiVersion, kind, metadata } = product;
  const answer = await stage.call<{ message?: string }>(STATUS, {
    method: "PUT",
    token: tokenOf(subject),
    body: { apiVersion, kind, metadata, status: { conditions: [condition] } },
  });
  return { status: answer.status, ...(answer.body.message ? { message: answer.body.message } : {}) };
}

describe("a subject that several issuers give out", () => {
  it("is told with its issuer, and ours without", async () => {
    const reviews = [...tokens.values()].map((token) =>
      stage.must<{ status: { userInfo: { username: string } } }>("/apis/authentication.k8s.io/v1/selfsubjectreviews", {
        token,
        body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
      }),
    );
    expect((await Promise.all(reviews)).map(({ status }) => status.userInfo.username)).toEqual([...tokens.keys()]);
  });

  it("owns the conditions that it wrote, and not those of its namesakes", async () => {
    const [first, second] = issuers;
    expect((await report(first.subject, "True")).status).toBe(200);
    for (const other of [second.subject, ALICE]) {
      const refused = await report(other, "False");
      expect([other, refused.status]).toEqual([other, 409]);
      expect(refused.message).toContain(first.subject);
    }
    expect((await report(first.subject, "False")).status).toBe(200);
  });

  it("has watchers of its own under a name that its namesakes use too", async () => {
    const watchers = [...tokens.values()].map((token) =>
      stage.watch("acme", { token, kinds: ["Product"], resourceVersion: "1", query: { watcher: "inventory" } }),
    );
    for (const watcher of watchers) await watcher.until(() => watcher.events.length > 0);
    const { items } = await stage.must<{ items: { name: string; subject: string; connected: boolean }[] }>(
      "/watchers/acme",
    );
    expect(items.map(({ name, subject, connected }) => [name, subject, connected]).sort()).toEqual(
      [...tokens.keys()].map((subject) => ["inventory", subject, true]).sort(),
    );
    const own = await stage.must<{ items: { subject: string }[] }>("/watchers/acme", { token: tokenOf(ALICE) });
    expect(own.items.map(({ subject }) => subject)).toEqual([ALICE]);
    for (const watcher of watchers) watcher.socket.close();
  });

  it("is revoked alone, with its sockets, and let in again", async () => {
    const [first, second] = issuers;
    const [revoked, namesake, ours] = [first.subject, second.subject, ALICE].map((subject) =>
      stage.watch("acme", { token: tokenOf(subject), kinds: ["Product"], resourceVersion: "1" }),
    );
    for (const watcher of [revoked, namesake, ours]) await watcher?.until(() => watcher.events.length > 0);
    // A session is registered beside its watch, which does not wait for it.
    const revoke = () => stage.must<{ closed: number }>("/admin/revocations", { body: { sub: first.subject } });
    await expect.poll(async () => (await revoke()).closed, { timeout: 60_000 }).toBe(1);
    expect(await revoked?.closed).toMatchObject({ code: 4401 });
    const status = async (subject: string) => (await stage.call(STATUS, { token: tokenOf(subject) })).status;
    expect([await status(first.subject), await status(second.subject), await status(ALICE)]).toEqual([401, 200, 200]);
    expect([namesake?.socket.readyState, ours?.socket.readyState]).toEqual([1, 1]);
    const lifted = await stage.must<{ lifted: boolean }>(
      `/admin/revocations/sub/${encodeURIComponent(first.subject)}`,
      { method: "DELETE" },
    );
    expect(lifted.lifted).toBe(true);
    expect(await status(first.subject)).toBe(200);
    for (const watcher of [namesake, ours]) watcher?.socket.close();
  });
});
