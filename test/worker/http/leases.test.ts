import { beforeAll, describe, expect, it } from "vitest";
import { ledgerOf } from "../../../src/config.ts";
import { type Asked, ask, newNamespace, tokenFor, unique } from "../support/http.ts";
import { bindings } from "../support/ledger.ts";
import { LineStream } from "../support/lines.ts";
import { bytes, envelope, int, text } from "../support/protobuf.ts";

let admin: string;
let namespace: string;
const LEASES = () => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString().replace("Z", "000Z");
/** As client-go's resourcelock writes it, null fields and microseconds included. */
const lease = (name: string, holder: string, second = 0, metadata: object = {}) => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name, namespace, creationTimestamp: null, ...metadata },
  spec: {
    holderIdentity: holder,
    leaseDurationSeconds: 15,
    acquireTime: at(0),
    renewTime: at(second),
    leaseTransitions: 0,
  },
});
const create = (name: string, holder = "a", metadata: object = {}) =>
  ask(admin, LEASES(), { method: "POST", body: lease(name, holder, 0, metadata) });
const put = (name: string, body: object) => ask(admin, `${LEASES()}/${name}`, { method: "PUT", body });
const renew = ({ body }: Asked, second: number, holder = "a") =>
  put(body.metadata.name, { ...body, spec: { ...body.spec, holderIdentity: holder, renewTime: at(second) } });
const rvOf = ({ body }: Asked) => Number(body.metadata.resourceVersion);
const watch = (query = "", token = admin) => LineStream.open(token, `${LEASES()}?watch=1${query}`);

beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  namespace = await newNamespace(admin, "leases");
});

describe("a lease", () => {
  it("is created, read, listed, renewed, patched and deleted, each change with a higher resourceVersion", async () => {
    const name = unique("lease");
    const created = await create(name);
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      kind: "Lease",
      metadata: { name, namespace, generation: 1, uid: expect.any(String), creationTimestamp: expect.any(String) },
      spec: { holderIdentity: "a", leaseDurationSeconds: 15, renewTime: at(0) },
    });
    expect(created.body.status).toBeUndefined();
    expect((await ask(admin, `${LEASES()}/${name}`)).body).toEqual(created.body);
    const renewed = await renew(created, 2);
    expect(renewed.status).toBe(200);
    expect(rvOf(renewed)).toBeGreaterThan(rvOf(created));
    expect(renewed.body.metadata).toMatchObject({ uid: created.body.metadata.uid, generation: 2 });
    const patched = await ask(admin, `${LEASES()}/${name}`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ metadata: { labels: { app: "x" } } }),
    });
    expect(patched.body.metadata).toMatchObject({ labels: { app: "x" }, generation: 2 });
    const listed = await ask(admin, LEASES());
    expect(listed.body).toMatchObject({ kind: "LeaseList", apiVersion: "coordination.k8s.io/v1" });
    expect(listed.body.items).toContainEqual(patched.body);
    expect(rvOf(listed)).toBe(rvOf(patched));
    const deleted = await ask(admin, `${LEASES()}/${name}`, { method: "DELETE" });
    expect(deleted.body).toMatchObject({ status: "Success", details: { name, kind: "leases" } });
    const gone = await ask(admin, `${LEASES()}/${name}`);
    expect([gone.status, gone.body.message]).toEqual([404, `leases.coordination.k8s.io "${name}" not found`]);
  });

  it("costs the namespace no resourceVersion and leaves nothing in its log", async () => {
    const head = async () => {
      const info = await ledgerOf(bindings, namespace).head();
      return info.ok ? info.value.rv : "";
    };
    const before = await head();
    const made = await create(unique("lease"));
    await renew(made, 2);
    expect(await head()).toBe(before);
  });

  it("is written in protobuf too, which is what client-go sends", async () => {
    const name = unique("lease");
    const headers = {
      "content-type": "application/vnd.kubernetes.protobuf",
      accept: "application/vnd.kubernetes.protobuf,application/json",
    };
    const body = (holder: string, resourceVersion = "") => {
      const metadata = [...text(1, name), ...text(3, namespace), ...text(6, resourceVersion)];
      const time = bytes(4, [...int(1, 1_767_225_600), ...int(2, 5_000)]);
      const spec = [...text(1, holder), ...int(2, 15), ...time];
      return envelope("coordination.k8s.io/v1", "Lease", [...bytes(1, metadata), ...bytes(2, spec)]);
    };
    const made = await ask(admin, LEASES(), { method: "POST", headers, body: body("a") });
    expect([made.status, made.headers.get("content-type")]).toEqual([201, "application/json"]);
    expect(made.body.spec).toEqual({
      holderIdentity: "a",
      leaseDurationSeconds: 15,
      renewTime: "2026-01-01T00:00:00.000005Z",
    });
    const path = `${LEASES()}/${name}`;
    const taken = await ask(admin, path, { method: "PUT", headers, body: body("b", String(rvOf(made))) });
    expect([taken.status, taken.body.spec.holderIdentity]).toEqual([200, "b"]);
    expect((await ask(admin, path, { method: "PUT", headers, body: body("c", String(rvOf(made))) })).status).toBe(409);
    const options = envelope("coordination.k8s.io/v1", "DeleteOptions", bytes(2, text(2, String(rvOf(made)))));
    expect((await ask(admin, path, { method: "DELETE", headers, body: options })).status).toBe(409);
    const pod = await ask(admin, LEASES(), { method: "POST", headers, body: envelope("v1", "Pod", []) });
    expect([pod.status, pod.body.reason]).toEqual([415, "UnsupportedMediaType"]);
  });

  it("needs no kind, version or name in its body where the URL has them, as typed clients leave them out", async () => {
    const name = unique("lease");
    const made = await ask(admin, LEASES(), { method: "POST", body: { metadata: { name }, spec: {} } });
    expect([made.status, made.body.kind, made.body.apiVersion]).toEqual([201, "Lease", "coordination.k8s.io/v1"]);
    const { resourceVersion } = made.body.metadata;
    const put = await ask(admin, `${LEASES()}/${name}`, {
      method: "PUT",
      body: { metadata: { resourceVersion }, spec: { holderIdentity: "a" } },
    });
    expect([put.status, put.body.spec]).toEqual([200, { holderIdentity: "a" }]);
    const other = await ask(admin, LEASES(), { method: "POST", body: { kind: "Pod", metadata: { name }, spec: {} } });
    expect(other.status).toBe(422);
  });

  it("written again as it is does not change", async () => {
    const made = await create(unique("lease"));
    const again = await put(made.body.metadata.name, made.body);
    expect([again.status, rvOf(again)]).toEqual([200, rvOf(made)]);
  });

  it("of two that renew the same state, one wins and the other conflicts", async () => {
    const made = await create(unique("lease"));
    const answers = await Promise.all([renew(made, 2, "a"), renew(made, 2, "b")]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const lost = answers.find(({ status }) => status === 409);
    expect(lost?.body).toMatchObject({ reason: "Conflict", message: expect.stringContaining("has been modified") });
  });

  it("that is there is not created again, one that is gone is not renewed, and none is put without its version", async () => {
    const made = await create(unique("lease"));
    expect((await create(made.body.metadata.name)).body.reason).toBe("AlreadyExists");
    const bare = await put(made.body.metadata.name, lease(made.body.metadata.name, "b"));
    expect([bare.status, bare.body.details.causes[0].field]).toEqual([422, "metadata.resourceVersion"]);
    const stale = { preconditions: { resourceVersion: "1" } };
    const path = `${LEASES()}/${made.body.metadata.name}`;
    expect((await ask(admin, path, { method: "DELETE", body: stale })).status).toBe(409);
    expect((await ask(admin, path, { method: "DELETE", body: { preconditions: { uid: "other" } } })).status).toBe(409);
    expect((await ask(admin, path, { method: "DELETE" })).status).toBe(200);
    expect((await renew(made, 4)).status).toBe(404);
    expect((await ask(admin, path, { method: "DELETE" })).status).toBe(404);
  });

  it("that is wrong is refused with what is wrong", async () => {
    const wrong = { ...lease("w", "a"), spec: { leaseDurationSeconds: 0, renewTime: "soon", surprise: 1 } };
    const refused = await ask(admin, LEASES(), { method: "POST", body: wrong });
    expect(refused.status).toBe(422);
    expect(refused.body.details.causes.map(({ field }: { field: string }) => field).sort()).toEqual([
      "spec.leaseDurationSeconds",
      "spec.renewTime",
      "spec.surprise",
    ]);
    const large = await create("large", "a", { annotations: { note: "x".repeat(20_000) } });
    expect([large.status, large.body.reason]).toEqual([413, "RequestEntityTooLarge"]);
  });

  it("is not written by a dry run", async () => {
    const name = unique("lease");
    const dry = await ask(admin, `${LEASES()}?dryRun=All`, { method: "POST", body: lease(name, "a") });
    expect([dry.status, dry.body.metadata.name]).toEqual([201, name]);
    expect((await ask(admin, `${LEASES()}/${name}`)).status).toBe(404);
  });

  it("is selected by name and labels, and listed whole whatever the limit", async () => {
    const [one, other] = [unique("lease"), unique("lease")];
    await create(one, "a", { labels: { set: "here" } });
    await create(other, "a", { labels: { set: "here" } });
    const names = async (query: string) =>
      (await ask(admin, `${LEASES()}?${query}`)).body.items.map(
        (item: { metadata: { name: string } }) => item.metadata.name,
      );
    expect(await names("labelSelector=set%3Dhere&limit=1")).toEqual([one, other].sort());
    expect(await names(`fieldSelector=metadata.name%3D${one}`)).toEqual([one]);
    expect((await ask(admin, `${LEASES()}?fieldSelector=spec.holderIdentity%3Da`)).status).toBe(400);
  });

  it("is listed in its newest state only", async () => {
    const made = await create(unique("lease"));
    const renewed = await renew(made, 2);
    const exact = (rv: number) => ask(admin, `${LEASES()}?resourceVersion=${rv}&resourceVersionMatch=Exact`);
    expect((await exact(rvOf(renewed))).status).toBe(200);
    expect([(await exact(rvOf(made))).status, (await exact(rvOf(made))).body.reason]).toEqual([410, "Expired"]);
    const notOlder = await ask(admin, `${LEASES()}?resourceVersion=${rvOf(made)}&resourceVersionMatch=NotOlderThan`);
    expect(rvOf(notOlder)).toBe(rvOf(renewed));
    expect((await ask(admin, `${LEASES()}?resourceVersion=9007199254740000`)).status).toBe(504);
  });

  it("is the business of those with the verb on leases", async () => {
    const controller = await tokenFor({ role: "controller", namespaces: [namespace] });
    const reader = await tokenFor({ role: "reader", namespaces: [namespace] });
    const name = unique("lease");
    expect((await ask(reader, LEASES(), { method: "POST", body: lease(name, "a") })).status).toBe(403);
    expect((await ask(controller, LEASES(), { method: "POST", body: lease(name, "a") })).status).toBe(201);
    expect((await ask(reader, `${LEASES()}/${name}`)).status).toBe(200);
    expect((await ask(await tokenFor({ role: "storefront", namespaces: [namespace] }), LEASES())).status).toBe(403);
    expect((await ask(undefined, LEASES())).status).toBe(401);
  });

  it("has no status, and no place in /watch/v1", async () => {
    const made = await create(unique("lease"));
    expect((await ask(admin, `${LEASES()}/${made.body.metadata.name}/status`)).status).toBe(404);
    const refused = await ask(admin, `/watch/v1/namespaces/${namespace}?kind=leases`);
    expect([refused.status, refused.body.message]).toEqual([400, expect.stringContaining("on their own path")]);
  });

  it("goes on above what was given out, whatever a ledger was restored to", async () => {
    const made = await create(unique("lease"));
    expect(rvOf(made)).toBeGreaterThanOrEqual(Date.parse(made.body.metadata.creationTimestamp));
  });
});

describe("a watch of leases", () => {
  it("without a resourceVersion begins with what there is, and goes on with each change", async () => {
    namespace = await newNamespace(admin, "leases");
    const first = await create("one");
    const stream = await watch();
    expect((await stream.take(1))[0]).toEqual({ type: "ADDED", object: first.body });
    const renewed = await renew(first, 2);
    const second = await create("two");
    await ask(admin, `${LEASES()}/one`, { method: "DELETE" });
    const [modified, added, deleted] = await stream.take(3);
    expect(modified).toEqual({ type: "MODIFIED", object: renewed.body });
    expect(added).toEqual({ type: "ADDED", object: second.body });
    expect(deleted).toMatchObject({ type: "DELETED", object: { metadata: { name: "one" }, spec: renewed.body.spec } });
    expect(Number(deleted?.object.metadata.resourceVersion)).toBeGreaterThan(rvOf(second));
    await stream.close();
  });

  it("from a list's resourceVersion misses nothing, though there is no log", async () => {
    namespace = await newNamespace(admin, "leases");
    const kept = await create("kept");
    const changed = await create("changed");
    const list = await ask(admin, LEASES());
    const renewed = await renew(changed, 2);
    const added = await create("added");
    const stream = await watch(`&resourceVersion=${rvOf(list)}`);
    const events = await stream.take(2);
    expect(events).toContainEqual({ type: "MODIFIED", object: renewed.body });
    expect(events).toContainEqual({ type: "ADDED", object: added.body });
    const last = await renew(kept, 4);
    expect((await stream.take(1))[0]).toEqual({ type: "MODIFIED", object: last.body });
    await stream.close();
  });

  it("from before a deletion is Expired: nothing remembers what was deleted", async () => {
    namespace = await newNamespace(admin, "leases");
    const gone = await create("gone");
    await ask(admin, `${LEASES()}/gone`, { method: "DELETE" });
    const stream = await watch(`&resourceVersion=${rvOf(gone)}`);
    expect((await stream.take(1))[0]).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
    expect(await stream.next()).toBeUndefined();
    const list = await ask(admin, LEASES());
    const resumed = await watch(`&resourceVersion=${rvOf(list)}`);
    const made = await create("made");
    expect((await resumed.take(1))[0]).toEqual({ type: "ADDED", object: made.body });
    await resumed.close();
  });

  it("from a future resourceVersion is Expired", async () => {
    const stream = await watch("&resourceVersion=9007199254740000");
    expect((await stream.take(1))[0]).toMatchObject({
      type: "ERROR",
      object: { reason: "Expired", details: { causes: [{ reason: "ResourceVersionTooLarge" }] } },
    });
  });

  it("with sendInitialEvents ends the present state with the annotated bookmark", async () => {
    namespace = await newNamespace(admin, "leases");
    const made = await create("one");
    const stream = await watch("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
    const [added, end] = await stream.take(2);
    expect(added).toEqual({ type: "ADDED", object: made.body });
    expect(end).toMatchObject({
      type: "BOOKMARK",
      object: {
        kind: "Lease",
        metadata: {
          resourceVersion: made.body.metadata.resourceVersion,
          annotations: { "k8s.io/initial-events-end": "true" },
        },
      },
    });
    await stream.close();
  });

  it("of one lease is told of that one", async () => {
    namespace = await newNamespace(admin, "leases");
    await create("other");
    const stream = await watch("&fieldSelector=metadata.name%3Dmine");
    await create("another");
    await ask(admin, `${LEASES()}/other`, { method: "DELETE" });
    const mine = await create("mine");
    expect((await stream.take(1))[0]).toEqual({ type: "ADDED", object: mine.body });
    await stream.close();
  });

  it("by labels is told what enters and what leaves, also after a gap", async () => {
    namespace = await newNamespace(admin, "leases");
    const stream = await watch("&labelSelector=app%3Dx");
    const made = await create("one");
    const labelled = await put("one", { ...made.body, metadata: { ...made.body.metadata, labels: { app: "x" } } });
    expect((await stream.take(1))[0]).toEqual({ type: "ADDED", object: labelled.body });
    const left = await put("one", { ...labelled.body, metadata: { ...labelled.body.metadata, labels: {} } });
    expect((await stream.take(1))[0]).toMatchObject({
      type: "DELETED",
      object: { metadata: { labels: { app: "x" }, resourceVersion: left.body.metadata.resourceVersion } },
    });
    await stream.close();
    const resumed = await watch(`&labelSelector=app%3Dx&resourceVersion=${rvOf(labelled)}`);
    expect((await resumed.take(1))[0]).toMatchObject({ type: "DELETED", object: { metadata: { name: "one" } } });
    await resumed.close();
  });

  it("shows Tables too", async () => {
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const { body } = await ask(admin, LEASES(), { headers: { accept } });
    expect(body.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual(["Name", "Holder", "Age"]);
  });

  it("ends when its token is revoked, and when the namespace is deleted", async () => {
    namespace = await newNamespace(admin, "leases");
    const mine = await tokenFor({ role: "controller", namespaces: [namespace] }, "serviceaccount:x:leader");
    const revoked = await watch("", mine);
    const stays = await watch();
    expect(await ledgerOf(bindings, namespace).revoke({ sub: "serviceaccount:x:leader" })).toEqual({ closed: 1 });
    expect((await revoked.take(1))[0]).toMatchObject({ type: "ERROR", object: { code: 401 } });
    await ledgerOf(bindings, namespace).close();
    expect((await stays.take(1))[0]).toMatchObject({ type: "ERROR", object: { code: 404 } });
  });
});

describe("leader election", () => {
  /** client-go's tools/leaderelection: create, or renew what is mine, or take what has not been renewed in time. */
  async function tryAcquire(name: string, me: string, second: number): Promise<boolean> {
    const found = await ask(admin, `${LEASES()}/${name}`);
    if (found.status === 404) return (await create(name, me)).status === 201;
    const { spec } = found.body;
    const held = Date.parse(spec.renewTime) + spec.leaseDurationSeconds * 1000 > Date.parse(at(second));
    if (held && spec.holderIdentity !== me) return false;
    return (await renew(found, second, me)).status === 200;
  }

  it("has one leader at a time: it renews every 2 s, and another takes over when it does not", async () => {
    namespace = await newNamespace(admin, "leases");
    const begun = await Promise.all(["a", "b", "c"].map((me) => tryAcquire("leader", me, 0)));
    expect(begun.filter(Boolean)).toHaveLength(1);
    const leader = ["a", "b", "c"][begun.indexOf(true)] ?? "";
    const others = ["a", "b", "c"].filter((me) => me !== leader);
    for (let second = 2; second <= 20; second += 2) {
      expect(await tryAcquire("leader", leader, second)).toBe(true);
      for (const other of others) expect(await tryAcquire("leader", other, second)).toBe(false);
    }
    const takers = await Promise.all(others.map((other) => tryAcquire("leader", other, 40)));
    expect(takers.filter(Boolean)).toHaveLength(1);
    expect(await tryAcquire("leader", leader, 40)).toBe(false);
  });
});
