import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { standardHeaders } from "../../../src/git/webhooks/index.ts";
import { file, product, World, ZERO } from "./support/world.ts";

let world: World;
let secret: string;
let first: string;
beforeEach(async () => {
  world = await World.start();
  first = await world.git.commit([file("a.md", product("a"))], "first");
  await world.registerAndLook();
  secret = await world.secret();
});
afterEach(() => world.stop());

const main = "refs/heads/main";

describe("a delivery", () => {
  it("is stored, answered 202 and worked on by the alarm, which tells its actor, id and trace", async () => {
    const second = await world.git.commit([file("b.md", product("b"))], "second");
    const { now } = world;
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const answer = await world.push(secret, { ref: main, before: first, after: second }, { id: "d1", traceparent });
    expect(answer).toEqual({ status: 202, body: { delivery: "d1", result: "accepted" } });
    expect(world.ledger.products()).toEqual(["a"]);
    expect(world.alarmAt).toBe(now);
    await world.wake();
    expect(world.ledger.products()).toEqual(["a", "b"]);
    const event = world.ledger.events().findLast((candidate) => candidate.type === "git.branch.updated");
    expect(event).toMatchObject({
      traceparent,
      data: { observedVia: "webhook", delivery: { provider: "github", id: "d1" }, actor: { name: "alice", id: "7" } },
    });
  });

  it("gives each step its own event where deliveries join what was applied to what is there", async () => {
    const second = await world.git.commit([file("b.md", product("b"))], "second");
    const third = await world.git.commit([file("c.md", product("c"))], "third");
    // The network reorders.
    await world.push(secret, { ref: main, before: second, after: third });
    await world.push(secret, { ref: main, before: first, after: second });
    await world.wake();
    const updates = world.ledger.events().filter((event) => event.type === "git.branch.updated");
    expect(updates.map(({ data }) => [data.old, data.new])).toEqual([
      [first, second],
      [second, third],
    ]);
    expect(world.ledger.products()).toEqual(["a", "b", "c"]);
    expect(world.inbox.hints()).toEqual([]);
  });

  it("gives one event where a step's commit does not exist", async () => {
    const second = await world.git.commit([file("b.md", product("b"))], "second");
    const forged = "f".repeat(40);
    await world.push(secret, { ref: main, before: first, after: forged });
    await world.push(secret, { ref: main, before: forged, after: second });
    await world.wake();
    const updates = world.ledger.events().filter((event) => event.type === "git.branch.updated");
    expect(updates.map(({ data }) => [data.old, data.new])).toEqual([[first, second]]);
  });

  it("is a duplicate the second time, and arms the alarm all the same", async () => {
    await world.push(secret, { ref: main, before: first, after: first }, { id: "d1" });
    world.alarmAt = null;
    const answer = await world.push(secret, { ref: main, before: first, after: first }, { id: "d1" });
    expect(answer).toEqual({ status: 202, body: { delivery: "d1", result: "duplicate" } });
    expect(world.alarmAt).toBe(world.now);
  });

  it("is remembered for 8 days, over the provider's 3 (7) days of redelivery", async () => {
    await world.push(secret, { ref: main, before: first, after: first }, { id: "d1" });
    world.now += 7.9 * 86_400_000;
    await world.wake();
    expect((await world.push(secret, { ref: main, before: first, after: first }, { id: "d1" })).body.result).toBe(
      "duplicate",
    );
    world.now += 0.2 * 86_400_000;
    await world.wake();
    expect((await world.push(secret, { ref: main, before: first, after: first }, { id: "d1" })).body.result).toBe(
      "accepted",
    );
  });

  it("that claims a move the remote does not show changes nothing", async () => {
    await world.push(secret, { ref: main, before: first, after: ZERO });
    await world.push(secret, { ref: "refs/heads/ghost", before: ZERO, after: first });
    const { head } = world.ledger.store;
    await world.wake();
    expect(world.ledger.store.head).toBe(head);
    expect(world.ledger.products()).toEqual(["a"]);
  });

  it("that runs ahead of the remote's replica is looked for again soon, and names the actor then", async () => {
    const second = await world.git.commit([file("b.md", product("b"))], "second");
    await world.git.git("update-ref", main, first);
    const { now } = world;
    await world.push(secret, { ref: main, before: first, after: second });
    await world.wake();
    expect(world.alarmAt).toBe(now + 3_000);
    await world.wake();
    expect(world.alarmAt).toBe(now + 10_000);
    await world.git.git("update-ref", main, second);
    await world.wake();
    const event = world.ledger.events().findLast((candidate) => candidate.type === "git.branch.updated");
    expect(event?.data).toMatchObject({ observedVia: "webhook", actor: { name: "alice" } });
    expect(world.inbox.hints()).toEqual([]);
  });

  it("is ignored, and answered 202 with the reason, where nothing can follow from it", async () => {
    const answer = await world.push(secret, { ref: main, before: first, after: first }, { id: "star", event: "star" });
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ delivery: "star", result: "ignored" });
    expect(answer.body.reason).toBeTruthy();
  });

  it("is a ping answered 200", async () => {
    const answer = await world.push(
      secret,
      { ref: main, before: first, after: first },
      { event: "ping", payload: { zen: "z", hook_id: 1, hook: {} } },
    );
    expect(answer).toMatchObject({ status: 200, body: { reason: "ping" } });
  });
});

describe("a delivery is refused, and nothing stored,", () => {
  const nothingStored = () => {
    expect(world.inbox.deliveries(10)).toEqual([]);
    expect(world.inbox.hints()).toEqual([]);
  };

  it("with 401 where its signature is wrong", async () => {
    const answer = await world.push("another secret", { ref: main, before: first, after: first });
    expect(answer.status).toBe(401);
    nothingStored();
  });

  it("with 403 where it is another repository's, before and after the binding", async () => {
    const other = { id: 43, full_name: "acme/other", clone_url: "https://github.com/acme/other.git" };
    expect((await world.push(secret, { ref: main, before: first, after: first }, { repository: other })).status).toBe(
      403,
    );
    nothingStored();
    expect((await world.push(secret, { ref: main, before: first, after: first }, { id: "bound" })).status).toBe(202);
    expect((await world.push(secret, { ref: main, before: first, after: first }, { repository: other })).status).toBe(
      403,
    );
    const impostor = { id: 43, clone_url: world.server.url("catalog") };
    expect(
      (await world.push(secret, { ref: main, before: first, after: first }, { repository: impostor })).status,
    ).toBe(403);
    expect(world.inbox.deliveries(10).map(({ id }) => id)).toEqual(["bound"]);
  });

  it("with 400 where it is no body of this provider's", async () => {
    const answer = await world.push(secret, { ref: main, before: "nonsense", after: first });
    expect(answer.status).toBe(400);
    nothingStored();
  });

  it("with 413 where it is over 25 MiB", async () => {
    const answer = await world.engine.deliver({ headers: {}, body: new Uint8Array(25 * 1_048_576 + 1) });
    expect(answer.status).toBe(413);
  });

  it("with 404 where the repository is not registered, which makes no table", async () => {
    const other = await World.start();
    try {
      const answer = await other.push(secret, { ref: main, before: first, after: first });
      expect(answer).toEqual({ status: 404, body: { message: expect.any(String) } });
      expect(other.storage.tables()).toEqual([]);
      expect(other.alarmAt).toBeNull();
      expect((await other.engine.sync({})).ok).toBe(false);
      expect((await other.engine.info()).ok).toBe(false);
      expect((await other.engine.issueSecret({})).ok).toBe(false);
      expect((await other.engine.syncState("x")).ok).toBe(false);
      await other.engine.wake();
      expect(other.storage.tables()).toEqual([]);
    } finally {
      await other.stop();
    }
  });
});

describe("a renamed repository", () => {
  it("is accepted by its id, with a condition that goes when the url is mended", async () => {
    await world.push(secret, { ref: main, before: first, after: first });
    const renamed = { full_name: "acme/shop", clone_url: "https://github.com/acme/shop.git" };
    expect((await world.push(secret, { ref: main, before: first, after: first }, { repository: renamed })).status).toBe(
      202,
    );
    await world.wake();
    expect(world.ledger.condition("catalog", "Renamed")).toMatchObject({
      status: "True",
      message: expect.stringContaining("acme/shop"),
    });
    await world.push(secret, { ref: main, before: first, after: first });
    await world.wake();
    expect(world.ledger.condition("catalog", "Renamed")).toBeUndefined();
  });
});

describe("secrets", () => {
  const works = async (key: string) =>
    (await world.push(key, { ref: main, before: first, after: first })).status === 202;

  it("are valid side by side for the overlap of a rotation, and no longer", async () => {
    const rotated = await world.engine.issueSecret({ overlapMs: 3_600_000 });
    if (!rotated.ok) throw new Error(rotated.message);
    expect([await works(secret), await works(rotated.value.secret)]).toEqual([true, true]);
    world.now += 3_600_001;
    expect([await works(secret), await works(rotated.value.secret)]).toEqual([false, true]);
  });

  it("end at once with a rotation without overlap, and stay with an additional one", async () => {
    const additional = await world.engine.issueSecret({ additional: true });
    if (!additional.ok) throw new Error(additional.message);
    expect([await works(secret), await works(additional.value.secret)]).toEqual([true, true]);
    await world.engine.issueSecret({});
    expect([await works(secret), await works(additional.value.secret)]).toEqual([false, false]);
  });

  it("may be the caller's own, if they are no short or strange text", async () => {
    const own = "It-is-a-secret-to-everybody";
    expect(await world.engine.issueSecret({ secret: own })).toMatchObject({ ok: true, value: { secret: own } });
    expect(await works(own)).toBe(true);
    expect(await world.engine.issueSecret({ secret: "short" })).toMatchObject({ ok: false, status: 422 });
    expect(await world.engine.issueSecret({ secret: "with spaces and more of them" })).toMatchObject({ ok: false });
  });

  it("are in no table in the clear, nor in what info shows", async () => {
    const stored = JSON.stringify(world.storage.sql.exec("SELECT * FROM secrets").toArray());
    expect(stored).not.toContain(secret);
    const info = await world.engine.info();
    expect(JSON.stringify(info)).not.toContain(secret);
    expect(info).toMatchObject({ ok: true, value: { secrets: [{ id: expect.any(String) }] } });
  });

  it("of a plain Git server have the form of Standard Webhooks, and sign what its hook sends", async () => {
    await world.register({ provider: "git" });
    const issued = await world.engine.issueSecret({});
    if (!issued.ok) throw new Error(issued.message);
    expect(issued.value.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const second = await world.git.commit([file("b.md", product("b"))], "second");
    const send = async (repository: string, id: string) => {
      const updates = [{ ref: main, old: first, new: second }];
      const body = new TextEncoder().encode(JSON.stringify({ repository, updates, actor: "bob" }));
      const headers = await standardHeaders(issued.value.secret, id, Math.floor(world.now / 1000), body);
      return world.engine.deliver({ headers, body });
    };
    expect((await send("acme/other", "x")).status).toBe(403);
    expect((await send("acme/catalog", "h1")).status).toBe(202);
    await world.wake();
    const event = world.ledger.events().findLast((candidate) => candidate.type === "git.branch.updated");
    expect(event?.data).toMatchObject({
      observedVia: "hook",
      actor: { name: "bob" },
      delivery: { provider: "git", id: "h1" },
    });
  });
});

describe("too many deliveries", () => {
  it("are not: a push of 300 branches, told twice each and each delivered three times", async () => {
    const commit = first;
    const answers: (string | undefined)[] = [];
    for (let i = 0; i < 300; i++) {
      const update = { ref: `refs/heads/feature-${i}`, before: ZERO, after: commit };
      for (const id of [`create-${i}`, `push-${i}`, `push-${i}`]) {
        answers.push((await world.push(secret, update, { id })).body.result);
      }
    }
    expect(answers.filter((result) => result === "accepted")).toHaveLength(600);
    expect(answers.filter((result) => result === "duplicate")).toHaveLength(300);
  }, 60_000);

  it("are answered 429 with the time to wait, and nothing of them is stored", async () => {
    world.rate = { burst: 3, perMinute: 6 };
    const update = { ref: main, before: first, after: first };
    for (let i = 0; i < 3; i++) expect((await world.push(secret, update)).status).toBe(202);
    const before = { deliveries: world.inbox.deliveries(100), hints: world.inbox.hints() };
    expect(await world.push(secret, update, { id: "late" })).toMatchObject({ status: 429, retryAfterSeconds: 10 });
    expect({ deliveries: world.inbox.deliveries(100), hints: world.inbox.hints() }).toEqual(before);
    world.now += 9_000;
    expect(await world.push(secret, update, { id: "late" })).toMatchObject({ status: 429, retryAfterSeconds: 1 });
    world.now += 1_000;
    expect(await world.push(secret, update, { id: "late" })).toMatchObject({
      status: 202,
      body: { result: "accepted" },
    });
    expect((await world.push(secret, update)).status).toBe(429);
    world.now += 3_600_000;
    for (let i = 0; i < 3; i++) expect((await world.push(secret, update)).status).toBe(202);
    expect((await world.push(secret, update)).status, "a burst, however long it was silent").toBe(429);
  });

  it("cannot be made so by who cannot sign: they are 401 and count for nothing", async () => {
    world.rate = { burst: 1, perMinute: 1 };
    const update = { ref: main, before: first, after: first };
    for (let i = 0; i < 20; i++) expect((await world.push("another", update)).status).toBe(401);
    expect((await world.push(secret, update)).status).toBe(202);
  });

  it("cause one look soon, which finds what the refused ones would have told", async () => {
    world.rate = { burst: 1, perMinute: 60 };
    await world.push(secret, { ref: main, before: first, after: first });
    await world.wake();
    const second = await world.git.commit([file("b.md", product("b"))], "second");
    for (let i = 0; i < 50; i++) {
      expect((await world.push(secret, { ref: main, before: first, after: second })).status).toBe(429);
    }
    expect(world.alarmAt).toBe(world.now + 5_000);
    world.now += 5_000;
    await world.wake();
    expect(world.ledger.products()).toEqual(["a", "b"]);
  });

  it("lose nothing to a sync or the poll either", async () => {
    world.rate = { burst: 1, perMinute: 1 };
    await world.push(secret, { ref: main, before: first, after: first });
    await world.wake();
    for (const [name, by] of [
      ["b", "sync"],
      ["c", "poll"],
    ] as const) {
      const next = await world.git.commit([file(`${name}.md`, product(name))], name);
      expect((await world.push(secret, { ref: main, before: first, after: next })).status).toBe(429);
      if (by === "sync") await world.engine.sync({});
      else world.now += 301_000;
      await world.wake();
      expect(world.ledger.products()).toContain(name);
    }
  });
});
