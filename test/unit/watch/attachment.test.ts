import { serialize } from "node:v8";
import { describe, expect, it } from "vitest";
import { AttachmentWriter, fitSocket, MAX_ATTACHMENT_BYTES, sessionOf } from "../../../src/watch/attachment.ts";
import type { SessionState } from "../../../src/watch/session.ts";

/** Each field with a value of its own, so that none can stand for another. */
function session(): SessionState {
  return {
    v: 1,
    enc: "frames",
    filter: { kinds: ["K.g"], label: "a=b", field: "metadata.name=é" },
    window: 101,
    phase: "catchup",
    snap: { at: 102, kinds: ["K.g"], kind: 103, after: "x" },
    pos: 104,
    part: 105,
    told: 106,
    toldAt: 107,
    sent: 108,
    acked: 109,
    ackAt: 110,
    parkedAt: 111,
    owed: true,
    of: { apiVersion: "g/v1", kind: "K" },
    bookmarks: true,
    initialEnd: true,
    expired: "compact",
    compact: { to: 112 },
    named: { name: "w", epoch: 113, done: 114, saved: 115, savedAt: 116, told: true, inside: 117 },
    heardAt: 118,
    until: 119,
    writes: [{ namespaces: ["n"], resources: ["*"], verbs: ["update"] }],
    sub: "user:a",
    jti: "j",
    exp: 120,
  };
}

describe("a session as an attachment", () => {
  it("comes back as it went, after the structured clone that stores it", () => {
    const state = session();
    expect(sessionOf(structuredClone(new AttachmentWriter().of(state)))).toEqual(state);
    const empty = { ...state, snap: null, compact: null, named: null, of: null, writes: null, owed: false };
    expect(sessionOf(structuredClone(new AttachmentWriter().of(empty)))).toEqual(empty);
  });

  it.each([
    { phase: "live" as const },
    { pos: 1, part: 2, told: 3, toldAt: 4 },
    { sent: 1, acked: 2, ackAt: 3, parkedAt: 0, heardAt: 5, owed: false },
    { snap: null, compact: null },
    { named: null },
    { until: 5 },
    { exp: 1, jti: "another", writes: null },
  ])("says what has changed since the last: %o", (change) => {
    const writer = new AttachmentWriter();
    const state = session();
    writer.of(state);
    Object.assign(state, change);
    expect(sessionOf(writer.of(state))).toEqual(state);
    expect(sessionOf(writer.of(state))).toMatchObject(change);
  });

  it("has what was changed in place, too", () => {
    const writer = new AttachmentWriter();
    const state = session();
    writer.of(state);
    if (state.snap) state.snap.kind += 1;
    if (state.named) state.named.done += 1;
    expect(sessionOf(structuredClone(writer.of(state)))).toEqual(state);
  });

  const grants: SessionState["writes"] = [
    { namespaces: ["n"], resources: ["*"], verbs: ["update"], names: ["x".repeat(4_000)] },
  ];
  const long = (chars: number): string => `日${"x".repeat(chars - 1)}`;
  const bytes = (state: SessionState): number => serialize(new AttachmentWriter().of(state)).length;

  it("fits its socket at every limit, with one character beyond Latin-1 too", () => {
    const filter = { kinds: ["K.g"], label: "a".repeat(4_096), field: "" };
    const state = { ...session(), filter, sub: long(253), jti: long(100), writes: grants };
    const selecting = { ...session(), filter: { ...filter, label: "", field: long(4_096) }, writes: grants };
    for (const one of [state, selecting]) {
      expect(fitSocket(one)).toBe(true);
      expect(one.writes).toBe(grants);
      expect(bytes(one)).toBeLessThan(MAX_ATTACHMENT_BYTES);
    }
  });

  it("gives up what it may write where that is too much beside its selectors", () => {
    const filter = { kinds: ["K.g"], label: "a".repeat(4_096), field: "日".repeat(4_096) };
    const state = { ...session(), filter, writes: grants };
    expect(bytes(state)).toBeGreaterThan(MAX_ATTACHMENT_BYTES);
    expect(fitSocket(state)).toBe(true);
    expect(state.writes).toBeNull();
    expect(bytes(state)).toBeLessThan(MAX_ATTACHMENT_BYTES);
  });

  it("is known not to fit before it is kept", () => {
    const filter = { kinds: Array(2_000).fill("Kind.g"), label: "", field: "" };
    expect(fitSocket({ ...session(), filter })).toBe(false);
  });
});
