/** Status objects: code, reason, message and details of every refusal, word for word where Kubernetes' clients read it. */
import assert from "node:assert/strict";
import { collectionPath } from "../client/api.ts";
import type { KubeObject, Status } from "../client/types.ts";
import type { Case, Context } from "../types.ts";
import { inTable, MiB, UNKNOWN_KIND } from "./support.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** `channels.release.gitstore.dev`, as messages call a kind. */
const called = (t: Context): string => `${t.writer.kind.plural}.${t.writer.kind.group}`;

/** In all errors but Invalid, details.kind is the plural. */
function assertDetails(t: Context, status: Status, name?: string): void {
  const { group, plural } = t.writer.kind;
  assert.equal(status.details?.group, group);
  assert.equal(status.details?.kind, plural, "details.kind is the plural");
  if (name !== undefined) assert.equal(status.details?.name, name);
}

const status = (
  code: number,
  id: string,
  title: string,
  run: Case["run"],
  needs: Case["needs"] = [],
): Omit<Case, "table"> => ({
  id: `status/${code}/${id}`,
  promise: null,
  row: String(code),
  title,
  run,
  needs,
});

export const statuses: Case[] = inTable("Status objects", [
  status(400, "body", "a body that is no JSON is 400 BadRequest", async (t) => {
    const refused = await t.api.refusal(t.path(await t.namespace()), { method: "POST", body: "{", headers: JSON_TYPE });
    assert.deepEqual([refused.status.code, refused.status.reason], [400, "BadRequest"]);
  }),
  status(400, "name-mismatch", "a path's name with another metadata.name selector is 400", async (t) => {
    const namespace = await t.namespace();
    const refused = await t.api.refusal(`${t.path(namespace, "a")}?watch=1&fieldSelector=metadata.name%3Db`);
    assert.equal(refused.status.code, 400);
    assert.match(refused.status.message, /metadata\.name/);
  }),
  status(401, "no-token", "no token is 401 Unauthorized with WWW-Authenticate, wherever it is asked", async (t) => {
    const namespace = await t.namespace();
    const paths = [
      t.path(namespace),
      t.path(t.unusedName()),
      t.path(namespace, "a"),
      "/apis/nobody.example.com/v1/nothings",
    ];
    for (const path of paths) {
      const { status: refused, answer } = await t.api.refusal(path, { token: null });
      assert.deepEqual([refused.code, refused.reason], [401, "Unauthorized"]);
      assert.notEqual(answer.headers.get("www-authenticate") ?? "", "");
    }
  }),
  status(
    403,
    "forbidden",
    "a token without a grant is 403 Forbidden, in words made from the request alone",
    async (t) => {
      const namespace = await t.namespace();
      const token = await t.mint({ role: "reader", namespaces: [namespace], sub: "user:conformance" });
      const body = t.writer.object("a");
      const { status: refused } = await t.api.refusal(t.path(namespace), { body, token });
      assert.deepEqual([refused.code, refused.reason], [403, "Forbidden"]);
      assert.ok(refused.message.startsWith(`${called(t)} is forbidden: `), refused.message);
      assert.match(refused.message, /user:conformance.*create/);
      assertDetails(t, refused);
      const elsewhere = await t.api.refusal(t.path("conformance-elsewhere"), { token });
      assert.equal(elsewhere.status.code, 403, "also where there is no such namespace");
    },
    ["mint"],
  ),
  status(404, "object", "an object that does not exist is 404 NotFound", async (t) => {
    const { status: refused } = await t.api.refusal(t.path(await t.namespace(), "nothing"));
    assert.deepEqual([refused.code, refused.reason], [404, "NotFound"]);
    assert.equal(refused.message, `${called(t)} "nothing" not found`);
    assertDetails(t, refused, "nothing");
  }),
  status(404, "namespace", "a namespace that does not exist is 404 NotFound, for reads and writes", async (t) => {
    const name = t.unusedName();
    for (const ask of [{}, { body: t.writer.object("a") }]) {
      const { status: refused } = await t.api.refusal(t.path(name), ask);
      assert.deepEqual([refused.code, refused.reason], [404, "NotFound"]);
      assert.ok(refused.message.includes(name), refused.message);
    }
  }),
  status(404, "kind", "a kind that does not exist is 404 NotFound", async (t) => {
    const { status: refused } = await t.api.refusal(collectionPath(UNKNOWN_KIND, await t.namespace()));
    assert.deepEqual([refused.code, refused.reason], [404, "NotFound"]);
  }),
  status(406, "table", "an Accept of Tables alone is 406; with JSON behind it, it is JSON", async (t) => {
    const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const path = t.path(await t.namespace());
    const plain = await t.api.request(path, { headers: { accept: `${table},application/json` } });
    assert.equal(plain.status, 200);
    const only = await t.api.request(path, { headers: { accept: table } });
    if (only.status === 200) assert.equal((only.body as KubeObject).kind, "Table", "who takes Tables answers with one");
    else assert.deepEqual([only.status, (only.body as Status).reason], [406, "NotAcceptable"]);
  }),
  status(409, "exists", "creating what exists is 409 AlreadyExists", async (t) => {
    const namespace = await t.namespace();
    await t.make(namespace, "a");
    const { status: refused } = await t.api.refusal(t.path(namespace), { body: t.writer.object("a") });
    assert.deepEqual([refused.code, refused.reason], [409, "AlreadyExists"]);
    assert.equal(refused.message, `${called(t)} "a" already exists`);
    assertDetails(t, refused, "a");
  }),
  status(
    409,
    "conflict",
    "an update of another state than the newest is 409 Conflict, and changes nothing",
    async (t) => {
      const namespace = await t.namespace();
      const first = await t.make(namespace, "a");
      const newest = await t.writer.update(namespace, "a", { labels: { v: "2" } });
      const body = { ...first, metadata: { ...first.metadata, labels: { v: "3" } } };
      const { status: refused } = await t.api.refusal(t.path(namespace, "a"), { method: "PUT", body });
      assert.deepEqual([refused.code, refused.reason], [409, "Conflict"]);
      assert.equal(
        refused.message,
        `Operation cannot be fulfilled on ${called(t)} "a": the object has been modified; please apply your changes to the latest version and try again`,
      );
      assertDetails(t, refused, "a");
      assert.deepEqual(await t.api.must(t.path(namespace, "a")), newest);
    },
  ),
  status(409, "uid", "a deletion of another uid is 409 Conflict", async (t) => {
    const namespace = await t.namespace();
    await t.make(namespace, "a");
    const body = {
      kind: "DeleteOptions",
      apiVersion: "v1",
      preconditions: { uid: "00000000-0000-0000-0000-000000000000" },
    };
    const { status: refused } = await t.api.refusal(t.path(namespace, "a"), { method: "DELETE", body });
    assert.deepEqual([refused.code, refused.reason], [409, "Conflict"]);
    await t.api.must(t.path(namespace, "a"));
  }),
  status(413, "body", "a body over 3 MiB is 413 RequestEntityTooLarge", async (t) => {
    const body = t.writer.object("a", { annotations: { filler: "x".repeat(3 * MiB) } });
    const { status: refused } = await t.api.refusal(t.path(await t.namespace()), { body });
    assert.deepEqual([refused.code, refused.reason], [413, "RequestEntityTooLarge"]);
  }),
  status(415, "strategic", "a strategic merge patch is 415 UnsupportedMediaType, which kubectl reads", async (t) => {
    const namespace = await t.namespace();
    await t.make(namespace, "a");
    const { status: refused } = await t.api.refusal(t.path(namespace, "a"), {
      method: "PATCH",
      body: "{}",
      headers: { "content-type": "application/strategic-merge-patch+json" },
    });
    assert.deepEqual([refused.code, refused.reason], [415, "UnsupportedMediaType"]);
    assert.match(refused.message, /^the body of the request was in an unknown format - accepted media types include: /);
  }),
  status(422, "invalid", "an invalid object is 422 Invalid with every cause, and details.kind the Kind", async (t) => {
    const body = t.writer.object("a", { labels: { "not a key": "x", b: "not a value!" } });
    const { status: refused } = await t.api.refusal(t.path(await t.namespace()), { body });
    const { group, kind } = t.writer.kind;
    assert.deepEqual([refused.code, refused.reason], [422, "Invalid"]);
    assert.ok(refused.message.startsWith(`${kind}.${group} "a" is invalid: `), refused.message);
    assert.deepEqual([refused.details?.group, refused.details?.kind, refused.details?.name], [group, kind, "a"]);
    const causes = refused.details?.causes ?? [];
    assert.ok(causes.length >= 2, "both mistakes at once");
    for (const cause of causes) {
      assert.match(cause.reason, /^FieldValue/);
      assert.match(cause.field ?? "", /^metadata\.labels/);
    }
  }),
  status(422, "no-rv", "an update without a resourceVersion is 422, naming it", async (t) => {
    const namespace = await t.namespace();
    await t.make(namespace, "a");
    const { status: refused } = await t.api.refusal(t.path(namespace, "a"), {
      method: "PUT",
      body: t.writer.object("a"),
    });
    assert.deepEqual([refused.code, refused.reason], [422, "Invalid"]);
    assert.match(refused.message, /metadata\.resourceVersion.*must be specified for an update/);
    assert.ok(refused.details?.causes?.some(({ field }) => field === "metadata.resourceVersion"));
  }),
  status(200, "deleted", "a deletion is answered by a Status Success with the uid", async (t) => {
    const namespace = await t.namespace();
    const made = await t.make(namespace, "a");
    const done = await t.api.must<Status>(t.path(namespace, "a"), { method: "DELETE" });
    assert.deepEqual([done.kind, done.status, done.details?.uid], ["Status", "Success", made.metadata.uid]);
  }),
]);
