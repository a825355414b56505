/** "A field not given is unchanged", conditions by type, and who owns which. */
import assert from "node:assert/strict";
import { ADMIN, ALICE, accepted, BOB, condition, conflicting, find, refused, types, unchanged } from "../support.ts";
import type { Row, TestObject } from "../types.ts";

const rule = "merge";

/** Types that neither Alice nor Bob brought. */
const others = (object: TestObject): string[] => types(object).filter((type) => !/^(Ready|Synced|Priced)$/.test(type));

export const MERGE: Row[] = [
  {
    title: "a field not given is unchanged",
    rule,
    async run(t, name) {
      await t.make(name);
      const resolved = t.kind.resolved(1);
      const all = {
        observedGeneration: 1,
        lastAppliedRevision: "main@sha1:01",
        conditions: [condition("Ready")],
        resolved,
      };
      const { status: before } = await accepted(t, ALICE, { name, status: all });
      const { status } = await accepted(t, ALICE, { name, status: { lastAppliedRevision: "main@sha1:02" } });
      assert.deepEqual(status, { ...before, lastAppliedRevision: "main@sha1:02" });
      assert.deepEqual((await accepted(t, ALICE, { name, status: { resolved: t.kind.resolved(2) } })).status, {
        ...status,
        resolved: t.kind.resolved(2),
      });
    },
  },
  {
    title: "the caller's own types that are left out are removed, others' are untouched",
    rule,
    needs: ["replacesOwn"],
    async run(t, name) {
      const made = await t.make(name);
      await accepted(t, BOB, { name, status: { conditions: [condition("Priced")] } });
      await accepted(t, ALICE, { name, status: { conditions: [condition("Ready"), condition("Synced")] } });
      const object = await accepted(t, ALICE, { name, status: { conditions: [condition("Ready")] } });
      assert.deepEqual(types(object), [...others(made), "Priced", "Ready"]);
      const none = await accepted(t, ALICE, { name, status: { conditions: [] } });
      assert.deepEqual(types(none), [...others(made), "Priced"]);
    },
  },
  {
    title: "conditions merge by type, and none is removed by being left out",
    rule,
    without: "replacesOwn",
    async run(t, name) {
      const made = await t.make(name);
      await accepted(t, ALICE, { name, status: { conditions: [condition("Ready"), condition("Synced")] } });
      const object = await accepted(t, ALICE, { name, status: { conditions: [condition("Synced", "False")] } });
      assert.deepEqual(types(object), [...others(made), "Ready", "Synced"]);
      assert.equal(find(object, "Synced").status, "False");
      assert.equal(find(object, "Ready").status, "True");
    },
  },
  {
    title: "another manager's condition is a FIELD_MANAGER_CONFLICT that names the owner",
    rule: "ownership",
    async run(t, name) {
      await t.make(name);
      const now = await accepted(t, ALICE, { name, status: { conditions: [condition("Ready")] } });
      const status = { conditions: [condition("Ready", "False")] };
      const conflict = await conflicting(t, BOB, { name, status }, "FIELD_MANAGER_CONFLICT");
      assert.ok(conflict.hint.includes(ALICE.sub), conflict.hint);
      assert.ok(conflict.hint.includes("Ready"), conflict.hint);
      assert.equal(conflict.retryable, false);
      assert.equal(conflict.expected, now.metadata.resourceVersion);
      assert.deepEqual(conflict.current, now.status);
    },
  },
  {
    title: "another manager's resolved is a FIELD_MANAGER_CONFLICT",
    rule: "ownership",
    async run(t, name) {
      await t.make(name);
      await accepted(t, ALICE, { name, status: { resolved: t.kind.resolved(1) } });
      const conflict = await conflicting(
        t,
        BOB,
        { name, status: { resolved: t.kind.resolved(2) } },
        "FIELD_MANAGER_CONFLICT",
      );
      assert.ok(conflict.hint.includes("resolved"), conflict.hint);
      await unchanged(t, BOB, { name, status: { resolved: t.kind.resolved(1) } });
    },
  },
  {
    title: "two managers keep their own types beside each other",
    rule: "ownership",
    async run(t, name) {
      await t.make(name);
      await accepted(t, ALICE, { name, status: { conditions: [condition("Ready")] } });
      await accepted(t, BOB, { name, status: { conditions: [condition("Priced")] } });
      await accepted(t, ALICE, { name, status: { conditions: [condition("Ready", "False")] } });
      const object = await accepted(t, BOB, { name, status: { conditions: [condition("Priced", "False")] } });
      assert.equal(find(object, "Ready").status, "False");
      assert.equal(find(object, "Priced").status, "False");
    },
  },
  {
    title: "a value equal to the stored one claims nothing: others' conditions sent back are no conflict",
    rule: "ownership",
    async run(t, name) {
      await t.make(name);
      const now = await accepted(t, ALICE, { name, status: { conditions: [condition("Ready")] } });
      await unchanged(t, BOB, { name, status: { conditions: now.status.conditions } });
      const conditions = [...now.status.conditions, condition("Priced")];
      await accepted(t, BOB, { name, status: { conditions } });
      // Still Alice's: Bob claimed nothing of hers.
      const status = { conditions: [condition("Ready", "False"), condition("Priced")] };
      await conflicting(t, BOB, { name, status }, "FIELD_MANAGER_CONFLICT");
      await accepted(t, ALICE, { name, status: { conditions: [condition("Ready", "Unknown")] } });
    },
  },
  {
    title: "force takes over what another manager owns",
    rule: "ownership",
    needs: ["force"],
    async run(t, name) {
      await t.make(name);
      await accepted(t, ALICE, { name, status: { conditions: [condition("Ready")], resolved: t.kind.resolved(1) } });
      const status = { conditions: [condition("Ready", "False")], resolved: t.kind.resolved(2) };
      await accepted(t, BOB, { name, force: true, status });
      const mine = { conditions: [condition("Ready")] };
      const conflict = await conflicting(t, ALICE, { name, status: mine }, "FIELD_MANAGER_CONFLICT");
      assert.ok(conflict.hint.includes(BOB.sub), conflict.hint);
      await accepted(t, BOB, { name, status: { conditions: [condition("Ready", "Unknown")] } });
    },
  },
  {
    title: "a token with admin always may, without force",
    rule: "ownership",
    needs: ["identity"],
    async run(t, name) {
      await t.make(name);
      await accepted(t, ALICE, { name, status: { conditions: [condition("Ready")] } });
      const object = await accepted(t, ADMIN, { name, status: { conditions: [condition("Ready", "False")] } });
      assert.equal(find(object, "Ready").status, "False");
      await conflicting(t, ALICE, { name, status: { conditions: [condition("Ready")] } }, "FIELD_MANAGER_CONFLICT");
    },
  },
  {
    title: "the owner is the fieldManager where one is given, else the token's subject",
    rule: "ownership",
    needs: ["fieldManager"],
    async run(t, name) {
      await t.make(name);
      const fieldManager = "pricing";
      await accepted(t, ALICE, { name, fieldManager, status: { conditions: [condition("Ready")] } });
      await accepted(t, BOB, { name, fieldManager, status: { conditions: [condition("Ready", "False")] } });
      const status = { conditions: [condition("Ready")] };
      const conflict = await conflicting(t, ALICE, { name, status }, "FIELD_MANAGER_CONFLICT");
      assert.ok(conflict.hint.includes('"pricing"'), conflict.hint);
    },
  },
  {
    title: "nobody may write as the system's own managers",
    rule: "ownership",
    needs: ["fieldManager"],
    async run(t, name) {
      await t.make(name);
      for (const fieldManager of ["system:admission", "system:repository"]) {
        const status = { conditions: [condition("Ready")] };
        await refused(t, ALICE, { name, fieldManager, status }, "BAD_USER_INPUT", "fieldManager");
      }
    },
  },
  {
    title: "a type that its owner removed is free for another manager",
    rule: "ownership",
    needs: ["replacesOwn"],
    async run(t, name) {
      await t.make(name);
      await accepted(t, ALICE, { name, status: { conditions: [condition("Ready")] } });
      await accepted(t, ALICE, { name, status: { conditions: [] } });
      await accepted(t, BOB, { name, status: { conditions: [condition("Ready", "False")] } });
      await conflicting(t, ALICE, { name, status: { conditions: [condition("Ready")] } }, "FIELD_MANAGER_CONFLICT");
    },
  },
  {
    title: "conditions and their owners survive a push",
    rule: "ownership",
    async run(t, name) {
      await t.make(name);
      const before = await accepted(t, ALICE, {
        name,
        status: { observedGeneration: 1, conditions: [condition("Ready")] },
      });
      const after = await t.change(name);
      assert.deepEqual(find(after, "Ready"), find(before, "Ready"));
      assert.equal(after.status.observedGeneration, 1);
      const status = { conditions: [condition("Ready", "False")] };
      await conflicting(t, BOB, { name, status }, "FIELD_MANAGER_CONFLICT");
    },
  },
];
