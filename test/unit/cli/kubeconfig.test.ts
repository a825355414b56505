import { request } from "node:http";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { serveProxy } from "../../../src/cli/proxy.ts";
import { ctl, FakeServer } from "./support.ts";

const server = new FakeServer();
beforeAll(() => server.start());
afterAll(() => server.stop());
beforeEach(() => server.reset());

const KEY = `k1:${"a".repeat(43)}`;

describe("gitstorectl kubeconfig", () => {
  it("prints one context, whose server is the namespace as the whole cluster", async () => {
    const { code, out, err } = await ctl([
      "kubeconfig",
      ...["--namespace", "acme", "--server", "https://edge.example/", "--token", "t"],
    ]);
    expect([code, err]).toEqual([0, ""]);
    expect(parse(out)).toEqual({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "gitstore-acme", cluster: { server: "https://edge.example/clusters/acme" } }],
      users: [{ name: "gitstore-acme", user: { token: "t" } }],
      contexts: [
        {
          name: "gitstore-acme",
          context: { cluster: "gitstore-acme", user: "gitstore-acme", namespace: "acme" },
        },
      ],
      "current-context": "gitstore-acme",
    });
    expect(server.received).toEqual([]);
  });

  it("without a namespace leads to the root, and over http says that there is no certificate, and what kubectl needs", async () => {
    const { out, err } = await ctl(["kubeconfig", "-o", "json", "--server", server.url, "--token", "t"]);
    const { clusters, contexts } = JSON.parse(out);
    expect(clusters).toEqual([{ name: "gitstore", cluster: { server: server.url, "insecure-skip-tls-verify": true } }]);
    expect(contexts[0].context).toEqual({ cluster: "gitstore", user: "gitstore" });
    expect(err).toContain("gitstorectl proxy");
  });

  it("makes a token for a server on this machine, for a day unless told", async () => {
    const life = async (...more: string[]) => {
      const { out } = await ctl(["kubeconfig", "-o", "json", "--server", server.url, ...more], {
        env: { TOKEN_SIGNING_KEY: KEY },
      });
      const { exp = 0, iat = 0 } = decodeJwt(JSON.parse(out).users[0].user.token);
      return exp - iat;
    };
    expect(await life()).toBe(86_400);
    expect(await life("--ttl", "30d")).toBe(30 * 86_400);
    const wrong = await ctl(["kubeconfig", "--server", server.url, "--ttl", "long"]);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('--ttl is "long"')]);
  });
});

/** A proxy for as long as the work lasts. */
async function proxied<T>(work: (url: string) => Promise<T>, upstream = server.url): Promise<T> {
  const stop = new AbortController();
  const { promise, resolve } = Promise.withResolvers<string>();
  const served = serveProxy({
    server: upstream,
    token: async () => "made",
    port: 0,
    signal: stop.signal,
    ready: resolve,
  });
  try {
    return await work(await promise);
  } finally {
    stop.abort();
    await served;
  }
}

describe("gitstorectl proxy", () => {
  it("adds the token to a request that has none, and passes the rest as it is", async () => {
    server.answers["POST /clusters/acme/apis"] = { status: 201, body: { made: true }, headers: { etag: '"e"' } };
    const answer = await proxied((url) =>
      fetch(`${url}/clusters/acme/apis?x=1`, { method: "POST", body: '{"a":1}', headers: { "x-own": "y" } }),
    );
    expect([answer.status, answer.headers.get("etag"), await answer.json()]).toEqual([201, '"e"', { made: true }]);
    const [received] = server.received;
    expect(received).toMatchObject({ method: "POST", path: "/clusters/acme/apis", body: { a: 1 } });
    expect(received?.query.get("x")).toBe("1");
    expect(received?.headers).toMatchObject({
      authorization: "Bearer made",
      "x-own": "y",
      host: new URL(server.url).host,
    });
  });

  it("leaves a request's own token", async () => {
    await proxied((url) => fetch(`${url}/apis`, { headers: { authorization: "Bearer own" } }));
    expect(server.received[0]?.headers.authorization).toBe("Bearer own");
  });

  it("forwards nothing that was asked of another host's name", async () => {
    const status = await proxied(
      (url) =>
        new Promise<number | undefined>((resolve, reject) => {
          const asked = request(`${url}/apis`, { headers: { host: "evil.example" } }, (response) => {
            response.resume();
            resolve(response.statusCode);
          });
          asked.once("error", reject);
          asked.end();
        }),
    );
    expect(status).toBe(403);
    expect(server.received).toEqual([]);
  });

  it("says so when the server does not answer", async () => {
    const answer = await proxied((url) => fetch(`${url}/apis`), "http://127.0.0.1:9");
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ kind: "Status", message: expect.stringContaining("does not answer") });
  });

  it("prints where it listens, and ends with 0 when it is told to stop", async () => {
    const stop = new AbortController();
    const ran = ctl(["proxy", "--port", "0", "--server", server.url, "--token", "t"], {
      signal: stop.signal,
      onOut: () => stop.abort(),
    });
    const { code, out } = await ran;
    expect(code).toBe(0);
    expect(out).toMatch(/^http:\/\/127\.0\.0\.1:[0-9]+\n$/);
  });

  it.each(["soon", "70000"])("--port %s is a mistake", async (port) => {
    const { code, err } = await ctl(["proxy", "--port", port, "--server", server.url, "--token", "t"]);
    expect([code, err]).toEqual([2, expect.stringContaining(`--port is "${port}"`)]);
  });

  it("fails where its port is taken", async () => {
    const taken = new URL(server.url).port;
    const { code, err } = await ctl(["proxy", "--port", taken, "--server", server.url, "--token", "t"]);
    expect([code, err]).toEqual([1, expect.stringContaining("EADDRINUSE")]);
  });
});
