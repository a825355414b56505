import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { standardHeaders } from "../../../src/git/webhooks/index.ts";
import { file, product, World } from "./support/world.ts";

let world: World;
let secret: string;
let tip: string;
beforeEach(async () => {
  world = await World.start();
  tip = await world.git.commit([file("a.md", product("a"))], "first");
  await world.registerAndLook({ provider: "git" });
  secret = await world.secret();
});
afterEach(() => world.stop());

/** A part as the hook writes it (docs/hooks.md). */
function part(files: { path: string; text: string }[], ref = "refs/heads/main", push = "0123456789abcdef"): Uint8Array {
  const contents = files.map(({ path, text }) => ({ path, bytes: Buffer.from(text) }));
  const blob = (bytes: Buffer) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
  const head = [
    "gitstore-pre-receive 1",
    `push ${push}`,
    "part 1",
    "final 1",
    "actor bob",
    `update ${tip} ${"1".repeat(40)} ${ref}`,
    ...contents.map(({ path, bytes }) => `file 0 ${blob(bytes)} ${bytes.length} ${path}`),
  ];
  const parts = [Buffer.from(`${head.join("\n")}\n\n`)];
  for (const { bytes } of contents)
    parts.push(Buffer.from(`${blob(bytes)} blob ${bytes.length}\n`), bytes, Buffer.from("\n"));
  return Buffer.concat(parts);
}

async function check(body: Uint8Array, key = secret) {
  const headers = await standardHeaders(key, "msg-1", Math.floor(world.now / 1000), body);
  return world.engine.preReceive({ headers, body });
}

const rejections = () => world.ledger.events().filter((event) => event.type === "git.push.rejected");

describe("a pre-receive check", () => {
  it("lets valid files through, with nothing recorded", async () => {
    const answer = await check(part([{ path: "b.md", text: product("b") }]));
    expect(answer).toEqual({ status: 200, body: { allowed: true, checked: 1, of: 1, errors: [], warnings: [] } });
    expect(rejections()).toEqual([]);
  });

  it("refuses invalid ones with where and why, and records push-rejected once", async () => {
    const bad = part([{ path: "b.md", text: product("Not A Name") }]);
    const answer = await check(bad);
    expect(answer).toMatchObject({ status: 200, body: { allowed: false, errors: [{ path: "b.md", line: 5 }] } });
    await check(bad);
    expect(rejections()).toHaveLength(1);
    expect(rejections()[0]?.data).toMatchObject({
      actor: { name: "bob" },
      refs: [{ ref: "refs/heads/main", old: tip }],
    });
  });

  it("still refuses where the refusal cannot be recorded", async () => {
    const { recordEvent } = world.ledger.api;
    world.ledger.api.recordEvent = async () => ({ ok: false, error: { code: "NoNamespace" } });
    const answer = await check(part([{ path: "b.md", text: product("Not A Name") }]));
    world.ledger.api.recordEvent = recordEvent;
    expect(answer).toMatchObject({ status: 200, body: { allowed: false } });
    expect(world.logs).toContain("a refused push could not be recorded");
  });

  it("knows the kinds in force, and says 503 where they cannot be read", async () => {
    const { definitions } = world.ledger.api;
    world.ledger.api.definitions = async () => ({
      ok: false,
      error: { code: "Unavailable", message: "later", retryAfterSeconds: 1 },
    });
    const answer = await check(part([{ path: "b.md", text: product("b") }]));
    world.ledger.api.definitions = definitions;
    expect(answer.status).toBe(503);
  });

  it("holds pushes to spec.pushers", async () => {
    await world.register({ pushers: ["alice"] });
    const answer = await check(part([{ path: "b.md", text: product("b") }]));
    expect(answer).toMatchObject({ status: 200, body: { allowed: false, errors: [{ reason: "Forbidden" }] } });
  });

  it("is 401 with a wrong signature, 413 over 25 MiB, and 404 for a repository that is not there", async () => {
    const body = part([]);
    expect((await check(body, `whsec_${Buffer.alloc(32).toString("base64")}`)).status).toBe(401);
    expect((await world.engine.preReceive({ headers: {}, body: new Uint8Array(25 * 1_048_576 + 1) })).status).toBe(413);
    await world.engine.remove();
    expect((await check(body)).status).toBe(404);
    expect(world.storage.tables()).toEqual([]);
  });
});
