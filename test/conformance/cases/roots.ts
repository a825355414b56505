/** Where the API is served: the root, one namespace as a cluster, and the cluster-scoped kinds' own order. */
import assert from "node:assert/strict";
import { collectionPath } from "../client/api.ts";
import { type KubeList, rvOf } from "../client/types.ts";
import { TRANSPORTS } from "../client/watch.ts";
import type { Case, Context } from "../types.ts";
import { assertCloses, assertNames, inTable, makeMany, onEach, toldOf } from "./support.ts";

const NAMESPACES = { group: "gitstore.dev", version: "v1beta1", plural: "namespaces", kind: "Namespace" };
const SINGLE_KIND = TRANSPORTS.filter((transport) => transport !== "multi");

const across = (t: Context, root = ""): string => collectionPath(t.writer.kind, undefined, root);

export const roots: Case[] = [
  ...inTable("Roots", [
    {
      id: "root/405/list",
      promise: null,
      row: "across namespaces at the root",
      title: "a list across namespaces is 405, and its message names both ways out",
      run: async (t) => {
        const { status } = await t.api.refusal(across(t));
        assert.deepEqual([status.code, status.reason], [405, "MethodNotAllowed"]);
        assert.match(status.message, /fieldSelector=metadata\.namespace=/);
        assert.match(status.message, /\/clusters\//);
        assert.deepEqual([status.details?.group, status.details?.kind], [t.writer.kind.group, t.writer.kind.plural]);
      },
    },
    {
      id: "root/405/watch",
      promise: null,
      row: "across namespaces at the root",
      title: "a watch across namespaces is 405 over HTTP, and closed 4400 over a WebSocket, naming both ways out",
      run: async (t) => {
        const { status } = await t.api.refusal(`${across(t)}?watch=1`);
        const socket = await t.open(await t.namespace(), { path: across(t) });
        for (const refused of [status, await assertCloses(socket, 4400, [405])]) {
          assert.equal(refused.code, 405);
          assertNames(refused, "fieldSelector=metadata.namespace=");
          assertNames(refused, "/clusters/");
        }
      },
    },
    {
      id: "root/field-selector",
      promise: "Filterable",
      row: "fieldSelector=metadata.namespace",
      title: "at the root, a list with fieldSelector=metadata.namespace=X is X's",
      run: async (t) => {
        const namespace = await t.namespace();
        await makeMany(t, namespace, 3);
        const own = await t.api.list(t.path(namespace));
        const selected = await t.api.list(across(t), { fieldSelector: `metadata.namespace=${namespace}` });
        assert.deepEqual(selected, own);
        const one = await t.api.list(across(t), {
          fieldSelector: `metadata.namespace=${namespace},metadata.name=object-0001`,
        });
        assert.equal(one.items.length, 1);
        const { status } = await t.api.refusal(`${across(t)}?fieldSelector=metadata.namespace%3D${t.unusedName()}`);
        assert.equal(status.code, 404);
      },
    },
    {
      id: "root/clusters",
      promise: "Reliable",
      row: "/clusters/{ns}",
      title: "under /clusters/{ns} the API is the same, and across namespaces means that one",
      run: async (t) => {
        const namespace = await t.namespace();
        const root = `/clusters/${namespace}`;
        await makeMany(t, namespace, 3);
        const own = await t.api.list(t.path(namespace));
        assert.deepEqual(await t.api.list(across(t, root)), own);
        assert.deepEqual(await t.api.list(`${root}${t.path(namespace)}`), own);
        assert.deepEqual(await t.api.must(`${root}${t.path(namespace, "object-0001")}`), own.items[1]);
        const made = await t.api.must(`${root}${t.path(namespace)}`, { body: t.writer.object("through-the-cluster") });
        assert.deepEqual(await t.api.must(t.path(namespace, "through-the-cluster")), made);
      },
    },
    {
      id: "root/clusters/namespaces",
      promise: null,
      row: "/clusters/{ns}",
      title: "under /clusters/{ns} there is that namespace and no other",
      run: async (t) => {
        const [namespace, other] = [await t.namespace(), await t.namespace()];
        const root = `/clusters/${namespace}`;
        const list = await t.api.list(collectionPath(NAMESPACES, undefined, root));
        assert.deepEqual(
          list.items.map(({ metadata }) => metadata.name),
          [namespace],
        );
        for (const path of [t.path(other), `${collectionPath(NAMESPACES)}/${other}`]) {
          const { status } = await t.api.refusal(`${root}${path}`);
          assert.equal(status.code, 404, path);
        }
        const watch = await t.open(other, { path: `${root}/watch/v1/namespaces/${other}`, transport: "multi" });
        await assertCloses(watch, 4404, [404]);
      },
    },
    {
      id: "root/clusters/version",
      promise: null,
      row: "/clusters/{ns}",
      title: "/version is served at the root and under /clusters/{ns}, alike",
      run: async (t) => {
        const version = await t.api.must<Record<string, string>>("/version");
        assert.deepEqual(await t.api.must(`/clusters/${await t.namespace()}/version`), version);
        assert.ok(version.gitVersion && version.major && version.minor);
      },
    },
    {
      id: "root/clusters/reserved",
      promise: null,
      row: "/clusters/{ns}",
      title: "/clusters/* is reserved: no namespace's, and an error",
      run: async (t) => {
        const { status } = await t.api.refusal(across(t, "/clusters/*"));
        assert.ok(status.code >= 400 && status.code <= 501, String(status.code));
      },
    },
    {
      id: "root/cluster-scoped",
      promise: "Reliable",
      row: "cluster-scoped kinds",
      title: "namespaces are listed and watched at the root, with a counter of their own",
      run: async (t) => {
        const list = await t.api.must<KubeList>(`${collectionPath(NAMESPACES)}?limit=1`);
        const name = t.unusedName();
        const watch = await t.open("unused", {
          path: collectionPath(NAMESPACES),
          query: { resourceVersion: list.metadata.resourceVersion, fieldSelector: `metadata.name=${name}` },
        });
        const body = { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name }, spec: {} };
        const made = await t.api.must(collectionPath(NAMESPACES), { body });
        await t.api.must(`${collectionPath(NAMESPACES)}/${name}`, { method: "DELETE" });
        await watch.until(() => watch.events.some(({ type }) => type === "DELETED"), "DELETED");
        assert.equal(watch.events[0]?.type, "ADDED");
        assert.deepEqual(watch.events[0]?.object, made);
        assert.ok(rvOf(made) > Number(list.metadata.resourceVersion));
      },
    },
  ]),
  ...onEach(
    {
      id: "root/watch",
      promise: "Reliable",
      table: "Roots",
      row: "watches",
      title: "a watch through the field selector and one under /clusters/{ns} get what the namespace's own gets",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        const resourceVersion = await t.head(namespace);
        const watches = [
          await t.open(namespace, { transport, query: { resourceVersion } }),
          await t.open(namespace, {
            transport,
            path: across(t),
            query: { resourceVersion, fieldSelector: `metadata.namespace=${namespace}` },
          }),
          await t.open(namespace, { transport, path: across(t, `/clusters/${namespace}`), query: { resourceVersion } }),
        ];
        await makeMany(t, namespace, 4);
        await t.writer.remove(namespace, "object-0002");
        for (const watch of watches) await watch.untilEvents(5);
        const [own, ...others] = watches.map(toldOf);
        for (const other of others) assert.deepEqual(other, own);
      },
    },
    SINGLE_KIND,
  ),
  ...inTable("Roots", [
    {
      id: "root/watch/multi",
      promise: "Reliable",
      row: "watches",
      title: "/watch/v1 is served under /clusters/{ns} too",
      run: async (t) => {
        const namespace = await t.namespace();
        const watch = await t.open(namespace, {
          transport: "multi",
          path: `/clusters/${namespace}/watch/v1/namespaces/${namespace}`,
        });
        await t.make(namespace, "a");
        await watch.untilEvents(1);
      },
    },
  ]),
];
