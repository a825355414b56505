/** The values: transition times, observed generations, limits, no-ops, and what repeats. */
import assert from "node:assert/strict";
import { ALICE, accepted, BOB, condition, find, refused, unchanged, write } from "../support.ts";
import type { Row } from "../types.ts";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const DAY_MS = 24 * 3_600_000;

export const VALUES: Row[] = [
  {
    title: "reason and message may be empty",
    rule: "system fields",
    async run(t, name) {
      await t.make(name);
      const conditions = [condition("Ready", "True", { reason: "", message: "" })];
      const { reason, message } = find(await accepted(t, ALICE, { name, status: { conditions } }), "Ready");
      assert.deepEqual({ reason, message }, { reason: "", message: "" });
    },
  },
  {
    title: "lastTransitionTime is the server's: a client's is accepted and ignored",
    rule: "lastTransitionTime",
    async run(t, name) {
      await t.make(name);
      const lastTransitionTime = "2001-02-03T04:05:06Z";
      const conditions = [condition("Ready", "True", { lastTransitionTime })];
      const object = await accepted(t, ALICE, { name, status: { conditions } });
      assert.match(find(object, "Ready").lastTransitionTime, TIME);
      assert.notEqual(find(object, "Ready").lastTransitionTime, lastTransitionTime);
      const later = [condition("Ready", "True", { lastTransitionTime: "2031-02-03T04:05:06Z" })];
      await unchanged(t, ALICE, { name, status: { conditions: later } });
    },
  },
  {
    title: "lastTransitionTime moves only when status changes",
    rule: "lastTransitionTime",
    async run(t, name) {
      await t.make(name);
      const first = find(await accepted(t, ALICE, { name, status: { conditions: [condition("Ready")] } }), "Ready");
      t.advance(5_000);
      const told = { conditions: [condition("Ready", "True", { message: "another text", reason: "Again" })] };
      const same = find(await accepted(t, ALICE, { name, status: told }), "Ready");
      assert.equal(same.message, "another text");
      assert.equal(same.lastTransitionTime, first.lastTransitionTime);
      t.advance(5_000);
      const moved = find(
        await accepted(t, ALICE, { name, status: { conditions: [condition("Ready", "False")] } }),
        "Ready",
      );
      assert.ok(Date.parse(moved.lastTransitionTime) > Date.parse(first.lastTransitionTime), moved.lastTransitionTime);
    },
  },
  {
    title: "a condition's status is True, False or Unknown, in any letter case, and nothing else",
    rule: "lastTransitionTime",
    async run(t, name) {
      await t.make(name);
      for (const [sent, stored] of [
        ["TRUE", "True"],
        ["False", "False"],
        ["UNKNOWN", "Unknown"],
      ] as const) {
        const object = await accepted(t, ALICE, {
          name,
          status: { conditions: [condition("Ready", sent, { message: "" })] },
        });
        assert.equal(find(object, "Ready").status, stored);
      }
      await refused(
        t,
        ALICE,
        { name, status: { conditions: [condition("Ready", "Maybe")] } },
        "BAD_USER_INPUT",
        "status",
      );
    },
  },
  {
    title: "a condition needs a type, and a type is in the list once",
    rule: "merge",
    async run(t, name) {
      await t.make(name);
      await refused(t, ALICE, { name, status: { conditions: [condition("")] } }, "BAD_USER_INPUT", "type");
      const twice = [condition("Twice"), condition("Twice", "False")];
      await refused(t, ALICE, { name, status: { conditions: twice } }, "BAD_USER_INPUT", "Twice");
    },
  },
  {
    title: "observedGeneration must not exceed metadata.generation",
    rule: "observedGeneration",
    async run(t, name) {
      await t.make(name);
      await refused(t, ALICE, { name, status: { observedGeneration: 2 } }, "BAD_USER_INPUT", "observedGeneration");
      const ahead = [condition("Ready", "True", { observedGeneration: 2 })];
      await refused(t, ALICE, { name, status: { conditions: ahead } }, "BAD_USER_INPUT", "observedGeneration");
      await t.change(name);
      const object = await accepted(t, ALICE, { name, status: { observedGeneration: 2, conditions: ahead } });
      assert.equal(object.status.observedGeneration, 2);
    },
  },
  {
    title: "observedGeneration never decreases",
    rule: "observedGeneration",
    async run(t, name) {
      await t.make(name);
      await t.change(name);
      await accepted(t, ALICE, { name, status: { observedGeneration: 2 } });
      await refused(t, ALICE, { name, status: { observedGeneration: 1 } }, "BAD_USER_INPUT", "never decreases");
      await unchanged(t, BOB, { name, status: { observedGeneration: 2 } });
    },
  },
  {
    title: "the same content again is a success with the same RV, and no event",
    rule: "no-op",
    async run(t, name) {
      await t.make(name);
      const status = {
        observedGeneration: 1,
        lastAppliedRevision: "main@sha1:01",
        conditions: [condition("Ready"), condition("Synced", "False")],
        resolved: t.kind.resolved(1),
      };
      const first = await accepted(t, ALICE, { name, status });
      assert.deepEqual(await unchanged(t, ALICE, { name, status }), first);
      const reordered = { ...status, conditions: [...status.conditions].reverse() };
      await unchanged(t, ALICE, { name, status: reordered });
      await unchanged(t, ALICE, { name, status: {} });
      await unchanged(t, ALICE, { name });
    },
  },
  {
    title: "32 conditions are the most a status has, all managers' together",
    rule: "limits",
    async run(t, name) {
      const made = await t.make(name);
      const free = 32 - made.status.conditions.length;
      const many = Array.from({ length: free }, (_, index) => condition(`Test${index}`));
      await accepted(t, ALICE, { name, status: { conditions: many } });
      await refused(t, BOB, { name, status: { conditions: [condition("Ready")] } }, "BAD_USER_INPUT", "32");
    },
  },
  {
    title: "64 KiB are the most that controllers write into a status",
    rule: "limits",
    async run(t, name) {
      await t.make(name);
      const text = (chars: number) => [condition("Ready", "True", { message: "x".repeat(chars) })];
      await refused(t, ALICE, { name, status: { conditions: text(40_000) } }, "BAD_USER_INPUT", "32768");
      await accepted(t, ALICE, { name, status: { conditions: text(32_768) } });
      const both = [...text(32_768), condition("Synced", "True", { message: "y".repeat(32_768) })];
      await refused(t, ALICE, { name, status: { conditions: both } }, "BAD_USER_INPUT", "65536");
    },
  },
  {
    title: "resolved is validated by the kind's schema",
    rule: "resolved",
    async run(t, name) {
      await t.make(name);
      const { value, field } = t.kind.badResolved;
      await refused(t, ALICE, { name, status: { resolved: value } }, "BAD_USER_INPUT", field);
      const object = await accepted(t, ALICE, { name, status: { resolved: t.kind.resolved(7) } });
      assert.deepEqual(object.status.resolved, t.kind.resolved(7));
    },
  },
  {
    title: "a repeated idempotencyKey is answered as the first write was, and not written again",
    rule: "idempotencyKey",
    needs: ["idempotencyKey"],
    async run(t, name) {
      const made = await t.make(name);
      const { resourceVersion } = made.metadata;
      const once = {
        name,
        read: made,
        resourceVersion,
        idempotencyKey: `key-${name}`,
        status: { conditions: [condition("Ready")] },
      };
      const first = await accepted(t, ALICE, once);
      await accepted(t, BOB, { name, status: { conditions: [condition("Priced")] } });
      const before = await t.head();
      const again = await accepted(t, ALICE, once);
      assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
      assert.equal(await t.head(), before, "it was not written again");
      await refused(t, ALICE, { ...once, status: {} }, "BAD_USER_INPUT", "idempotencyKey");
      // Another subject's keys are its own.
      const bobs = await write(t, BOB, { ...once, status: { conditions: [condition("Synced")] } });
      assert.equal(bobs.outcome, "conflict");
      t.advance(DAY_MS + 1);
      const forgotten = await t.transport.write(ALICE, once);
      assert.equal(forgotten.outcome, "conflict", "after 24 hours it is a write like any other");
    },
  },
  {
    title: "a dry run answers with what would be, and writes nothing",
    rule: "success",
    needs: ["dryRun"],
    async run(t, name) {
      const made = await t.make(name);
      const before = await t.head();
      const object = await accepted(t, ALICE, { name, dryRun: true, status: { conditions: [condition("Ready")] } });
      assert.equal(find(object, "Ready").status, "True");
      assert.equal(object.metadata.resourceVersion, made.metadata.resourceVersion);
      assert.equal(await t.head(), before);
      assert.deepEqual(await t.read(name), made);
    },
  },
  {
    title:
      "each accepted write is the next RV and exactly one MODIFIED on every watch transport; refused ones and no-ops are none",
    rule: "success",
    async run(t, name) {
      const made = await t.make(name);
      const observation = await t.observe();
      const head = await t.head();
      const first = await accepted(t, ALICE, { name, status: { conditions: [condition("Ready")] } });
      await unchanged(t, ALICE, { name, status: { conditions: [condition("Ready")] } });
      await refused(t, ALICE, { name, spec: t.kind.spec("Hacked") }, "SPEC_IMMUTABLE");
      await t.transport.write(BOB, { name, resourceVersion: made.metadata.resourceVersion, status: {} });
      const second = await accepted(t, BOB, { name, status: { conditions: [condition("Priced")] } });
      assert.equal(Number(first.metadata.resourceVersion), head + 1);
      assert.equal(Number(second.metadata.resourceVersion), head + 2);
      const expected = [first, second].map(({ metadata }) => ({
        type: "MODIFIED",
        name,
        rv: metadata.resourceVersion,
      }));
      const seen = await observation.settle();
      assert.ok(Object.keys(seen).length > 0, "something watches");
      for (const [transport, events] of Object.entries(seen)) {
        assert.deepEqual(
          events.filter((event) => event.name === name),
          expected,
          transport,
        );
      }
    },
  },
];
