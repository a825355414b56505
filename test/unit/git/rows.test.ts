/** What a delivery and a look read of the repository object's tables does not grow with what lies in them. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAX_HINTS } from "../../../src/git/inbox.ts";
import { product, World } from "./support/world.ts";

/** Small whatever comes in: at most 20 secrets, the refs of a first look that is not over, the syncs that run. */
const SMALL = ["secrets", "baseline", "sqlite_master", "sqlite_schema", "syncs USING INDEX syncs_running"];
/** The newest 50: an index is read from its end until there are so many. */
const NEWEST = "deliveries USING INDEX deliveries_by_time";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world.stop());

/** The queries that read a table from end to end which grows. */
function scanning(): string[] {
  return [...world.storage.queries].filter((query) =>
    world.storage
      .scans(query)
      .some((what) => !SMALL.includes(what) && !(what === NEWEST && query.endsWith("received_at DESC LIMIT ?"))),
  );
}

describe("the inbox", () => {
  it("is read by an index in a delivery, a look, a failed look, a sync and what is shown of them", async () => {
    const first = await world.git.commit([{ path: "a.md", text: product("a") }], "A");
    await world.registerAndLook();
    const secret = await world.secret();
    world.storage.queries.clear();

    const second = await world.git.commit([{ path: "b.md", text: product("b") }], "B");
    await world.push(secret, { ref: "refs/heads/main", before: first, after: second });
    await world.wake();
    const asked = await world.engine.sync({});
    await world.wake();
    if (asked.ok) await world.engine.syncState(asked.value.sync);
    await world.engine.info();
    world.wrapRemote = (remote) => ({ ...remote, listRefs: () => Promise.reject(new Error("away")) });
    await world.push(secret, { ref: "refs/heads/main", before: second, after: "f".repeat(40) });
    await world.wake();

    expect([...world.storage.queries].filter((query) => /deliveries|hints|syncs/.test(query)).length).toBeGreaterThan(
      8,
    );
    expect(scanning()).toEqual([]);
  });

  it("keeps the newest hints only where a remote is away for long, and forgets them in failing looks too", async () => {
    await world.git.commit([{ path: "a.md", text: product("a") }], "A");
    await world.registerAndLook();
    const { inbox } = world;
    const update = { ref: "refs/heads/main", before: null, after: null };
    const hint = { provider: "github", actor: { name: "a", email: null, id: null, provider: "github" }, ...update };
    const many = Array.from({ length: MAX_HINTS }, () => hint);
    inbox.record({ id: "d1", receivedAt: world.now, result: "accepted" }, many);
    inbox.record({ id: "d2", receivedAt: world.now, result: "accepted" }, [hint, hint]);
    expect([inbox.hints().length, inbox.hints().at(-1)?.delivery]).toEqual([MAX_HINTS, "d2"]);
    world.wrapRemote = (remote) => ({ ...remote, listRefs: () => Promise.reject(new Error("away")) });
    world.now += 3_600_001;
    world.alarmAt = world.now;
    await world.wake();
    expect(inbox.hints()).toEqual([]);
  });
});
