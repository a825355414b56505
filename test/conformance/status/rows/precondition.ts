/** "`resourceVersion` is required on every write, and must equal the object's", and the one conflict model. */
import assert from "node:assert/strict";
import { ALICE, accepted, BOB, condition, conflicting, refused } from "../support.ts";
import type { Row } from "../types.ts";

const rule = "precondition";
const READY = { conditions: [condition("Ready")] };

export const PRECONDITION: Row[] = [
  {
    title: "a write without a resourceVersion is refused with cause Required, naming the field",
    rule,
    async run(t, name) {
      await t.make(name);
      const before = await t.head();
      const answer = await t.transport.write(ALICE, { name, status: READY });
      assert.equal(answer.outcome, "refused", JSON.stringify(answer));
      if (answer.outcome !== "refused") return;
      assert.equal(answer.code, "BAD_USER_INPUT");
      for (const word of ["resourceVersion", "Required"]) assert.ok(answer.text.includes(word), answer.text);
      assert.equal(await t.head(), before);
    },
  },
  {
    title:
      "a write with the object's resourceVersion goes through: next RV, the object returned, spec and generation kept",
    rule: "success",
    async run(t, name) {
      const before = await t.make(name);
      const head = await t.head();
      const object = await accepted(t, ALICE, { name, status: { ...READY, observedGeneration: 1 } });
      assert.equal(object.metadata.resourceVersion, String(head + 1));
      assert.equal(await t.head(), head + 1);
      assert.equal(object.metadata.generation, before.metadata.generation);
      assert.equal(object.metadata.uid, before.metadata.uid);
      assert.deepEqual(object.spec, before.spec);
      assert.equal(object.status.observedGeneration, 1);
      assert.deepEqual(await t.read(name), object, "what is returned is what is stored");
    },
  },
  {
    title: "a stale write is a conflict that carries everything to go on with",
    rule: "conflict",
    async run(t, name) {
      const read = await t.make(name);
      await t.change(name);
      const now = await accepted(t, BOB, { name, status: READY });
      const expected = read.metadata.resourceVersion;
      const conflict = await conflicting(
        t,
        ALICE,
        { name, resourceVersion: expected, status: { conditions: [condition("Synced")] } },
        "STALE_RESOURCE_VERSION",
      );
      assert.equal(conflict.currentResourceVersion, now.metadata.resourceVersion);
      assert.equal(conflict.currentGeneration, 2);
      assert.equal(conflict.expected, expected);
      assert.equal(conflict.retryable, true);
      assert.deepEqual(conflict.current, now.status);
      assert.ok(conflict.hint.includes(now.metadata.resourceVersion), conflict.hint);
    },
  },
  {
    title: "a stale write with content that is stored already is a conflict too",
    rule: "conflict",
    async run(t, name) {
      const read = await t.make(name);
      await accepted(t, ALICE, { name, status: READY });
      const { resourceVersion } = read.metadata;
      await conflicting(t, ALICE, { name, resourceVersion, status: READY }, "STALE_RESOURCE_VERSION");
    },
  },
  {
    title: "a resourceVersion that is not reached yet is a conflict",
    rule: "conflict",
    async run(t, name) {
      await t.make(name);
      const resourceVersion = String((await t.head()) + 1_000);
      await conflicting(t, ALICE, { name, resourceVersion, status: READY }, "STALE_RESOURCE_VERSION");
    },
  },
  {
    title: "a resourceVersion older than the object's creation is a conflict with reason RECREATED, not to be retried",
    rule: "conflict",
    async run(t, name) {
      const old = await t.make(name);
      await t.remove(name);
      const now = await t.make(name);
      assert.notEqual(now.metadata.uid, old.metadata.uid);
      const { resourceVersion } = old.metadata;
      const conflict = await conflicting(t, ALICE, { name, resourceVersion, status: READY }, "RECREATED");
      assert.equal(conflict.currentResourceVersion, now.metadata.resourceVersion);
      assert.equal(conflict.retryable, false);
    },
  },
  {
    title: "an object that is gone is NOT_FOUND, and no conflict",
    rule: "conflict",
    async run(t, name) {
      const { metadata } = await t.make(name);
      await t.remove(name);
      const { resourceVersion } = metadata;
      await refused(t, ALICE, { name, resourceVersion, status: READY }, "NOT_FOUND", name);
    },
  },
  {
    title: "a spec write makes a status writer stale, and a status write keeps what the push changed",
    rule,
    async run(t, name) {
      const read = await t.make(name);
      const changed = await t.change(name);
      const { resourceVersion } = read.metadata;
      await conflicting(t, ALICE, { name, resourceVersion, status: READY }, "STALE_RESOURCE_VERSION");
      const object = await accepted(t, ALICE, { name, status: READY });
      assert.deepEqual(object.spec, changed.spec);
      assert.equal(object.metadata.generation, 2);
    },
  },
];
