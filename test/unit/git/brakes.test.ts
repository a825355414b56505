import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GitRemoteError } from "../../../src/git/remote/errors.ts";
import { file, product, World } from "./support/world.ts";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world.stop());

const path = (n: number) => `p/${String(n).padStart(4, "0")}.md`;
const add = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => file(path(from + at), product(`p${from + at}`)));
const drop = (count: number, from = 0) => Array.from({ length: count }, (_, at) => file(path(from + at), null));
const held = () => world.ledger.condition("catalog", "MassDeletionHeld");

async function sync(allowMassDelete = false) {
  const begun = await world.engine.sync({ allowMassDelete });
  if (!begun.ok) throw new Error(begun.message);
  await world.wake();
  const state = await world.engine.syncState(begun.value.sync);
  if (!state.ok) throw new Error(state.message);
  return state.value;
}

describe("a push that would delete more than half and more than 100", () => {
  it("is held with its counts, nothing of it applied, until it is allowed", async () => {
    await world.git.commit(add(180), "first");
    await world.registerAndLook();
    await world.git.commit([...drop(101), file("new.md", product("new"))], "empty");
    await world.wake();
    expect(world.ledger.products()).toHaveLength(180);
    expect(world.ledger.refEvents()).toEqual(["branch.created refs/heads/main"]);
    expect(held()).toMatchObject({
      status: "True",
      message: expect.stringMatching(/delete 101 of the repository's 180 .*--allow-mass-delete/),
    });
    expect(world.ledger.condition("catalog", "Ready")).toMatchObject({ status: "False", reason: "MassDeletionHeld" });
    const refused = await sync();
    expect(refused).toMatchObject({
      state: "failed",
      message: expect.stringContaining("would delete 101"),
      refs: [{ applied: false }],
    });
    const allowed = await sync(true);
    expect(allowed).toMatchObject({ state: "done", refs: [{ ref: "refs/heads/main", applied: true }], rejected: 0 });
    expect(world.ledger.products()).toHaveLength(80);
    expect(held()).toBeUndefined();
  });

  it("is let go by a revert", async () => {
    const first = await world.git.commit(add(150), "first");
    await world.registerAndLook();
    await world.git.commit(drop(150), "empty");
    await world.wake();
    expect(held()).toBeDefined();
    await world.git.git("update-ref", "refs/heads/main", first);
    await world.wake();
    expect(held()).toBeUndefined();
    expect(world.ledger.products()).toHaveLength(150);
    expect(world.ledger.refEvents()).toHaveLength(1);
  });

  it("is let go by a revert that deliveries tell step by step, too", async () => {
    const first = await world.git.commit(add(150), "first");
    await world.registerAndLook();
    const secret = await world.secret();
    const emptied = await world.git.commit(drop(150), "empty");
    await world.push(secret, { ref: "refs/heads/main", before: first, after: emptied });
    await world.wake();
    const reverted = await world.git.commit(add(150), "revert");
    await world.push(secret, { ref: "refs/heads/main", before: emptied, after: reverted });
    await world.wake();
    expect(held()).toBeUndefined();
    expect(world.ledger.applied("refs/heads/main")).toBe(reverted);
    expect(world.ledger.products()).toHaveLength(150);
  });

  it("is no brake on exactly half, nor on 100", async () => {
    await world.git.commit(add(220), "first");
    await world.registerAndLook();
    await world.git.commit(drop(110), "half");
    await world.wake();
    expect(world.ledger.products()).toHaveLength(110);
    await world.git.commit(drop(100, 110), "a hundred");
    await world.wake();
    expect(world.ledger.products()).toHaveLength(10);
  });

  it("counts the refs of one observation together", async () => {
    const first = await world.git.commit(add(80), "main");
    await world.git.commit(add(80, 80), "draft", { branch: "draft", onto: null });
    await world.git.git("branch", "keep", first);
    await world.registerAndLook();
    expect(world.ledger.products()).toHaveLength(160);
    await world.git.git("update-ref", "-d", "refs/heads/main");
    await world.git.git("update-ref", "-d", "refs/heads/draft");
    await world.wake();
    expect(world.ledger.products()).toHaveLength(80);
    expect(held()).toMatchObject({ message: expect.stringContaining("refs/heads/main would delete 80") });
  });
});

describe("a change of spec.branches", () => {
  it("brings a branch that is newly matched in, with no event of the ref, and takes one that is not out", async () => {
    await world.git.commit(add(3), "main");
    await world.git.commit(add(2, 10), "topic", { branch: "topic", onto: null });
    await world.registerAndLook({ branches: ["main"] });
    const events = world.ledger.refEvents();
    expect(events).toHaveLength(2);
    await world.registerAndLook({ branches: ["main", "topic"] });
    expect(world.ledger.products()).toEqual(["p0", "p1", "p10", "p11", "p2"]);
    await world.registerAndLook({ branches: ["main"] });
    expect(world.ledger.products()).toEqual(["p0", "p1", "p2"]);
    expect(world.ledger.refEvents()).toEqual(events);
    await world.registerAndLook({ branches: ["main", "to*"] });
    expect(world.ledger.products()).toHaveLength(5);
    await world.git.commit([file(path(10), null)], "on", { branch: "topic" });
    await world.wake();
    expect(world.ledger.products()).toHaveLength(4);
  });

  it("is held where it would delete most", async () => {
    await world.git.commit(add(150), "main");
    await world.registerAndLook();
    await world.registerAndLook({ branches: ["other"] });
    expect(world.ledger.products()).toHaveLength(150);
    expect(held()).toBeDefined();
    await world.registerAndLook({ branches: ["main"] });
    expect(held()).toBeUndefined();
    await world.registerAndLook({ branches: ["other"] });
    expect(await sync(true)).toMatchObject({ state: "done" });
    expect(world.ledger.products()).toEqual([]);
  });

  it("is completed after a stop in the middle", async () => {
    await world.git.commit(add(3), "main");
    await world.git.commit(add(1_200, 10), "topic", { branch: "topic", onto: null });
    await world.registerAndLook({ branches: ["main"] });
    await world.register({ branches: ["main", "topic"] });
    world.crashAt = { point: "afterChunk", times: 1 };
    await world.wake();
    world.restart();
    await world.wake();
    expect(world.ledger.products()).toHaveLength(1_203);
    expect(world.ledger.refEvents()).toHaveLength(2);
  });
});

describe("a sync", () => {
  it("is done when the refs observed at its start are applied, with what was admitted and rejected", async () => {
    const commit = await world.git.commit([...add(3), file("bad.md", product("Not A Name"))], "first");
    await world.git.tag("v1", commit, "one");
    await world.register();
    const begun = await world.engine.sync({});
    if (!begun.ok) throw new Error(begun.message);
    expect(await world.engine.syncState(begun.value.sync)).toMatchObject({ value: { state: "running", refs: [] } });
    await world.wake();
    expect(await world.engine.syncState(begun.value.sync)).toEqual({
      ok: true,
      value: {
        id: begun.value.sync,
        state: "done",
        refs: [
          { ref: "refs/heads/main", oid: commit, applied: true },
          { ref: "refs/tags/v1", oid: expect.any(String), applied: true },
        ],
        admitted: 3,
        rejected: 1,
      },
    });
  });

  it("fails with the remote", async () => {
    await world.register();
    world.server.failWith = 500;
    expect(await sync()).toMatchObject({ state: "failed", message: expect.stringContaining("500") });
  });

  it("that is asked for while a look fails is the next look's, and does not fail with that one", async () => {
    await world.git.commit(add(1), "first");
    await world.register();
    let begun: string | undefined;
    world.wrapRemote = (remote) => ({
      ...remote,
      listRefs: async () => {
        const asked = await world.engine.sync({});
        if (asked.ok) begun = asked.value.sync;
        throw new GitRemoteError("Unreachable", "nobody answers");
      },
    });
    await world.wake();
    const state = () => world.engine.syncState(begun ?? "");
    expect(await state()).toMatchObject({ value: { state: "running" } });
    world.wrapRemote = (remote) => remote;
    expect(world.alarmAt).toBe(world.now);
    await world.wake();
    expect(await state()).toMatchObject({ value: { state: "done", admitted: 1 } });
  });

  it("that nobody began is unknown", async () => {
    await world.register();
    expect(await world.engine.syncState("nope")).toMatchObject({ ok: false, status: 404 });
  });
});

describe("credentials", () => {
  it("of the secret that the spec names open a private remote, and a wrong secret is told", async () => {
    const locked = await World.start({ users: { bot: "s3cret" }, privateRead: true });
    try {
      await locked.git.commit([file("a.md", product("a"))], "first");
      await locked.registerAndLook();
      const ready = () => locked.ledger.condition("catalog", "Ready");
      expect(ready()).toMatchObject({ status: "False", message: expect.stringContaining("401") });
      const credentials = {
        username: "bot",
        password: "s3cret",
        namespaces: ["acme"],
        hosts: [`127.0.0.1:${locked.server.port}`],
      };
      await locked.registerAndLook({ credentialsRef: "GIT_CREDENTIALS_ACME" });
      expect(ready()?.message).toContain("there is no secret GIT_CREDENTIALS_ACME");
      locked.env.GIT_CREDENTIALS_ACME = JSON.stringify({ ...credentials, namespaces: ["other"] });
      await locked.wake();
      expect(ready()?.message).toContain("does not list namespace acme");
      locked.env.GIT_CREDENTIALS_ACME = JSON.stringify({ ...credentials, hosts: ["example.com"] });
      await locked.wake();
      expect(ready()?.message).toContain("401");
      expect(locked.server.requests.some(({ headers }) => headers.authorization !== undefined)).toBe(false);
      locked.env.GIT_CREDENTIALS_ACME = JSON.stringify(credentials);
      await locked.wake();
      expect(ready()?.status).toBe("True");
      expect(locked.ledger.products()).toEqual(["a"]);
    } finally {
      await locked.stop();
    }
  });
});
