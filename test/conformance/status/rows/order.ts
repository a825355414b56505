/** "Checked in this order, the first failure answers"; each row pairs one check with the next. */
import assert from "node:assert/strict";
import { ALICE, accepted, assertRefused, BOB, condition, conflicting, refused } from "../support.ts";
import type { Row, Writer } from "../types.ts";

const rule = "order of checks";
const NOBODY: Writer = { sub: "", may: "anonymous" };
const READER: Writer = { sub: "user:reader", may: "watch" };
const STRANGER: Writer = { sub: "serviceaccount:other:eve", may: "elsewhere" };

export const ORDER: Row[] = [
  {
    title: "a caller without a token is UNAUTHENTICATED, whatever it asks for",
    rule,
    needs: ["identity"],
    async run(t, name) {
      await t.make(name);
      const status = { conditions: [condition("Ready")] };
      assertRefused(await t.transport.write(NOBODY, { name, resourceVersion: "1", status }), "UNAUTHENTICATED");
      assertRefused(await t.transport.write(NOBODY, { name: "nothing", malformed: true }), "UNAUTHENTICATED");
    },
  },
  {
    title: "a caller without verb update on {plural}/status is FORBIDDEN, and learns not whether the object exists",
    rule,
    needs: ["identity"],
    async run(t, name) {
      const { metadata } = await t.make(name);
      const { resourceVersion } = metadata;
      for (const writer of [READER, STRANGER]) {
        const answers = [];
        for (const target of [name, `${name}-not`]) {
          const answer = await t.transport.write(writer, { name: target, resourceVersion, status: {} });
          assertRefused(answer, "FORBIDDEN");
          answers.push(answer.outcome === "refused" ? answer.text.replaceAll(target, "…") : "");
        }
        assert.equal(answers[0], answers[1], "the refusal of what exists reads like that of what does not");
        assertRefused(await t.transport.write(writer, { name, malformed: true }), "FORBIDDEN");
      }
      assert.equal((await t.read(name)).metadata.resourceVersion, resourceVersion);
    },
  },
  {
    title: "an unknown kind is KIND_NOT_FOUND to those who may, before anything about the object",
    rule,
    needs: ["identity"],
    async run(t, name) {
      const admin: Writer = { sub: "user:root", may: "admin" };
      assertRefused(
        await t.transport.write(admin, { name, kind: "Gizmo", resourceVersion: "1", status: {} }),
        "KIND_NOT_FOUND",
      );
    },
  },
  {
    title: "an object that does not exist is NOT_FOUND before the input is judged",
    rule,
    async run(t, name) {
      const status = { observedGeneration: -1, conditions: [condition("Ready", "Maybe")] };
      await refused(t, ALICE, { name, resourceVersion: "1", status }, "NOT_FOUND", name);
    },
  },
  {
    title: "an input that is not well-formed is refused before the precondition",
    rule,
    async run(t, name) {
      await t.make(name);
      await refused(t, ALICE, { name, resourceVersion: "1", malformed: true }, "BAD_USER_INPUT");
    },
  },
  {
    title: "a resourceVersion that is none is refused, naming the field",
    rule,
    async run(t, name) {
      await t.make(name);
      const status = { conditions: [condition("Ready")] };
      await refused(t, ALICE, { name, resourceVersion: "newest", status }, "BAD_USER_INPUT", "resourceVersion");
    },
  },
  {
    title: "a stale writer always gets the conflict, whatever else is wrong with what it sends",
    rule,
    async run(t, name) {
      const read = await t.make(name);
      await accepted(t, BOB, { name, status: { conditions: [condition("Ready")] } });
      const { resourceVersion } = read.metadata;
      const wrong = {
        name,
        resourceVersion,
        spec: t.kind.spec("Hacked"),
        metadata: { labels: { "shop/section": "z" } },
        status: { observedGeneration: 999, conditions: [condition("Ready", "False")] },
      };
      await conflicting(t, ALICE, wrong, "STALE_RESOURCE_VERSION");
      if (t.transport.traits.has("anyField")) {
        const more = { ...wrong, status: { ...wrong.status, phase: "published", resolved: t.kind.badResolved.value } };
        await conflicting(t, ALICE, more, "STALE_RESOURCE_VERSION");
      }
    },
  },
  {
    title: "a spec that differs is refused before system fields, ownership and observedGeneration are judged",
    rule,
    async run(t, name) {
      await t.make(name);
      await accepted(t, BOB, { name, status: { conditions: [condition("Ready")] } });
      const anyField = t.transport.traits.has("anyField") ? { phase: "published" } : {};
      const status = { ...anyField, observedGeneration: 999, conditions: [condition("Ready", "False")] };
      await refused(t, ALICE, { name, spec: t.kind.spec("Hacked"), status }, "SPEC_IMMUTABLE", "spec.");
    },
  },
  {
    title: "a system field is refused before ownership and observedGeneration are judged",
    rule,
    needs: ["anyField"],
    async run(t, name) {
      await t.make(name);
      await accepted(t, BOB, { name, status: { conditions: [condition("Ready")] } });
      const status = { phase: "published", observedGeneration: 999, conditions: [condition("Ready", "False")] };
      await refused(t, ALICE, { name, status }, "BAD_USER_INPUT", "phase");
    },
  },
  {
    title: "ownership is judged before observedGeneration",
    rule,
    async run(t, name) {
      await t.make(name);
      await accepted(t, BOB, { name, status: { conditions: [condition("Ready")] } });
      const status = { observedGeneration: 999, conditions: [condition("Ready", "False")] };
      await conflicting(t, ALICE, { name, status }, "FIELD_MANAGER_CONFLICT");
    },
  },
  {
    title: "observedGeneration is judged before the no-op",
    rule,
    async run(t, name) {
      await t.make(name);
      const conditions = [condition("Ready")];
      await accepted(t, ALICE, { name, status: { conditions } });
      await refused(t, ALICE, { name, status: { conditions, observedGeneration: 2 } }, "BAD_USER_INPUT", "generation");
    },
  },
];
