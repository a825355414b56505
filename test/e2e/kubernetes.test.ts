/**
 * Cases of Kubernetes' own end-to-end tests (test/e2e/apimachinery), with the kinds of this server: ConfigMaps, Secrets
 * and PodTemplates are Channels, custom resources come from Git. The negative waits of the originals are later writes.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeMany, nameOf, namesOf } from "../conformance/cases/support.ts";
import { collectionPath, queryText } from "../conformance/client/api.ts";
import { INITIAL_EVENTS_END } from "../conformance/client/recording.ts";
import { type KubeList, type KubeObject, rvOf, type Status } from "../conformance/client/types.ts";
import type { Watch } from "../conformance/client/watch.ts";
import { type Target, World } from "../conformance/world.ts";
import { Stage } from "./support/stage.ts";

const CASE_MS = 110_000;
const LABEL = "watch-this-configmap";

let stage: Stage;
let world: World;
let namespace: string;

async function begin(target: Target): Promise<void> {
  world = new World(target, AbortSignal.timeout(CASE_MS));
  namespace = await world.namespace();
}
async function end(): Promise<void> {
  const violations = world.violations();
  await world.end();
  expect(violations).toEqual([]);
}

beforeAll(async () => {
  // A short tail, so that a continue token expires within a minute.
  stage = await Stage.set({ vars: { TAIL_EVENTS: "50", TAIL_MINUTES: "0" } });
});
afterAll(() => stage.strike());
beforeEach(() => begin({ server: stage.server.url, token: stage.admin }));
afterEach(end);

const watchLabelled = (values: string[], resourceVersion?: string): Promise<Watch> =>
  world.open(namespace, {
    transport: "http",
    query: { labelSelector: `${LABEL} in (${values.join(",")})`, resourceVersion },
  });
const labelled = (value: string, mutation = "0") => ({
  labels: { [LABEL]: value },
  annotations: { mutation },
});
const seen = ({ events }: Watch): string[] =>
  events.map(({ type, object }) => `${type} ${object.metadata.name} ${object.metadata.annotations?.mutation}`);

describe("Watchers (watch.go)", () => {
  it("should observe add, update, and delete watch notifications on configmaps", async () => {
    const [a, b, ab] = [await watchLabelled(["A"]), await watchLabelled(["B"]), await watchLabelled(["A", "B"])];
    const created = await world.make(namespace, "configmap-a", labelled("A"));
    const once = await world.writer.update(namespace, "configmap-a", labelled("A", "1"));
    await world.writer.update(namespace, "configmap-a", labelled("A", "2"));
    await world.writer.remove(namespace, "configmap-a");
    await world.make(namespace, "configmap-b", labelled("B"));
    await world.writer.remove(namespace, "configmap-b");
    // The last event for each: what came for others would have come before it.
    await world.make(namespace, "last-a", labelled("A"));
    await world.make(namespace, "last-b", labelled("B"));
    const ofA = ["ADDED configmap-a 0", "MODIFIED configmap-a 1", "MODIFIED configmap-a 2", "DELETED configmap-a 2"];
    const ofB = ["ADDED configmap-b 0", "DELETED configmap-b 0"];
    await a.untilEvents(5);
    await b.untilEvents(3);
    await ab.untilEvents(8);
    expect(seen(a)).toEqual([...ofA, "ADDED last-a 0"]);
    expect(seen(b)).toEqual([...ofB, "ADDED last-b 0"]);
    expect(seen(ab)).toEqual([...ofA, ...ofB, "ADDED last-a 0", "ADDED last-b 0"]);
    expect(a.events[0]?.object).toEqual(created);
    expect(a.events[1]?.object).toEqual(once);
  });

  it("should be able to start watching from a specific resource version", async () => {
    await world.make(namespace, "configmap", labelled("from-resource-version"));
    const first = await world.writer.update(namespace, "configmap", labelled("from-resource-version", "1"));
    const second = await world.writer.update(namespace, "configmap", labelled("from-resource-version", "2"));
    await world.writer.remove(namespace, "configmap");
    const watch = await watchLabelled(["from-resource-version"], first.metadata.resourceVersion);
    await watch.untilEvents(2);
    expect(seen(watch)).toEqual(["MODIFIED configmap 2", "DELETED configmap 2"]);
    expect(watch.events[0]?.object).toEqual(second);
  });

  it("should be able to restart watching from the last resource version observed by the previous watch", async () => {
    const value = "watch-closed-and-restarted";
    const broken = await watchLabelled([value]);
    await world.make(namespace, "configmap", labelled(value));
    await world.writer.update(namespace, "configmap", labelled(value, "1"));
    await broken.untilEvents(2);
    broken.cut();
    await world.writer.update(namespace, "configmap", labelled(value, "2"));
    const restarted = await watchLabelled([value], broken.events[1]?.object.metadata.resourceVersion);
    await world.writer.remove(namespace, "configmap");
    await restarted.untilEvents(2);
    expect(seen(restarted)).toEqual(["MODIFIED configmap 2", "DELETED configmap 2"]);
  });

  it("should observe an object deletion if it stops meeting the requirements of the selector", async () => {
    const value = "label-changed-and-restored";
    const watch = await watchLabelled([value]);
    const { writer } = world;
    await world.make(namespace, "configmap", labelled(value));
    await writer.update(namespace, "configmap", labelled(value, "1"));
    await writer.update(namespace, "configmap", labelled("wrong-value", "1"));
    await writer.update(namespace, "configmap", labelled("wrong-value", "2"));
    const restored = await writer.update(namespace, "configmap", labelled(value, "2"));
    await writer.update(namespace, "configmap", labelled(value, "3"));
    await writer.remove(namespace, "configmap");
    await watch.untilEvents(6);
    expect(seen(watch)).toEqual([
      "ADDED configmap 0",
      "MODIFIED configmap 1",
      "DELETED configmap 1",
      "ADDED configmap 2",
      "MODIFIED configmap 3",
      "DELETED configmap 3",
    ]);
    expect(watch.events[3]?.object).toEqual(restored);
  });

  it("should receive events on concurrent watches in same order", async () => {
    const iterations = 100;
    let resourceVersion = (await world.api.list(world.path(namespace))).metadata.resourceVersion;
    let stopped = false;
    const producing = produce(() => stopped);
    const watches: Watch[] = [];
    for (let iteration = 0; iteration < iterations; iteration++) {
      watches.push(await world.open(namespace, { transport: "http", query: { resourceVersion } }));
      const nexts: string[] = [];
      for (const [index, watch] of watches.entries()) {
        // The watch opened in iteration `index` has seen `iteration - index` events before this one.
        await watch.untilEvents(iteration - index + 1);
        nexts.push(watch.events[iteration - index]?.object.metadata.resourceVersion ?? "none");
      }
      [resourceVersion = ""] = nexts;
      expect(new Set(nexts), `iteration ${iteration}`).toEqual(new Set([resourceVersion]));
    }
    stopped = true;
    await producing;
  });
});

/** Creates, updates and deletes ConfigMaps at random, as produceConfigMapEvents does, until it is told to stop. */
async function produce(stopped: () => boolean): Promise<void> {
  const existing: string[] = [];
  let made = 0;
  let draw = 7;
  const random = (below: number): number => {
    draw = (draw * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((draw / 2_147_483_648) * below);
  };
  while (!stopped()) {
    const operation = existing.length === 0 ? 0 : random(3);
    const name = existing[random(existing.length)] ?? "";
    if (operation === 0) {
      existing.push(`cm-${made}`);
      await world.make(namespace, `cm-${made}`);
      made += 1;
    } else if (operation === 1) await world.writer.update(namespace, name, { annotations: { round: String(draw) } });
    else {
      await world.writer.remove(namespace, name);
      existing.splice(existing.indexOf(name), 1);
    }
  }
}

describe("Servers with support for API chunking (chunking.go)", () => {
  const total = 400;
  const list = (query: Record<string, string | number | undefined>): Promise<KubeList> =>
    world.api.list(world.path(namespace), query);
  /** What remains is told on every page but the last, and adds up. */
  const remains = ({ metadata, items }: KubeList, found: number): void => {
    if (!metadata.continue) expect(metadata.remainingItemCount).toBeUndefined();
    else expect((metadata.remainingItemCount ?? 0) + items.length + found).toBe(total);
  };
  beforeEach(() => makeMany(world, namespace, total, undefined, "template"));

  it("should return chunks of results for list calls", async () => {
    for (const limits of [
      [1, 39, 17, 3, 40],
      [40, 2, 33],
      [13, 7, 29, 31],
    ]) {
      let found = 0;
      let page: KubeList | undefined;
      const rvs = new Set<string>();
      for (let call = 0; call === 0 || page?.metadata.continue; call++) {
        const limit = limits[call % limits.length] ?? 1;
        page = await list({ limit, continue: page?.metadata.continue });
        rvs.add(page.metadata.resourceVersion);
        expect(page.items.length).toBeLessThanOrEqual(limit);
        remains(page, found);
        for (const { metadata } of page.items) expect(metadata.name).toBe(nameOf(found++, "template"));
      }
      expect(found).toBe(total);
      expect(rvs.size, "one RV across the pages").toBe(1);
    }
    expect((await list({ limit: total + 1 })).items).toHaveLength(total);
  });

  it("should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent", async () => {
    const oneTenth = total / 10;
    const first = await list({ limit: oneTenth });
    remains(first, 0);
    const token = first.metadata.continue ?? "";
    const inconsistent = await untilExpired(
      `${world.path(namespace)}${queryText({ limit: oneTenth, continue: token })}`,
    );
    let found = oneTenth;
    let page = await list({ limit: oneTenth, continue: inconsistent });
    expect(page.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
    expect(page.items).toHaveLength(oneTenth);
    const { resourceVersion } = page.metadata;
    for (;;) {
      // The objects that made it expire come behind all others, and are no templates.
      const templates = page.items.filter(({ metadata }) => metadata.name.startsWith("template"));
      for (const { metadata } of templates) expect(metadata.name).toBe(nameOf(found++, "template"));
      expect(page.metadata.resourceVersion).toBe(resourceVersion);
      if (!page.metadata.continue) break;
      page = await list({ limit: oneTenth, continue: page.metadata.continue });
    }
    expect(found).toBe(total);
  });
});

/** Writes until the token's state has left the tail; returns the token that comes with the 410. */
async function untilExpired(path: string): Promise<string> {
  for (let round = 0; ; round++) {
    const answer = await world.api.request(path);
    if (answer.status === 410) {
      const status = answer.body as Status;
      expect(status.reason).toBe("Expired");
      expect(status.metadata.continue).toBeTruthy();
      return status.metadata.continue ?? "";
    }
    expect(answer.status).toBe(200);
    await makeMany(world, namespace, 60, undefined, `writes-${round}`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

describe("API Streaming, aka. WatchList (watchlist.go)", () => {
  const LABELS = { labels: { watchlist: "true" } };
  /** What an informer of client-go asks for first, to the letter. */
  const WATCH_LIST = {
    allowWatchBookmarks: true,
    labelSelector: "watchlist=true",
    resourceVersion: "",
    resourceVersionMatch: "NotOlderThan",
    sendInitialEvents: true,
    timeoutSeconds: 400,
  };
  let expected: KubeObject[];
  beforeEach(async () => {
    expected = await makeMany(world, namespace, 5, () => LABELS, "secret");
    await world.make(namespace, "other");
  });
  const synced = (watch: Watch): Promise<void> =>
    watch.until(
      () => watch.bookmarks.some(({ object }) => object.metadata.annotations?.[INITIAL_EVENTS_END] === "true"),
      "the bookmark that says the store is complete",
    );
  const store = (watch: Watch): KubeObject[] =>
    [...watch.state().values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));

  it("should be requested by informers when WatchListClient is enabled", async () => {
    const informer = await world.open(namespace, { transport: "http", query: WATCH_LIST });
    await synced(informer);
    expect(store(informer)).toEqual(expected);
    const modified = await world.writer.update(namespace, "secret-0001", { annotations: { foo: "bar" } });
    await informer.untilRv(modified.metadata.resourceVersion);
    expect(store(informer)).toEqual(expected.with(1, modified));
  });

  it("should NOT be requested by a List: that is a plain request, and the same objects", async () => {
    const list = await world.api.list(world.path(namespace), { labelSelector: "watchlist=true" });
    expect(list.items).toEqual(expected);
    expect([list.apiVersion, list.kind]).toEqual(["release.gitstore.dev/v1beta1", "ChannelList"]);
  });

  it("doesn't support receiving resources as Tables", async () => {
    const headers = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };
    const watch = await world.open(namespace, { transport: "http", query: WATCH_LIST, headers });
    expect(watch.status).toBe(406);
    expect(JSON.parse(watch.body)).toMatchObject({ kind: "Status", code: 406, reason: "NotAcceptable" });
  });

  it("falls backs to supported content type when when receiving resources as Tables was requested", async () => {
    const headers = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };
    const watch = await world.open(namespace, { transport: "http", query: WATCH_LIST, headers });
    await synced(watch);
    expect(store(watch)).toEqual(expected);
  });
});

const DEFINITION = `apiVersion: apiextensions.gitstore.dev/v1beta1
kind: CustomResourceDefinition
metadata:
  name: noxus.mygroup.example.com
spec:
  group: mygroup.example.com
  names: {kind: WishIHadChosenNoxu, plural: noxus, singular: nonenglishnoxu}
  scope: Namespaced
  versions:
    - name: v1beta1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                dummy: {type: string}
`;
const NOXU = { group: "mygroup.example.com", version: "v1beta1", plural: "noxus", kind: "WishIHadChosenNoxu" };
const instance = (name: string, dummy: string) => ({
  path: `noxus/${name}.md`,
  text: `---\napiVersion: mygroup.example.com/v1beta1\nkind: WishIHadChosenNoxu\nmetadata: {name: ${name}}\nspec: {dummy: ${dummy}}\n---\n`,
});

describe("CustomResourceDefinition Watch (crd_watch.go)", () => {
  it("watch on custom resource definition objects", async () => {
    namespace = world.unusedName();
    const remote = await stage.shop(namespace);
    await remote.commit([{ path: ".gitstore/noxus.yaml", text: DEFINITION }], "Define");
    await stage.sync(namespace);
    const named = (name: string): Promise<Watch> =>
      world.open(namespace, {
        transport: "http",
        kind: NOXU,
        query: { fieldSelector: `metadata.name=${name}`, timeoutSeconds: 600 },
      });
    const [a, b] = [await named("name1"), await named("name2")];
    for (const [message, ...files] of [
      ["Create the first", instance("name1", "one")],
      ["Create the second", instance("name2", "one")],
      ["Modify the first", instance("name1", "test")],
      ["Modify the second", instance("name2", "test")],
      ["Delete the first", { path: "noxus/name1.md", text: null }],
      ["Delete the second", { path: "noxus/name2.md", text: null }],
      ["Create both again", instance("name1", "again"), instance("name2", "again")],
    ] as const) {
      await remote.commit([...files], message);
      await stage.sync(namespace);
    }
    const told = ({ events }: Watch): string[] =>
      events.map(({ type, object }) => `${type} ${object.kind}/${object.metadata.name} ${String(object.spec?.dummy)}`);
    const of = (name: string): string[] =>
      ["ADDED one", "MODIFIED test", "DELETED test", "ADDED again"].map((text) => {
        const [type, dummy] = text.split(" ");
        return `${type} WishIHadChosenNoxu/${name} ${dummy}`;
      });
    for (const [watch, name] of [
      [a, "name1"],
      [b, "name2"],
    ] as const) {
      await watch.untilEvents(4);
      expect(told(watch)).toEqual(of(name));
    }
  });
});

describe("Comparable resource versions (KEP 5504)", () => {
  it("compares what was written before as less, and every one is a positive decimal integer below 2^128", async () => {
    const first = await world.make(namespace, "a");
    const second = await world.writer.update(namespace, "a", { labels: { v: "2" } });
    const list = await world.api.list(collectionPath(world.writer.kind, namespace));
    for (const rv of [first.metadata.resourceVersion, second.metadata.resourceVersion, list.metadata.resourceVersion]) {
      expect(rv).toMatch(/^[1-9][0-9]*$/);
      expect(BigInt(rv) < 2n ** 128n).toBe(true);
    }
    expect(rvOf(first)).toBeLessThan(rvOf(second));
    expect(rvOf(second)).toBeLessThanOrEqual(Number(list.metadata.resourceVersion));
    expect(namesOf(list.items)).toEqual(["a"]);
  });
});
