import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { productFile, products } from "./support/catalog.ts";
import { Sender, type Update, waitFor } from "./support/deliveries.ts";
import { type CloudEvent, cloudEvents, comparable, moves, REF_EVENT, rederivedIds, short } from "./support/log.ts";
import { installRemoteHooks, Source } from "./support/source.ts";
import { Stage } from "./support/stage.ts";
import type { WatchedEvent } from "./support/watcher.ts";

const MAIN = "refs/heads/main";
const DRAFT = "refs/heads/draft";
const TOPIC = "refs/heads/topic/new-prices";
const TAG = "refs/tags/v1.0.0";
const [one, two, three, four] = products(4);
if (!one || !two || !three || !four) throw new Error("the catalogue is empty");

let stage: Stage;
let source: Source;
beforeAll(async () => {
  stage = await Stage.set();
  source = await Source.create();
});
afterAll(async () => {
  await stage.strike();
  await source.remove();
});

const urlOf = (namespace: string): string => stage.git.url(`${namespace}-catalog`);

/** A namespace whose remote has `first` on main, and whose first look is over. */
async function open(namespace: string, first: string, spec: Record<string, unknown> = {}): Promise<Sender> {
  await stage.git.create(`${namespace}-catalog`);
  await source.push(urlOf(namespace), { ref: MAIN, new: first });
  await stage.namespace(namespace);
  await stage.repository(namespace, "catalog", spec);
  await stage.sync(namespace);
  return Sender.of(stage, namespace);
}

/** Returns when the ledger has applied the ref at the oid. */
async function applied(namespace: string, { ref, new: oid }: Update): Promise<void> {
  const commit = oid === null ? undefined : await source.repository.git("rev-parse", `${oid}^{commit}`);
  await waitFor(
    async () => (await stage.get(namespace, "repositories", "catalog")).status?.applied as Record<string, string>,
    (refs) => refs?.[ref] === commit,
  );
}

/** Everything from the namespace's beginning; Repository changes are told by `status.applied`, and left out here. */
async function history(namespace: string): Promise<{ log: WatchedEvent[]; events: CloudEvent[]; uid: string }> {
  const watcher = stage.watch(namespace);
  const head = await stage.head(namespace);
  await watcher.until(() => Number(watcher.rv) >= Number(head));
  watcher.close();
  expect(watcher.events.map(({ object }) => Number(object.metadata.resourceVersion))).toEqual(
    Array.from({ length: Number(watcher.rv) - 1 }, (_, i) => i + 2),
  );
  const { metadata } = await stage.get(namespace, "repositories", "catalog");
  const log = watcher.events.filter(({ object }) => object.kind !== "Repository");
  return { log, events: await cloudEvents(stage, namespace), uid: metadata.uid };
}

describe("changes observed one by one", () => {
  let first: string;
  let story: Update[];
  let reference: unknown[];

  beforeAll(async () => {
    first = await source.commit([productFile(one), productFile(two)], null, "Begin");
    const second = await source.commit([productFile(one, " (new)"), productFile(three)], first, "Edit and add");
    const broken = { path: "products/broken.md", text: productFile(four).text?.replace("title:", "tilte:") ?? "" };
    const third = await source.commit([productFile(two, " (forced)"), broken], first, "Rewrite");
    await source.repository.tag("v1.0.0", first, "The first release");
    const annotated = await source.repository.git("rev-parse", "v1.0.0");
    story = [
      { ref: DRAFT, old: null, new: first },
      { ref: DRAFT, old: first, new: second },
      { ref: TAG, old: null, new: annotated },
      { ref: MAIN, old: first, new: second },
      { ref: MAIN, old: second, new: third },
      { ref: TAG, old: annotated, new: third },
      { ref: TOPIC, old: null, new: third },
      { ref: DRAFT, old: second, new: null },
      { ref: MAIN, old: third, new: second },
      { ref: TAG, old: third, new: null },
      { ref: TOPIC, old: third, new: null },
    ];
    await tell("by-poll", async (namespace) => void (await stage.sync(namespace)));
    reference = (await history("by-poll")).log.map(comparable);
  });

  /** Makes each move at the remote, has it told in some way, and waits for it to be applied. */
  async function tell(
    namespace: string,
    wake: (namespace: string, move: Update, index: number, sender: Sender) => Promise<unknown>,
    prepare: { spec?: Record<string, unknown>; hooks?: boolean } = {},
  ): Promise<void> {
    const sender = await open(namespace, first, prepare.spec);
    if (prepare.hooks === true) await installRemoteHooks(stage, namespace, sender, { only: "post-receive" });
    for (const [index, move] of story.entries()) {
      expect(await source.push(urlOf(namespace), move)).toMatchObject({ accepted: true });
      await wake(namespace, move, index, sender);
      await applied(namespace, move);
    }
  }

  /** @param via how many moves each way of observing is to have told of; a look that still runs may be quicker than a delivery. */
  async function expectTheSame(namespace: string, via?: Record<string, number>): Promise<void> {
    const { log, events, uid } = await history(namespace);
    expect(log.map(comparable)).toEqual(reference);
    const ids = rederivedIds(events, uid);
    expect(ids.map(({ is }) => is)).toEqual(ids.map(({ formula }) => formula));
    expect(new Set(ids.map(({ is }) => is)).size).toBe(ids.length);
    if (via === undefined) return;
    const told = events.filter(({ type, data }) => REF_EVENT.test(type) && data.baseline === undefined);
    const counts: Record<string, number> = {};
    for (const { data } of told) counts[String(data.observedVia)] = (counts[String(data.observedVia)] ?? 0) + 1;
    expect(counts).toEqual(via);
  }

  it("by a look without any delivery are each one event, with an id that the public formula gives", async () => {
    const { events, uid } = await history("by-poll");
    expect(moves(events)).toEqual([
      `branch.created ${MAIN} ∅→${short(first)}`,
      ...story.map(({ ref, old, new: to }, index) => {
        const verb =
          old === null ? "created" : to === null ? "deleted" : index === 4 || index === 8 ? "force-pushed" : "updated";
        return `${ref.startsWith("refs/tags/") ? "tag" : "branch"}.${verb} ${ref} ${short(old)}→${short(to)}`;
      }),
    ]);
    const ids = rederivedIds(events, uid);
    expect(ids.map(({ is }) => is)).toEqual(ids.map(({ formula }) => formula));
    expect(new Set(ids.map(({ is }) => is)).size).toBe(ids.length);
  });

  it("by webhook give the same events and changes, in the same order", async () => {
    const github = { spec: { provider: "github" } };
    await tell("by-webhook", (_, move, __, sender) => sender.github(move), github);
    await expectTheSame("by-webhook", { webhook: story.length });
  });

  it("by the post-receive hook give the same events and changes, in the same order", async () => {
    await tell("by-hook", async () => undefined, { hooks: true });
    await expectTheSame("by-hook", { hook: story.length });
  });

  it("with every delivery tripled, under its own id and under others, give the same", async () => {
    await tell("tripled", async (_, move, index, sender) => {
      const id = `delivery-${index}`;
      expect((await sender.hook([move], id)).body.result).toBe("accepted");
      expect((await sender.hook([move], id)).body.result).toBe("duplicate");
      expect((await sender.hook([move])).body.result).toBe("accepted");
    });
    await expectTheSame("tripled");
    // Late ones too, when everything is over.
    const sender = await Sender.of(stage, "tripled");
    for (const move of story) await sender.hook([move]);
    await stage.sync("tripled");
    await expectTheSame("tripled");
  });

  it("with deliveries that overtake each other give the same", async () => {
    // Each pair comes in the wrong order; the last has none to change places with.
    const swapped = (index: number): Update => story[index ^ 1] ?? (story[index] as Update);
    await tell("reordered", (_, __, index, sender) => sender.hook([swapped(index)]));
    await expectTheSame("reordered");
  });

  it("with every second delivery lost give the same, the lost ones found by a look", async () => {
    await tell("lost", (namespace, move, index, sender) =>
      index % 2 === 0 ? stage.sync(namespace) : sender.hook([move]),
    );
    await expectTheSame("lost", { poll: 6, hook: 5 });
  });

  it("that no delivery announces are found by the poll alone, and counted", async () => {
    await open("polled", first, { poll: "10s" });
    const move: Update = { ref: DRAFT, old: null, new: first };
    await source.push(urlOf("polled"), move);
    await applied("polled", move);
    const { events } = await history("polled");
    expect(moves(events).at(-1)).toBe(`branch.created ${DRAFT} ∅→${short(first)}`);
    expect(events.findLast(({ type }) => REF_EVENT.test(type))?.data.observedVia).toBe("poll");
    const info = await stage.must<{ foundByPoll: number }>(
      "/apis/gitstore.dev/v1beta1/namespaces/polled/repositories/catalog/info",
    );
    expect(info.foundByPoll).toBe(1);
  });
});

describe("pushes that one look sees together", () => {
  let a: string;
  let b: string;
  let c: string;
  beforeAll(async () => {
    a = await source.commit([productFile(one)], null, "A");
    b = await source.commit([productFile(one, " (B)"), productFile(two)], a, "B");
    c = await source.commit(
      [productFile(one, " (C)"), { ...productFile(two), text: null }, productFile(three)],
      b,
      "C",
    );
  });

  /** Ref events and resource changes since the first look. */
  async function since(namespace: string): Promise<{ told: string[]; changes: string[]; events: CloudEvent[] }> {
    const { log, events } = await history(namespace);
    const start = log.findIndex(
      ({ object }) =>
        object.spec.correlationid !== undefined && object.spec.correlationid !== log[0]?.object.spec.correlationid,
    );
    const changes = (start < 0 ? [] : log.slice(start))
      .filter(({ object }) => object.kind === "Product")
      .map(({ type, object }) => `${type} ${object.metadata.name} ${String(object.spec.title).slice(-3)}`);
    return { told: moves(events).slice(1), changes, events };
  }
  const nameOf = (file: { path: string }): string => file.path.replace(/^.*\/|\.md$/g, "");

  it("are one event from the old to the new end, and one set of changes", async () => {
    await open("collapsed", a);
    await source.push(urlOf("collapsed"), { ref: MAIN, new: b });
    await source.push(urlOf("collapsed"), { ref: MAIN, new: c });
    await stage.sync("collapsed");
    const { told, changes } = await since("collapsed");
    expect(told).toEqual([`branch.updated ${MAIN} ${short(a)}→${short(c)}`]);
    expect(changes.toSorted()).toEqual(
      [
        `MODIFIED ${nameOf(productFile(one))} (C)`,
        `ADDED ${nameOf(productFile(three))} ${String(three.title).slice(-3)}`,
      ].toSorted(),
    );
  });

  it("give each step its own event where post-receive hooks tell of each", async () => {
    const sender = await open("stepped", a);
    await installRemoteHooks(stage, "stepped", sender);
    // Its remote cannot be read for a while; pushing on the server's own disk works, and its hooks run.
    stage.git.failWith = 503;
    const deliveries = async () =>
      (
        await stage.must<{ deliveries: { id: string }[] }>(
          "/apis/gitstore.dev/v1beta1/namespaces/stepped/repositories/catalog/info",
        )
      ).deliveries.length;
    await source.push(stage.git.dir("stepped-catalog"), { ref: MAIN, new: b });
    await waitFor(deliveries, (count) => count === 1);
    await source.push(stage.git.dir("stepped-catalog"), { ref: MAIN, new: c });
    await waitFor(deliveries, (count) => count === 2);
    stage.git.failWith = undefined;
    await stage.sync("stepped");
    const { told, changes, events } = await since("stepped");
    expect(told).toEqual([
      `branch.updated ${MAIN} ${short(a)}→${short(b)}`,
      `branch.updated ${MAIN} ${short(b)}→${short(c)}`,
    ]);
    expect(changes.filter((change) => change.includes(nameOf(productFile(two))))).toHaveLength(2);
    expect(changes).toHaveLength(2 + 3);
    const refs = events.filter(({ type }) => REF_EVENT.test(type)).slice(1);
    expect(refs.map(({ data }) => data.observedVia)).toEqual(["hook", "hook"]);
  });

  it("that lead back to where they began are none, and change nothing", async () => {
    const sender = await open("returned", a);
    const before = await history("returned");
    await source.push(urlOf("returned"), { ref: MAIN, new: b });
    await source.push(urlOf("returned"), { ref: MAIN, new: a });
    await sender.hook([{ ref: MAIN, old: b, new: a }]);
    await sender.hook([{ ref: MAIN, old: a, new: b }]);
    await stage.sync("returned");
    expect(await history("returned")).toEqual(before);
  });
});

describe("a delivery that is signed and not true", () => {
  const forged = "f".repeat(40);
  let a: string;
  let b: string;
  let c: string;
  let end: unknown[];
  beforeAll(async () => {
    a = await source.commit([productFile(one)], null, "A");
    b = await source.commit([productFile(two)], a, "B");
    c = await source.commit([productFile(three)], b, "C");
    await open("honest", a);
    await source.push(urlOf("honest"), { ref: MAIN, new: c });
    await stage.sync("honest");
    end = (await history("honest")).log.map(comparable);
  });

  it.each<[string, string, (sender: Sender) => Promise<unknown>[]]>([
    ["whose steps do not join", "unjoined", (sender) => [sender.hook([{ ref: MAIN, old: b, new: c }])]],
    [
      "that leads over a commit which does not exist",
      "invented",
      (sender) => [
        sender.hook([{ ref: MAIN, old: a, new: forged }]),
        sender.hook([{ ref: MAIN, old: forged, new: c }]),
      ],
    ],
    [
      "that ends at a commit which does not exist",
      "ended",
      (sender) => [sender.hook([{ ref: MAIN, old: a, new: forged }])],
    ],
    ["that tells of a deletion", "deleted", (sender) => [sender.hook([{ ref: MAIN, old: a, new: null }])]],
    [
      "about a ref that is not there",
      "ghost",
      (sender) => [sender.hook([{ ref: "refs/heads/ghost", old: null, new: c }])],
    ],
    [
      "that goes round in a circle",
      "circle",
      (sender) => [sender.hook([{ ref: MAIN, old: a, new: b }]), sender.hook([{ ref: MAIN, old: b, new: a }])],
    ],
  ])("%s changes nothing of the result", async (_, namespace, send) => {
    const sender = await open(namespace, a);
    await source.push(urlOf(namespace), { ref: MAIN, new: c });
    stage.git.failWith = 503;
    for (const answer of await Promise.all(send(sender))) expect(answer).toMatchObject({ status: 202 });
    stage.git.failWith = undefined;
    await stage.sync(namespace);
    expect((await history(namespace)).log.map(comparable)).toEqual(end);
  });
});
