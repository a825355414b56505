import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FaultPoint } from "../../../src/git/storage.ts";
import { Crash, file, product, World } from "./support/world.ts";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world.stop());

const many = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) =>
    file(`p/${String(from + at).padStart(5, "0")}.md`, product(`p${from + at}`)),
  );

describe("an object that stops", () => {
  const points: [FaultPoint, number][] = [
    ["afterRefsListed", 1],
    ["afterFetch", 1],
    ["beforeChunk", 1],
    ["afterChunk", 1],
    ["beforeChunk", 2],
    ["afterChunk", 2],
    ["beforeSettle", 1],
  ];
  it.each(points)("loses nothing and tells nothing twice: %s, time %i", async (point, times) => {
    const first = await world.git.commit(many(0, 5), "first");
    await world.registerAndLook();
    const secret = await world.secret();
    const second = await world.git.commit(many(5, 2_205), "second");
    await world.push(secret, { ref: "refs/heads/main", before: first, after: second }, { id: "d1" });
    world.crashAt = { point, times };
    await world.wake();
    expect(world.crashAt.times).toBe(0);
    world.crashAt = undefined;
    world.restart();
    await world.wake();
    expect(world.ledger.products()).toHaveLength(2_205);
    expect(world.ledger.applied("refs/heads/main")).toBe(second);
    const updates = world.ledger.events().filter((event) => event.type === "git.branch.updated");
    expect(updates).toHaveLength(1);
    expect(updates[0]?.data).toMatchObject({ old: first, new: second, delivery: { id: "d1" } });
    const ids = world.ledger.events().map((event) => event.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(world.ledger.condition("catalog", "Ready")?.status).toBe("True");
  });

  it("between storing a delivery and arming for it has the delivery, and the next alarm works on it", async () => {
    const first = await world.git.commit(many(0, 2), "first");
    await world.registerAndLook();
    const secret = await world.secret();
    const second = await world.git.commit(many(2, 4), "second");
    world.crashAt = { point: "afterDeliveryStored", times: 1 };
    await expect(world.push(secret, { ref: "refs/heads/main", before: first, after: second })).rejects.toThrow(Crash);
    world.restart();
    await world.wake();
    const update = world.ledger.events().findLast((event) => event.type === "git.branch.updated");
    expect(update?.data).toMatchObject({ actor: { name: "alice" } });
  });

  it("completes a push that was begun before it applies what came after it", async () => {
    await world.git.commit(many(0, 2), "first");
    await world.registerAndLook();
    const second = await world.git.commit(many(2, 1_500), "second");
    world.crashAt = { point: "afterChunk", times: 1 };
    await world.wake();
    const third = await world.git.commit([file("p/00003.md", null)], "third");
    await world.wake();
    const updates = world.ledger.events().filter((event) => event.type === "git.branch.updated");
    expect(updates.map(({ data }) => data.new)).toEqual([second, third]);
    expect(world.ledger.products()).toHaveLength(1_499);
  });

  it("abandons a push whose commit was taken away, and heals with the next one", async () => {
    const first = await world.git.commit(many(0, 1_200), "first");
    await world.registerAndLook();
    await world.git.commit(many(1_200, 2_700), "second");
    world.crashAt = { point: "afterChunk", times: 1 };
    await world.wake();
    await world.git.git("update-ref", "refs/heads/main", first);
    await world.git.git("reflog", "expire", "--expire=now", "--all");
    await world.git.git("gc", "-q", "--prune=now");
    await world.wake();
    expect(world.ledger.products()).toHaveLength(1_200);
    expect(world.ledger.applied("refs/heads/main")).toBe(first);
  });
});

describe("a Repository that is removed", () => {
  it("in the middle of a look ends it, throws nothing, and arms nothing", async () => {
    await world.git.commit(many(0, 2), "first");
    await world.register();
    world.wrapRemote = (remote) => ({
      ...remote,
      listRefs: async (query) => {
        await world.engine.remove();
        return remote.listRefs(query);
      },
    });
    await world.wake();
    expect(world.alarmAt).toBeNull();
    expect(world.inbox.isConfigured()).toBe(false);
  });
});

describe("a remote that fails", () => {
  it("is retried with growing, jittered pauses, told in a condition, and forgotten once it answers", async () => {
    await world.git.commit(many(0, 2), "first");
    world.server.failWith = 503;
    await world.register();
    const pauses: number[] = [];
    for (let n = 0; n < 10; n++) {
      await world.wake();
      pauses.push((world.alarmAt ?? 0) - world.now);
    }
    expect(world.ledger.condition("catalog", "Ready")).toMatchObject({
      status: "False",
      reason: "FetchFailed",
      message: expect.stringContaining("503"),
    });
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(15 * 60_000 + 1_000);
    expect((pauses.at(-1) ?? 0) > (pauses[0] ?? 0)).toBe(true);
    const writes = world.ledger.statusWrites;
    await world.wake();
    expect(world.ledger.statusWrites).toBe(writes);
    world.server.failWith = undefined;
    await world.wake();
    expect(world.ledger.condition("catalog", "Ready")).toMatchObject({ status: "True" });
    expect(world.ledger.products()).toHaveLength(2);
    expect((world.alarmAt ?? 0) - world.now).toBeGreaterThanOrEqual(270_000);
  });

  it("that advertises no ref is an error, never a deletion", async () => {
    await world.git.commit(many(0, 2), "first");
    await world.registerAndLook();
    await world.git.git("update-ref", "-d", "refs/heads/main");
    await world.wake();
    expect(world.ledger.products()).toHaveLength(2);
    expect(world.ledger.condition("catalog", "Ready")).toMatchObject({
      status: "False",
      message: expect.stringContaining("nothing is deleted"),
    });
  });

  it("during which a delivery comes in is looked at again at once", async () => {
    const first = await world.git.commit(many(0, 2), "first");
    await world.registerAndLook();
    const secret = await world.secret();
    const { alarmAt } = world;
    world.wrapRemote = (remote) => ({
      ...remote,
      listRefs: async (options) => {
        const refs = await remote.listRefs(options);
        await world.push(secret, { ref: "refs/heads/main", before: first, after: "1".repeat(40) });
        return refs;
      },
    });
    await world.wake();
    expect(alarmAt).not.toBeNull();
    expect(world.alarmAt).toBe(world.now);
  });

  it("is polled every spec.poll with jitter, and not at all with off", async () => {
    await world.git.commit(many(0, 2), "first");
    await world.registerAndLook({ poll: "10m" });
    const pause = (world.alarmAt ?? 0) - world.now;
    expect(pause).toBeGreaterThanOrEqual(540_000);
    expect(pause).toBeLessThanOrEqual(660_000);
    const writes = world.ledger.statusWrites;
    await world.wake();
    expect(world.ledger.statusWrites).toBe(writes);
    await world.registerAndLook({ poll: "off" });
    expect((world.alarmAt ?? 0) - world.now).toBeGreaterThan(3_600_000);
    expect(await world.engine.info()).toMatchObject({ value: { lastPollAt: expect.any(String) } });
  });

  it("whose pack is over the limit sets FetchTooLarge, keeps the other refs going, and clears it later", async () => {
    await world.git.commit([file("a.md", product("a"))], "small", { branch: "draft" });
    const bulk = Array.from({ length: 400 }, (_, at) =>
      file(`p/${at}.md`, product(`p${at}`, `T${Math.random()}`.repeat(6))),
    );
    await world.git.commit(bulk, "big", { onto: null });
    world.limits = { ...world.limits, maxBytes: 8_000 };
    await world.registerAndLook();
    expect(world.ledger.products()).toEqual(["a"]);
    expect(world.ledger.condition("catalog", "FetchTooLarge")).toMatchObject({
      status: "True",
      message: expect.stringContaining("GIT_FETCH_MAX_BYTES"),
    });
    expect(world.ledger.condition("catalog", "Ready")).toMatchObject({ status: "False", reason: "FetchTooLarge" });
    world.limits = { ...world.limits, maxBytes: 8_000_000, maxObjects: 100 };
    await world.wake();
    expect(world.ledger.condition("catalog", "FetchTooLarge")).toMatchObject({
      message: expect.stringContaining("objects"),
    });
    world.limits = { ...world.limits, maxObjects: 10_000 };
    await world.wake();
    expect(world.ledger.products()).toHaveLength(401);
    expect(world.ledger.condition("catalog", "FetchTooLarge")).toBeUndefined();
    expect(world.ledger.condition("catalog", "Ready")?.status).toBe("True");
  });
});

describe("a long history between two looks", () => {
  const grow = async () => {
    for (let n = 0; n < 30; n++) {
      const noise = Array.from({ length: 400 }, () => Math.random().toString(36)).join("");
      await world.git.commit([file("noise.md", `# ${noise}`), file("b.md", product("b", `T${n}`))], `step ${n}`);
    }
  };

  it("is over the limits, and its end is not: the end is applied, as an update", async () => {
    await world.git.commit([file("a.md", product("a"))], "first");
    await world.registerAndLook();
    await grow();
    world.limits = { ...world.limits, maxBytes: 30_000 };
    await world.wake();
    expect(world.ledger.product("b")?.spec.title).toBe("T29");
    expect(world.ledger.refEvents().at(-1)).toBe("branch.updated refs/heads/main");
  });

  it("is FetchTooLarge where the server has no filters, for then ancestry cannot be told", async () => {
    await world.git.git("config", "uploadpack.allowFilter", "false");
    await world.git.commit([file("a.md", product("a"))], "first");
    await world.registerAndLook();
    await grow();
    world.limits = { ...world.limits, maxBytes: 30_000 };
    await world.wake();
    expect(world.ledger.condition("catalog", "FetchTooLarge")?.status).toBe("True");
  });
});

describe("a ledger", () => {
  it("that was restored to before a branch was brought in gets it again", async () => {
    await world.git.commit(many(0, 2), "first");
    await world.git.commit(many(5, 6), "other", { branch: "other", onto: null });
    await world.registerAndLook({ branches: ["main", "other"] });
    await world.wake();
    // As if the transaction that brought the branch's files in had never been: its ref stayed, its files did not.
    const { sql } = world.ledger.store.storage;
    sql.exec("DELETE FROM files WHERE branch = 'other'");
    sql.exec("DELETE FROM heads WHERE name = 'p5'");
    world.ledger.register("catalog", {
      url: world.server.url("catalog"),
      provider: "github",
      branches: ["main", "other"],
      poll: "7m",
    });
    await world.wake();
    expect(world.ledger.products()).toEqual(["p0", "p1", "p5"]);
  });

  it("that takes no large chunk gets smaller ones, and no file twice", async () => {
    await world.git.commit(many(0, 300), "first");
    world.ledger.intercept = (chunk) =>
      chunk.ops.length > 50 ? { result: "tooLarge", message: "too large" } : undefined;
    await world.registerAndLook();
    expect(world.ledger.products()).toHaveLength(300);
    const { chunks } = world.ledger;
    const taken = chunks.filter((chunk) => chunk.ops.length > 0 && chunk.ops.length <= 50);
    expect(taken.flatMap((chunk) => chunk.ops)).toHaveLength(300);
    expect(taken.map((chunk) => chunk.seq)).toEqual(taken.map((_, at) => at));
  });

  it("that finds a chunk stale is read and planned for again", async () => {
    await world.git.commit(many(0, 2), "first");
    let stale = 1;
    world.ledger.intercept = () => (stale-- > 0 ? { result: "stale", message: "restored" } : undefined);
    await world.registerAndLook();
    expect(world.ledger.products()).toEqual([]);
    await world.wake();
    expect(world.ledger.products()).toHaveLength(2);
  });

  it("that has lost the Repository stops the look, and nothing is thrown", async () => {
    await world.git.commit(many(0, 2), "first");
    await world.registerAndLook();
    world.ledger.unregister("catalog");
    await world.wake();
    expect(world.alarmAt).not.toBeNull();
    await world.engine.remove();
    expect(world.storage.tables()).toEqual([]);
    expect(world.alarmAt).toBeNull();
  });

  it("made anew under the same name gets a first look of its own", async () => {
    await world.git.commit(many(0, 2), "first");
    await world.registerAndLook();
    const secret = await world.secret();
    world.ledger.unregister("catalog");
    await world.registerAndLook();
    expect(
      (await world.push(secret, { ref: "refs/heads/main", before: "0".repeat(40), after: "0".repeat(40) })).status,
    ).toBe(401);
    expect(world.ledger.refEvents()).toEqual(["branch.created refs/heads/main", "branch.created refs/heads/main"]);
  });
});
