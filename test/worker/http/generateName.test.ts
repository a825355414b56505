import { beforeAll, describe, expect, it } from "vitest";
import { ask, newNamespace, tokenFor } from "../support/http.ts";
import { bytes, envelope, text } from "../support/protobuf.ts";

let admin: string;
let namespace: string;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  namespace = await newNamespace(admin);
});

const within = (group: string, plural: string) => `/apis/${group}/namespaces/${namespace}/${plural}`;
const KINDS: [kind: string, apiVersion: string, spec: object, path: () => string][] = [
  ["Namespace", "gitstore.dev/v1beta1", {}, () => "/apis/gitstore.dev/v1beta1/namespaces"],
  ["Repository", "gitstore.dev/v1beta1", {}, () => within("gitstore.dev/v1beta1", "repositories")],
  ["Channel", "release.gitstore.dev/v1beta1", {}, () => within("release.gitstore.dev/v1beta1", "channels")],
  ["Lease", "coordination.k8s.io/v1", { holderIdentity: "a" }, () => within("coordination.k8s.io/v1", "leases")],
];

describe("metadata.generateName", () => {
  it.each(KINDS)("names a new %s", async (kind, apiVersion, spec, path) => {
    const body = { apiVersion, kind, metadata: { generateName: "auto-" }, spec };
    const [one, two] = [
      await ask(admin, path(), { method: "POST", body }),
      await ask(admin, path(), { method: "POST", body }),
    ];
    expect([one.status, two.status]).toEqual([201, 201]);
    const names = [one.body.metadata.name, two.body.metadata.name];
    for (const name of names) expect(name).toMatch(/^auto-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(names[0]).not.toBe(names[1]);
    const read = await ask(admin, `${path()}/${names[0]}`);
    expect([read.status, read.body.metadata.uid]).toEqual([200, one.body.metadata.uid]);
  });

  it("gives way to a name, and may be sent back with it", async () => {
    const path = within("release.gitstore.dev/v1beta1", "channels");
    const body = { metadata: { name: "named", generateName: "auto-" }, spec: {} };
    const made = await ask(admin, path, { method: "POST", body });
    expect([made.status, made.body.metadata.name]).toEqual([201, "named"]);
    const sent = { ...made.body, metadata: { ...made.body.metadata, generateName: "auto-", labels: { a: "b" } } };
    const put = await ask(admin, `${path}/named`, { method: "PUT", body: sent });
    expect([put.status, put.body.metadata.labels]).toEqual([200, { a: "b" }]);
  });

  it("is read from a protobuf body too, as client-go sends leases", async () => {
    const metadata = [...text(1, ""), ...text(2, "leader-"), ...text(3, namespace)];
    const body = envelope("coordination.k8s.io/v1", "Lease", [...bytes(1, metadata), ...bytes(2, text(1, "a"))]);
    const made = await ask(admin, within("coordination.k8s.io/v1", "leases"), {
      method: "POST",
      headers: { "content-type": "application/vnd.kubernetes.protobuf" },
      body,
    });
    expect([made.status, made.body.metadata?.name]).toEqual([201, expect.stringMatching(/^leader-.{5}$/)]);
  });

  it("that no name can begin with is 422 and names the field", async () => {
    const path = within("release.gitstore.dev/v1beta1", "channels");
    const { status, body } = await ask(admin, path, { method: "POST", body: { metadata: { generateName: "Auto_" } } });
    expect(status).toBe(422);
    expect(body.details.causes).toEqual([expect.objectContaining({ field: "metadata.generateName" })]);
  });

  it("with dryRun makes nothing", async () => {
    const path = within("release.gitstore.dev/v1beta1", "channels");
    const body = { metadata: { generateName: "dry-" }, spec: {} };
    const made = await ask(admin, `${path}?dryRun=All`, { method: "POST", body });
    expect(made.status).toBe(201);
    expect((await ask(admin, `${path}/${made.body.metadata.name}`)).status).toBe(404);
  });
});
