/** The programs of docs/graphql.md, run as their readers would. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fences, page } from "../../unit/docs/pages.ts";
import { GraphqlShop } from "../support/graphql.ts";
import { Program } from "../support/program.ts";

const blocks = fences(page("docs/graphql.md"));
/** More than a page of the list. */
const PRODUCTS = 101;
/** A cursor further back than this is REPLAY_LIMIT. */
const REPLAY_EVENTS = 12;

let shop: GraphqlShop;
let dir: string;
let env: Record<string, string>;
const running: Program[] = [];
const tried = new Set<string>();

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "gitstore-graphql-"));
  shop = await GraphqlShop.open({ GRAPHQL_REPLAY_EVENTS: String(REPLAY_EVENTS) });
  const more = Array.from({ length: PRODUCTS - 2 }, (_, i) => [`p${String(i).padStart(3, "0")}`, `Product ${i}`]);
  await shop.push(Object.fromEntries(more));
  env = {
    PATH: process.env.PATH ?? "",
    HOME: dir,
    GITSTORE_SERVER: shop.stage.server.url,
    GITSTORE_TOKEN: await shop.stage.server.token({ role: "reader", namespaces: ["acme"] }),
  };
});
afterAll(async () => {
  for (const program of running) program.stop();
  await shop.close();
  rmSync(dir, { recursive: true });
});

function program(name: string, more: Record<string, string> = {}): Program {
  tried.add(name);
  const started = new Program({ blocks, name, dir, env: { ...env, ...more } });
  running.push(started);
  return started;
}

const stranger = async () => ({
  GITSTORE_TOKEN: await shop.stage.server.token({ role: "reader", namespaces: ["elsewhere"] }),
});

describe("docs/graphql.md", () => {
  it("list.sh lists every page, and says where to watch from", async () => {
    const listing = program("list.sh");
    expect(await listing.exited, listing.lines.join("\n")).toBe(0);
    expect(listing.lines).toHaveLength(PRODUCTS + 1);
    expect(listing.lines.slice(0, 2)).toEqual(["coat: A coat", "hat: A hat"]);
    expect(listing.lines.at(-1)).toBe(`watch from ${await shop.head()}`);
  });

  it("list.sh says the code and the message of what it is refused", async () => {
    const refused = program("list.sh", await stranger());
    expect(await refused.exited).toBe(1);
    expect(refused.lines[0]).toMatch(/^FORBIDDEN: .* cannot list resource "products"/);
  });

  it("stream.sh shows the state and what comes as server-sent events, and its session ends with it", async () => {
    const streaming = program("stream.sh");
    const told = (type: string, name: string) => new RegExp(`^data: .*"type":"${type}","name":"${name}"`);
    await streaming.until(told("ADDED", "coat"));
    await shop.push({ coat: "Another coat" });
    await streaming.until(told("MODIFIED", "coat"));
    expect(streaming.lines.filter((line) => line.startsWith("event: next"))).toHaveLength(PRODUCTS + 1);
    expect(await shop.sessions()).toBe(1);
    streaming.stop();
    await expect.poll(() => shop.sessions(), { timeout: 60_000 }).toBe(0);
  });

  it("urql.mjs queries and subscribes, and says which code it was refused with", async () => {
    const client = program("urql.mjs");
    await client.until(`${100} at ${await shop.head()}`);
    await shop.push({ scarf: "A scarf" });
    await client.until("ADDED scarf");
    await shop.push({ scarf: null });
    await client.until("DELETED scarf");
    client.stop();
    const refused = program("urql.mjs", await stranger());
    expect(await refused.exited).toBe(1);
    expect(refused.lines).toEqual(["FORBIDDEN"]);
  });

  it("follow.mjs keeps its cache through a kill -9 of the server without a list, and lists for an expired cursor", async () => {
    const following = program("follow.mjs");
    await following.until(`listed ${PRODUCTS} at ${await shop.head()}`);
    const lists = () => following.lines.filter((line) => line.startsWith("listed")).length;
    await shop.push({ hat: "Before" });
    await following.until(/^MODIFIED hat at \d+: Before$/);

    await shop.stage.server.kill();
    await following.until(/^again from \d+: cut$/);
    await shop.stage.server.restart();
    await shop.push({ hat: "Killed", cap: "A cap" });
    await following.until(/^MODIFIED hat at \d+: Killed$/);
    await following.until(/^ADDED cap at \d+: A cap$/);
    expect(lists()).toBe(1);

    // More comes than is replayed while the program stands still and its connection is gone.
    following.pause();
    await shop.stage.server.kill();
    await shop.stage.server.restart();
    for (let i = 0; i < REPLAY_EVENTS; i += 1) await shop.push({ hat: `Unseen ${i}` });
    await shop.push({ cap: null });
    following.resume();
    await following.until(/^again from a list: WATCH_EXPIRED$/);
    await following.until(`listed ${PRODUCTS} at ${await shop.head()}`);
    expect(lists()).toBe(2);
    await shop.push({ hat: "Last" });
    await following.until(/^MODIFIED hat at \d+: Last$/);
    expect(following.lines.some((line) => line.includes("Unseen"))).toBe(false);
    following.stop();
  });

  it("follow.mjs ends where it is refused for good", async () => {
    const refused = program("follow.mjs", await stranger());
    expect(await refused.exited).toBe(1);
    expect(refused.lines.join("\n")).toContain("FORBIDDEN");
  });

  it("follow.mjs ends when its token is revoked", async () => {
    const sub = "user:leaving";
    const token = await shop.stage.server.token({ role: "reader", namespaces: ["acme"], sub });
    const following = program("follow.mjs", { GITSTORE_TOKEN: token });
    await following.until(/^listed/);
    await expect.poll(() => shop.sessions()).toBe(1);
    const revoke = () => shop.stage.must<{ closed: number }>("/admin/revocations", { body: { sub } });
    // The session registers itself beside what it does.
    await expect.poll(async () => (await revoke()).closed).toBe(1);
    expect(await following.exited).toBe(1);
    expect(following.lines.join("\n")).toContain("UNAUTHENTICATED");
  });

  it("has no other program", () => {
    const named = blocks.flatMap(({ text }) => /^(?:#|\/\/) (\S+\.(?:sh|mjs|ts))\n/.exec(text)?.[1] ?? []);
    expect(named.sort()).toEqual([...tried].sort());
    // The first block makes the token that all of them have.
    expect(blocks).toHaveLength(named.length + 1);
  });
});
