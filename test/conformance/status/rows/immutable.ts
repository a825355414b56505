/** "A request whose `spec`, `body`, or author metadata differ from the stored object is refused", and system fields. */
import assert from "node:assert/strict";
import { ADMIN, ALICE, accepted, condition, refused, unchanged } from "../support.ts";
import type { Row, TestWrite } from "../types.ts";

const rule = "spec and metadata";

export const IMMUTABLE: Row[] = [
  {
    title: "a spec leaf with another value is SPEC_IMMUTABLE, naming the field",
    rule,
    async run(t, name) {
      await t.make(name);
      const status = { conditions: [condition("Ready")] };
      await refused(t, ALICE, { name, spec: t.kind.spec("Hacked"), status }, "SPEC_IMMUTABLE", "spec.title");
      await refused(t, ADMIN, { name, spec: t.kind.spec("Hacked"), force: true }, "SPEC_IMMUTABLE", "spec.title");
    },
  },
  {
    title: "a spec leaf that is not there is SPEC_IMMUTABLE",
    rule,
    async run(t, name) {
      const { spec } = await t.make(name);
      await refused(t, ALICE, { name, spec: { ...spec, more: { deep: 1 } } }, "SPEC_IMMUTABLE", "spec.more.deep");
    },
  },
  {
    title: "a spec without one of the stored leaves is SPEC_IMMUTABLE",
    rule,
    needs: ["wholeObject"],
    async run(t, name) {
      const { spec } = await t.make(name);
      const { title: _, ...rest } = spec;
      await refused(t, ALICE, { name, spec: { ...rest, title: null } }, "SPEC_IMMUTABLE", "spec.title");
      await refused(t, ALICE, { name, spec: rest }, "SPEC_IMMUTABLE", "spec.title");
    },
  },
  {
    title: "labels, annotations and finalizers that differ are SPEC_IMMUTABLE, naming the field",
    rule,
    async run(t, name) {
      await t.make(name);
      const wrong: [Record<string, unknown>, string][] = [
        [{ labels: { "shop/section": "z" } }, "metadata.labels"],
        [{ annotations: { note: "mine" } }, "metadata.annotations.note"],
        [{ finalizers: ["example.com/hold"] }, "metadata.finalizers"],
      ];
      for (const [metadata, field] of wrong) await refused(t, ALICE, { name, metadata }, "SPEC_IMMUTABLE", field);
    },
  },
  {
    title: "a body that differs is SPEC_IMMUTABLE, naming the field",
    rule,
    needs: ["anyField"],
    async run(t, name) {
      await t.make(name);
      await refused(t, ALICE, { name, body: "another text" }, "SPEC_IMMUTABLE", "body");
    },
  },
  {
    title: "spec and metadata sent back as they were read are fine",
    rule,
    async run(t, name) {
      const { spec, body, metadata } = await t.make(name);
      const { labels } = metadata;
      const given: TestWrite = { name, spec, metadata: { labels }, status: { conditions: [condition("Ready")] } };
      if (body !== undefined && t.transport.traits.has("anyField")) given.body = body;
      const object = await accepted(t, ALICE, given);
      assert.deepEqual(object.spec, spec);
    },
  },
  {
    title: "a leaf that is null or empty where the stored one is absent is no change",
    rule,
    async run(t, name) {
      const { spec, metadata } = await t.make(name);
      const given = {
        name,
        spec: { ...spec, parentRef: null, media: [], summary: "", options: {} },
        metadata: { labels: metadata.labels, annotations: {}, finalizers: [], ownerReferences: null },
      };
      await unchanged(t, ALICE, given);
    },
  },
  {
    title: "phase, published and admissionFailure are refused from anyone, naming the field",
    rule: "system fields",
    needs: ["anyField"],
    async run(t, name) {
      await t.make(name);
      const fields = {
        phase: "published",
        published: { release: "v1", revision: "main@sha1:00", digest: "sha256:00" },
        admissionFailure: { revision: "main@sha1:00", path: "x.md", at: "2026-01-01T00:00:00Z", errors: [] },
      };
      for (const [key, value] of Object.entries(fields)) {
        for (const writer of [ALICE, ADMIN])
          await refused(t, writer, { name, force: true, status: { [key]: value } }, "BAD_USER_INPUT", `status.${key}`);
      }
    },
  },
  {
    title: "system fields sent back unchanged are fine",
    rule: "system fields",
    needs: ["anyField"],
    async run(t, name) {
      const { status } = await t.make(name);
      const { phase } = status;
      const object = await accepted(t, ALICE, {
        name,
        status: { ...(phase === undefined ? {} : { phase }), published: null, conditions: [condition("Ready")] },
      });
      assert.equal(object.status.phase, phase);
      assert.equal(phase, t.kind.catalogue ? "draft" : undefined);
    },
  },
  {
    title: "a field that a status does not have is refused, naming it and the known ones",
    rule: "system fields",
    needs: ["anyField"],
    async run(t, name) {
      await t.make(name);
      await refused(t, ALICE, { name, status: { replicas: 3 } }, "BAD_USER_INPUT", "replicas", "resolved");
    },
  },
];
