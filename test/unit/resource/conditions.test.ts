import { describe, expect, it } from "vitest";
import { conditionEquals, mergeConditions } from "../../../src/resource/conditions.ts";
import type { Condition } from "../../../src/resource/types.ts";

const NOW = "2026-01-02T00:00:00Z";
const BEFORE = "2026-01-01T00:00:00Z";
const ready: Condition = { type: "Ready", status: "True", reason: "Done", message: "m", lastTransitionTime: BEFORE };
const other: Condition = { type: "Other", status: "False", reason: "No", message: "", lastTransitionTime: BEFORE };

describe("merging conditions", () => {
  it("changes nothing where all is the same, whatever transition time comes in", () => {
    const incoming = [{ ...ready, lastTransitionTime: NOW }];
    expect(mergeConditions([ready, other], incoming, NOW)).toEqual({ conditions: [ready, other], changed: false });
  });

  it("moves the transition time only when the status moves", () => {
    const reworded = mergeConditions([ready], [{ ...ready, reason: "Still", lastTransitionTime: NOW }], NOW);
    expect(reworded).toEqual({ conditions: [{ ...ready, reason: "Still" }], changed: true });
    const flipped = mergeConditions([ready], [{ ...ready, status: "False" }], NOW);
    expect(flipped.conditions).toEqual([{ ...ready, status: "False", lastTransitionTime: NOW }]);
  });

  it("leaves other types as they are, and puts new ones at the end", () => {
    const added: Condition = { type: "New", status: "Unknown", reason: "", message: "" };
    const merged = mergeConditions([ready, other], [added, { ...other, message: "x" }], NOW);
    expect(merged.conditions).toEqual([ready, { ...other, message: "x" }, { ...added, lastTransitionTime: NOW }]);
  });

  it("does not change what it is given", () => {
    const existing = [ready];
    mergeConditions(existing, [{ ...ready, status: "False" }], NOW);
    expect(existing).toEqual([ready]);
  });

  it("gives a transition time to one that had none", () => {
    const { lastTransitionTime: _, ...bare } = ready;
    expect(mergeConditions([bare], [{ ...bare, message: "x" }], NOW).conditions[0]?.lastTransitionTime).toBe(NOW);
  });

  it.each<[Partial<Condition>, boolean]>([
    [{ lastTransitionTime: NOW }, true],
    [{ status: "False" }, false],
    [{ reason: "x" }, false],
    [{ message: "x" }, false],
    [{ type: "x" }, false],
    [{ observedGeneration: 2 }, false],
  ])("equality ignores nothing but the transition time: %j", (change, wanted) => {
    expect(conditionEquals(ready, { ...ready, ...change })).toBe(wanted);
  });
});
