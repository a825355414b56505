/** Leases: what any client may write, outside the namespace's log. */
import assert from "node:assert/strict";
import { collectionPath } from "../client/api.ts";
import type { KubeList, KubeObject } from "../client/types.ts";
import type { Case, Context } from "../types.ts";
import { inTable, onEach } from "./support.ts";

const LEASES = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease" };

function lease(name: string, holderIdentity: string, metadata: Record<string, unknown> = {}): Record<string, unknown> {
  const spec = { holderIdentity, leaseDurationSeconds: 15 };
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, ...metadata }, spec };
}

async function hold(t: Context, namespace: string, name: string): Promise<KubeObject> {
  return await t.api.must(collectionPath(LEASES, namespace), { body: lease(name, "one") });
}

export const leases: Case[] = [
  ...onEach(
    {
      id: "leases/watch",
      promise: "Ordered",
      table: "Order and content",
      row: "leases",
      title: "a watch of leases begins now, and gets each change with its object",
      run: async (t, transport) => {
        const namespace = await t.namespace();
        const watch = await t.open(namespace, {
          transport,
          kind: LEASES,
          query: { sendInitialEvents: false, resourceVersionMatch: "NotOlderThan" },
        });
        const first = await hold(t, namespace, "leader");
        const { resourceVersion } = first.metadata;
        const second = await t.api.must(`${collectionPath(LEASES, namespace)}/leader`, {
          method: "PUT",
          body: lease("leader", "two", { resourceVersion }),
        });
        await watch.untilEvents(2);
        assert.deepEqual(watch.events, [
          { type: "ADDED", object: first },
          { type: "MODIFIED", object: second },
        ]);
      },
    },
    ["http", "plain"],
  ),
  ...inTable("Order and content", [
    {
      id: "leases/own-rvs",
      promise: "Ordered",
      row: "leases",
      title: "leases take no RV of the namespace, and have no place in a stream of all kinds",
      run: async (t) => {
        const namespace = await t.namespace();
        const before = await t.head(namespace);
        const all = await t.open(namespace, { transport: "multi", kind: null, query: { resourceVersion: before } });
        await hold(t, namespace, "leader");
        assert.equal(await t.head(namespace), before);
        const made = await t.make(namespace, "a");
        await all.untilEvents(1);
        assert.deepEqual(
          all.events.map(({ object }) => object),
          [made],
        );
      },
    },
    {
      id: "leases/read",
      promise: "Reliable",
      row: "leases",
      title: "leases are got and listed, and a stale update is 409 Conflict, which is how one leader wins",
      run: async (t) => {
        const namespace = await t.namespace();
        const first = await hold(t, namespace, "leader");
        const path = `${collectionPath(LEASES, namespace)}/leader`;
        assert.deepEqual(await t.api.must(path), first);
        const list = await t.api.must<KubeList>(collectionPath(LEASES, namespace));
        assert.deepEqual(list.items, [first]);
        const body = lease("leader", "two", { resourceVersion: first.metadata.resourceVersion });
        await t.api.must(path, { method: "PUT", body });
        const { status } = await t.api.refusal(path, { method: "PUT", body });
        assert.deepEqual([status.code, status.reason], [409, "Conflict"]);
      },
    },
  ]),
];
