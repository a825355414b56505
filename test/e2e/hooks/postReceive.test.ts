import * as fs from "node:fs/promises";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseDelivery } from "../../../src/git/webhooks/index.ts";
import { HookServer, type Received, Sandbox, SECRET, SHELLS, toldWhereAbsent } from "./support.ts";

let server: HookServer;
let repo: Sandbox;

beforeEach(async () => {
  server = new HookServer();
  await server.start();
  repo = await Sandbox.create();
});
afterEach(async () => {
  await repo.remove();
  await server.stop();
});

const ZERO = "0".repeat(40);

/** As the server reads it, having had the reference library verify it. */
function read({ headers, body }: Received) {
  const trusted = new Webhook(SECRET).verify(body.toString(), headers);
  return { parsed: parseDelivery("git", headers, body), json: trusted };
}

async function only(): Promise<ReturnType<typeof read>> {
  await repo.settled();
  expect(server.deliveries).toHaveLength(1);
  const [delivery] = server.deliveries;
  if (delivery === undefined) throw new Error("nothing was delivered");
  return read(delivery);
}

toldWhereAbsent("post-receive");

describe.each(SHELLS)("the post-receive hook under %s", (shell) => {
  beforeEach(async () => {
    await repo.install(server.url, {}, shell);
  });

  test("tells of each move, signed so that the reference library accepts it", async () => {
    repo.env = { REMOTE_USER: 'Ada "the first" \\' };
    const one = await repo.commit({ "a.md": "1" });
    expect(await repo.push("main")).toEqual({ accepted: true, remote: [] });
    const { parsed, json } = await only();
    expect(json).toEqual({
      repository: "acme/catalog",
      actor: 'Ada "the first" \\',
      updates: [{ ref: "refs/heads/main", old: ZERO, new: one }],
    });
    expect(parsed).toMatchObject({
      kind: "push",
      repository: { id: "acme/catalog" },
      updates: [{ before: null, after: one, actor: { name: 'Ada "the first" \\', provider: "git" } }],
    });
    expect(server.deliveries[0]?.url).toBe("/webhooks/acme/catalog");
  });

  test("tells of six tags in one push in one delivery", async () => {
    const commit = await repo.commit({ "a.md": "1" });
    await repo.push("main");
    await repo.settled();
    server.received.length = 0;
    const tags = ["v1", "v2", "v3", "v4", "v5", "v6"];
    for (const tag of tags) await repo.git("tag", tag);
    await repo.push(...tags);
    const { parsed } = await only();
    expect(parsed.kind === "push" ? parsed.updates.map(({ ref, after }) => [ref, after]) : []).toEqual(
      tags.map((tag) => [`refs/tags/${tag}`, commit]),
    );
  });

  test("tells of a deleted branch", async () => {
    const commit = await repo.commit({ "a.md": "1" });
    await repo.push("main", "main:old");
    await repo.settled();
    server.received.length = 0;
    await repo.push(":old");
    const { json } = await only();
    expect(json).toMatchObject({ updates: [{ ref: "refs/heads/old", old: commit, new: ZERO }] });
  });

  test("tells of refs whose names have quotation marks and other alphabets", async () => {
    await repo.commit({ "a.md": "1" });
    await repo.push('main:refs/heads/"q"', "main:refs/heads/größe", "main:refs/tags/a{b}&c|d/$e");
    const { json } = await only();
    expect((json as { updates: { ref: string }[] }).updates.map(({ ref }) => ref).sort()).toEqual([
      'refs/heads/"q"',
      "refs/heads/größe",
      "refs/tags/a{b}&c|d/$e",
    ]);
  });
});

test("does not wait for the server: the push ends before it answers", async () => {
  await repo.install(server.url);
  let answer = () => {};
  const pushed = new Promise<void>((resolve) => {
    answer = resolve;
  });
  server.reply = async ({ part }) => {
    if (part === undefined) await pushed;
    return undefined;
  };
  await repo.commit({ "a.md": "1" });
  expect((await repo.push("main")).accepted).toBe(true);
  answer();
  await only();
});

test("does not fail a push when nothing answers", async () => {
  await repo.install("http://127.0.0.1:1", { failOpen: true });
  await repo.commit({ "a.md": "1" });
  const { accepted, remote } = await repo.push("main");
  expect(accepted).toBe(true);
  expect(remote.filter((line) => !line.includes("pre-receive") && !line.includes("not checked"))).toEqual([]);
});

describe("a delivery that fails", () => {
  test.each([503, 429, 408])("with %i is sent again under the same id, signed anew", async (status) => {
    await repo.install(server.url);
    await repo.edit("post-receive", "retry_seconds=''", "retry_seconds='0 0 0'");
    server.reply = ({ part }) =>
      part === undefined && server.deliveries.length < 3 ? { status, body: "" } : undefined;
    await repo.commit({ "a.md": "1" });
    await repo.push("main");
    await repo.settled();
    expect(server.deliveries).toHaveLength(3);
    expect(new Set(server.deliveries.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    for (const delivery of server.deliveries) read(delivery);
  });

  test.each([400, 403, 404])("with %i is not sent again: the answer would be the same", async (status) => {
    await repo.install(server.url);
    await repo.edit("post-receive", "retry_seconds=''", "retry_seconds='0 0 0'");
    server.reply = ({ part }) => (part === undefined ? { status, body: "" } : undefined);
    await repo.commit({ "a.md": "1" });
    await repo.push("main");
    await only();
  });

  test("is given up after the last attempt: the poll finds the push", async () => {
    await repo.install(server.url);
    await repo.edit("post-receive", "retry_seconds=''", "retry_seconds='0'");
    server.reply = ({ part }) => (part === undefined ? { status: 500, body: "" } : undefined);
    await repo.commit({ "a.md": "1" });
    await repo.push("main");
    await repo.settled();
    expect(server.deliveries).toHaveLength(2);
  });
});

describe("a post-receive hook that was there before", () => {
  test("still runs, with what git gave it, and is shown to the pusher", async () => {
    await repo.hook("post-receive", 'cat >"$GIT_DIR/seen"; echo "theirs says hello"');
    await repo.install(server.url);
    const commit = await repo.commit({ "a.md": "1" });
    expect(await repo.push("main")).toEqual({ accepted: true, remote: ["theirs says hello"] });
    expect(await fs.readFile(join(repo.bare, "seen"), "utf8")).toBe(`${ZERO} ${commit} refs/heads/main\n`);
    await only();
  });

  test("does not keep the delivery from being made when it fails", async () => {
    await repo.hook("post-receive", "exit 1");
    await repo.install(server.url);
    await repo.commit({ "a.md": "1" });
    expect((await repo.push("main")).accepted).toBe(true);
    await only();
  });
});

test("says so, and lets the push be, where it cannot sign", async () => {
  await repo.install(server.url, { failOpen: true });
  await fs.rm(join(repo.hooks, "gitstore.secret"));
  await repo.commit({ "a.md": "1" });
  const { accepted, remote } = await repo.push("main");
  expect(accepted).toBe(true);
  expect(remote.at(-1)).toMatch(/^gitstore: warning: .*gitstore\.secret; this push is found by the next poll$/);
  await repo.settled();
  expect(server.deliveries).toEqual([]);
});

test("leaves the other hook its part where there is no place for temporary files", async () => {
  await repo.hook("post-receive", "cat");
  await repo.install(server.url, { failOpen: true });
  repo.env = { TMPDIR: join(repo.root, "nowhere") };
  await repo.commit({ "a.md": "1" });
  const { accepted, remote } = await repo.push("main");
  expect(accepted).toBe(true);
  expect(remote).toContain(
    "gitstore: warning: mktemp -d failed on the Git server; this push is found by the next poll",
  );
  expect(remote.at(-1)).toMatch(/ refs\/heads\/main$/);
});
