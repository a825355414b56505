import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GitCredentials } from "../../../../src/git/remote/credentials.ts";
import { GitRemoteError } from "../../../../src/git/remote/errors.ts";
import type { Fetch } from "../../../../src/git/remote/http.ts";
import { parseCommit, parseTree } from "../../../../src/git/remote/objects.ts";
import { httpRemote } from "../../../../src/git/remote/remote.ts";
import { GitServer, type Repository } from "../../../e2e/support/gitServer.ts";
import { LIMITS } from "../support/world.ts";

let root: string;
let server: GitServer;
let repository: Repository;
let first: string;
let second: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "remote-"));
  server = await GitServer.start({ root });
  repository = await server.create("r");
  first = await repository.commit(
    [
      { path: "a.md", text: "one\n" },
      { path: "d/b.md", text: "two\n" },
    ],
    "first\n\nbody",
  );
  second = await repository.commit([{ path: "a.md", text: "changed\n" }], "second");
  await repository.tag("v1", first, "annotated");
  await repository.tag("light", second);
});
afterAll(async () => {
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

interface Options {
  url?: string;
  fetch?: Fetch;
  credentials?: GitCredentials | null;
  allowPrivate?: boolean;
  maxBytes?: number;
  timeoutMs?: number;
}

function remote(options: Options = {}) {
  return httpRemote({
    url: options.url ?? server.url("r"),
    rules: { allowPrivate: options.allowPrivate ?? true },
    credentials: options.credentials ?? null,
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    timeoutMs: options.timeoutMs ?? 10_000,
    limits: { ...LIMITS, maxBytes: options.maxBytes ?? LIMITS.maxBytes },
  });
}

const all = { prefixes: ["HEAD", "refs/heads/", "refs/tags/"] };

/** The error's code and message. */
async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof GitRemoteError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
}

const answer =
  (body: string | Uint8Array, type = "application/x-git-upload-pack-advertisement", status = 200): Fetch =>
  async () =>
    new Response(body as BodyInit, { status, headers: { "content-type": type } });

describe("refs", () => {
  it("are listed with what HEAD is and what annotated tags lead to", async () => {
    const tag = await repository.git("rev-parse", "v1");
    expect(await remote().listRefs(all)).toEqual({
      head: "refs/heads/main",
      refs: [
        { name: "refs/heads/main", oid: second, peeled: null },
        { name: "refs/tags/light", oid: second, peeled: null },
        { name: "refs/tags/v1", oid: tag, peeled: first },
      ],
    });
  });

  it("are none in an empty repository", async () => {
    await server.create("empty");
    expect(await remote({ url: server.url("empty") }).listRefs(all)).toMatchObject({ refs: [] });
  });
});

describe("a fetch", () => {
  it("brings a snapshot with depth 1", async () => {
    const store = await remote().fetch({ wants: [second], depth: 1 });
    const commit = store.get(second);
    if (commit === undefined) throw new Error("no commit");
    const parsed = parseCommit(second, commit);
    expect(parsed).toMatchObject({
      parents: [first],
      message: "second\n".trimEnd(),
      author: { name: "Catalogue Bot", email: "catalogue@example.com" },
    });
    expect(store.get(first)).toBeUndefined();
    const tree = store.get(parsed.tree);
    if (tree === undefined) throw new Error("no tree");
    expect(parseTree(parsed.tree, tree).map(({ name, type }) => [name, type])).toEqual([
      ["a.md", "file"],
      ["d", "tree"],
    ]);
    expect(store.size).toBe(5);
  });

  it("brings what changed since a commit that both know", async () => {
    const store = await remote().fetch({ wants: [second], haves: [first] });
    expect(store.common).toEqual([first]);
    // The commit, its tree and the blob that changed.
    expect(store.size).toBe(3);
  });

  it("brings nothing, rather than the whole history, where the server does not know the commit we have", async () => {
    // Counted where they are asked: the server notes a request when its connection is done, which may be later.
    let requests = 0;
    const counting: Fetch = (url, init) => {
      requests += 1;
      return fetch(url, init);
    };
    const store = await remote({ fetch: counting }).fetch({ wants: [second], haves: ["12".repeat(20)] });
    expect(store).toMatchObject({ size: 0, common: [] });
    expect(requests).toBeLessThanOrEqual(2);
  });

  it("brings an empty pack where the wanted is behind what we have", async () => {
    expect(await remote().fetch({ wants: [first], haves: [second] })).toMatchObject({ size: 0, common: [second] });
  });

  it("honours a filter where the server offers it, and leaves it out where it does not", async () => {
    expect(await remote().supportsFilter()).toBe(true);
    expect((await remote().fetch({ wants: [second], depth: 1, filter: "tree:0" })).size).toBe(1);
    await repository.git("config", "uploadpack.allowFilter", "false");
    expect(await remote().supportsFilter()).toBe(false);
    expect((await remote().fetch({ wants: [second], depth: 1, filter: "tree:0" })).size).toBe(5);
    await repository.git("config", "uploadpack.allowFilter", "true");
  });

  it("says ObjectNotFound for an id the remote does not have", async () => {
    expect(await failure(remote().fetch({ wants: ["12".repeat(20)] }))).toMatch(/^ObjectNotFound: the Git server says/);
  });

  it("ends while it streams at the limit of bytes", async () => {
    const noise = Array.from({ length: 60_000 }, () => Math.random().toString(36)).join("");
    await repository.git("branch", "-f", "noise", second);
    const noisy = await repository.commit([{ path: "n.md", text: noise }], "noise", { branch: "noise" });
    expect(await failure(remote({ maxBytes: 100_000 }).fetch({ wants: [noisy], depth: 1 }))).toMatch(
      /^FetchTooLarge.*100000 bytes/,
    );
    await repository.git("branch", "-D", "noise");
  });
});

describe("a server that", () => {
  it("does not have the repository is NotFound", async () => {
    expect(await failure(remote({ url: server.url("nope") }).listRefs(all))).toMatch(/^NotFound/);
  });

  it("wants a password is Unauthorized", async () => {
    const fetch = answer("", "text/plain", 401);
    expect(await failure(remote({ fetch }).listRefs(all))).toMatch(/^Unauthorized.*spec\.credentialsRef/);
  });

  it("cannot be reached is Unreachable", async () => {
    expect(await failure(remote({ url: "http://127.0.0.1:1/x.git" }).listRefs(all))).toMatch(
      /^Unreachable: 127\.0\.0\.1:1/,
    );
    expect(await failure(remote({ fetch: answer("", "text/plain", 502) }).listRefs(all))).toMatch(/^Unreachable.*502/);
  });

  it("does not answer in time is a Timeout, before and within its answer", async () => {
    const silent: Fetch = (_, init) =>
      new Promise((_resolve, reject) => init.signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    expect(await failure(remote({ fetch: silent, timeoutMs: 5 }).listRefs(all))).toMatch(/^Timeout/);
    const stalls: Fetch = async (_, init) => {
      const body = new ReadableStream({
        start(controller) {
          init.signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
        },
      });
      return new Response(body, { headers: { "content-type": "application/x-git-upload-pack-advertisement" } });
    };
    expect(await failure(remote({ fetch: stalls, timeoutMs: 5 }).listRefs(all))).toMatch(/^Timeout/);
  });

  it("speaks an older protocol, or only serves files, is a BadResponse that says so", async () => {
    const old =
      "001e# service=git-upload-pack\n0000004895dcfa3633004da0049d3d0fa03f80589cbcaf31 refs/heads/maint\0multi_ack\n0000";
    expect(await failure(remote({ fetch: answer(old) }).listRefs(all))).toMatch(/^BadResponse: .*older Git protocol/);
    expect(await failure(remote({ fetch: answer("x\trefs/heads/main\n", "text/plain") }).listRefs(all))).toMatch(
      /^BadResponse: .*dumb/,
    );
  });

  it.each([
    ["no pkt-lines", "<html>", /no pkt-line length/],
    ["a packet cut short", "000eversion 2\n0020agent", /ended inside a packet/],
    ["nothing", "", /advertised nothing/],
    ["an error", "000fERR go away", /go away/],
    ["SHA-256", "000eversion 2\n0019object-format=sha256\n0000", /sha256/],
    ["no fetch", "000eversion 2\n000cls-refs\n0000", /does not offer fetch/],
  ])("answers with %s is a BadResponse", async (_, body, message) => {
    const found = await failure(remote({ fetch: answer(body) }).listRefs(all));
    expect(found).toMatch(/^BadResponse/);
    expect(found).toMatch(message);
  });

  it("sends no refs but text is a BadResponse", async () => {
    const fetch: Fetch = async (url, init) =>
      url.includes("info/refs")
        ? globalThis.fetch(url, init)
        : new Response("0009hello0000", { headers: { "content-type": "application/x-git-upload-pack-result" } });
    expect(await failure(remote({ fetch }).listRefs(all))).toMatch(/^BadResponse.*no line of a ref listing/);
  });

  it("reports an error within a pack ends the fetch with it", async () => {
    const fetch: Fetch = async (url, init) =>
      url.includes("info/refs")
        ? globalThis.fetch(url, init)
        : new Response(`000dpackfile\n0013\u0003out of memory\n0000`, {
            headers: { "content-type": "application/x-git-upload-pack-result" },
          });
    expect(await failure(remote({ fetch }).fetch({ wants: [second] }))).toMatch(/out of memory/);
  });
});

describe("redirects", () => {
  /** `moved` redirects to `to`, everything else is passed on; records who got credentials. */
  function redirecting(to: string, status = 301) {
    const asked: { url: string; authorization: string | null }[] = [];
    const fetch: Fetch = async (url, init) => {
      asked.push({ url, authorization: new Headers(init.headers).get("authorization") });
      expect(init.redirect).toBe("manual");
      if (url.includes("/moved.git/")) return new Response(null, { status, headers: { location: to } });
      return globalThis.fetch(url, init);
    };
    return { asked, fetch };
  }
  const suffix = "/info/refs?service=git-upload-pack";

  it("are followed for the advertisement, and later requests go where they led", async () => {
    const { asked, fetch } = redirecting(`${server.url("r")}${suffix}`);
    const refs = await remote({ url: server.url("moved"), fetch }).listRefs(all);
    expect(refs.refs).toHaveLength(3);
    expect(asked.map(({ url }) => url)).toEqual([
      `${server.url("moved")}${suffix}`,
      `${server.url("r")}${suffix}`,
      `${server.url("r")}/git-upload-pack`,
    ]);
  });

  it("never carry credentials to another host, not even to one that is listed", async () => {
    const other = await GitServer.start({ root });
    try {
      const { asked, fetch } = redirecting(`${other.url("r")}${suffix}`);
      const hosts = [new URL(server.url("r")).host, new URL(other.url("r")).host];
      await remote({ url: server.url("moved"), fetch, credentials: { username: "u", password: "p", hosts } }).listRefs(
        all,
      );
      expect(asked.map(({ authorization }) => authorization !== null)).toEqual([true, false, false]);
    } finally {
      await other.stop();
    }
  });

  it("on the same host keep them", async () => {
    const { asked, fetch } = redirecting(`${server.url("r")}${suffix}`);
    const hosts = [new URL(server.url("r")).host];
    await remote({ url: server.url("moved"), fetch, credentials: { username: "u", password: "p", hosts } }).listRefs(
      all,
    );
    expect(asked.every(({ authorization }) => authorization !== null)).toBe(true);
  });

  it.each([
    ["a private address", "https://10.0.0.1/r.git/info/refs", "Forbidden"],
    ["http", "http://git.example.com/r.git/info/refs", "Forbidden"],
    ["a page that is no repository", "https://git.example.com/login", "NotFound"],
  ])("to %s are refused", async (_, to, code) => {
    const { asked, fetch } = redirecting(to);
    const found = await failure(
      remote({ url: "https://git.example.com/moved.git", fetch, allowPrivate: false }).listRefs(all),
    );
    expect(found.startsWith(code)).toBe(true);
    expect(asked).toHaveLength(1);
  });

  it("in a circle end", async () => {
    const { asked, fetch } = redirecting(`${server.url("moved")}${suffix}`);
    expect(await failure(remote({ url: server.url("moved"), fetch }).listRefs(all))).toMatch(/^BadResponse.*redirects/);
    expect(asked.length).toBeLessThan(10);
  });

  it("of a POST are a fault", async () => {
    const fetch: Fetch = async (url, init) =>
      init.method === "POST"
        ? new Response(null, { status: 307, headers: { location: "https://evil.example.com/" } })
        : globalThis.fetch(url, init);
    expect(await failure(remote({ fetch }).listRefs(all))).toMatch(/^BadResponse.*307/);
  });
});
