import { describe, expect, it } from "vitest";
import { checkPush, checkState, checkStream, type ExpectedPush } from "../../../src/cli/demo/checks.ts";
import type { Change } from "../../../src/cli/demo/recorder.ts";
import { type EventName, typeOf } from "../../../src/resource/gitevent.ts";
import type { Resource } from "../../../src/resource/types.ts";

/** Gives changes the RVs 2, 3, … */
function stream(...parts: Omit<Change, "rv">[]): Change[] {
  return parts.map((part, place) => {
    const rv = place + 2;
    const metadata = { ...part.object.metadata, resourceVersion: String(rv) };
    return { ...part, rv, object: { ...part.object, metadata } };
  });
}

function change(type: Change["type"], kind: string, name: string, more: Partial<Resource> = {}): Omit<Change, "rv"> {
  const group = kind === "Repository" ? "gitstore.dev" : "catalog.gitstore.dev";
  const metadata = { name, uid: name, resourceVersion: "0", generation: 1, creationTimestamp: "2026-01-01T00:00:00Z" };
  return { type, object: { apiVersion: `${group}/v1beta1`, kind, metadata, spec: {}, ...more } };
}

let ids = 0;
function event(name: EventName, data: Record<string, unknown>): Omit<Change, "rv"> {
  ids += 1;
  const spec = { id: `id-${ids}`, type: typeOf(name), subject: "refs/heads/main", correlationid: "push-1", data };
  const given = {
    apiVersion: "events.gitstore.dev/v1beta1",
    kind: "GitEvent",
    spec: spec as unknown as Resource["spec"],
  };
  return change("ADDED", "GitEvent", `event-${ids}`, given);
}

const expected: ExpectedPush = {
  event: "branch-updated",
  ref: "refs/heads/main",
  old: "a",
  new: "b",
  commit: "b",
  added: 2,
  modified: 0,
  deleted: 0,
};

const target = () => event("catalog-namespace-target", {});
const ref = () => event("branch-updated", { ref: "refs/heads/main", old: "a", new: "b" });
const parsed = (...names: string[]) =>
  event("catalog-resource-parsed", {
    resources: names.map((name) => ({ kind: name === "games" ? "CategoryTaxonomy" : "Product", name })),
  });
const category = () => change("ADDED", "CategoryTaxonomy", "games");
const product = () => change("ADDED", "Product", "chess", { spec: { categoryRef: { name: "games" } } });
const evaluated = () => event("catalog-admission-evaluated", { allowed: 2, refused: 0 });
const end = (oid = "b") =>
  change("MODIFIED", "Repository", "catalog", { status: { applied: { "refs/heads/main": oid } } });

describe("a stream", () => {
  it("passes with every RV once, in order", () => {
    expect(checkStream(stream(target(), ref(), category()), 1)).toEqual([]);
  });

  it("fails on a hole, on a doubled change and on two that changed places", () => {
    const [a, b, c] = stream(category(), product(), end());
    if (!a || !b || !c) throw new Error("three changes");
    expect(checkStream([a, c], 1)).toEqual(["after RV 2 came RV 4 instead of 3"]);
    expect(checkStream([a, a, b], 1)).toEqual(["after RV 2 came RV 2 instead of 3"]);
    expect(checkStream([b, a, c], 1)).toHaveLength(3);
  });

  it("fails on an event that has the id of an earlier one", () => {
    const once = target();
    expect(checkStream(stream(once, once), 1)[0]).toContain("came a second time at RV 3");
  });
});

describe("the state that changes add up to", () => {
  const changes = stream(category(), product());
  const listed = changes.map(({ object }) => object);

  it("passes where it is what is listed", () => {
    expect(checkState(changes, listed)).toEqual([]);
  });

  it("fails on what is missing, old, or no longer there", () => {
    expect(checkState(changes.slice(1), listed)[0]).toContain(
      "CategoryTaxonomy/games is at RV 2; the watcher has nothing",
    );
    expect(checkState(changes, listed.slice(1))).toEqual([
      "CategoryTaxonomy/games is not listed; the watcher still has it",
    ]);
    const later = listed.map((object) => ({ ...object, metadata: { ...object.metadata, resourceVersion: "9" } }));
    expect(checkState(changes, later)).toHaveLength(2);
  });
});

describe("a push", () => {
  const push = (...parts: Omit<Change, "rv">[]) => checkPush(stream(...parts), expected);

  it("passes in the order target, ref, parsed, changes, evaluated, applied", () => {
    expect(push(target(), ref(), parsed("games", "chess"), category(), product(), evaluated(), end())).toEqual([]);
  });

  it("passes cut into transactions, each with its own parsed events", () => {
    expect(push(target(), ref(), parsed("games"), category(), parsed("chess"), product(), evaluated(), end())).toEqual(
      [],
    );
  });

  it("fails where the ref event comes before the target, or tells of another move", () => {
    expect(push(ref(), target(), parsed("games", "chess"), category(), product(), evaluated(), end())[0]).toContain(
      "it begins with",
    );
    const other = event("branch-updated", { ref: "refs/heads/main", old: "x", new: "b" });
    expect(push(target(), other, parsed("games", "chess"), category(), product(), evaluated(), end())).toEqual([
      "the ref event says old x, not a",
    ]);
  });

  it("fails where a resource is missing, comes twice, or comes before it is told of as parsed", () => {
    expect(push(target(), ref(), parsed("games", "chess"), category(), evaluated(), end())).toEqual([
      "1 resources came as ADDED, not 2",
    ]);
    const twice = push(target(), ref(), parsed("games", "chess"), category(), product(), product(), evaluated(), end());
    expect(twice).toContain("1 resources changed more than once");
    expect(push(target(), ref(), parsed("games"), category(), product(), parsed("chess"), evaluated(), end())).toEqual([
      "Product/chess changed before it was told of as parsed",
    ]);
  });

  it("fails where a product comes before its category", () => {
    expect(push(target(), ref(), parsed("games", "chess"), product(), category(), evaluated(), end())).toEqual([
      "Product/chess came before its category",
    ]);
  });

  it("fails where admission is not told of last, or counts otherwise", () => {
    expect(push(target(), ref(), evaluated(), parsed("games", "chess"), category(), product(), end())).toContain(
      "admission-evaluated is not its one last event",
    );
    const refusing = event("catalog-admission-evaluated", { allowed: 1, refused: 1 });
    expect(push(target(), ref(), parsed("games", "chess"), category(), product(), refusing, end())).toEqual([
      "admission allowed 1 and refused 1, not 2 and 0",
    ]);
  });

  it("fails where it does not end with the Repository that has it applied", () => {
    const before = [target(), ref(), parsed("games", "chess"), category(), product(), evaluated()];
    expect(push(...before)[0]).toContain("not with the Repository");
    expect(push(...before, end("a"))).toEqual(["status.applied says a of refs/heads/main, not b"]);
  });
});
