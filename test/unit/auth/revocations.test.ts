import { describe, expect, it, vi } from "vitest";
import {
  CachedRevocations,
  COPY_MAX_AGE_MS,
  type Revocation,
  type RevocationStore,
} from "../../../src/auth/revocations.ts";

function setup(initial: Revocation[] = []) {
  const state = { now: 1_000_000, list: initial, loads: 0, fail: false };
  const store: RevocationStore = {
    load: async () => {
      state.loads += 1;
      if (state.fail) throw new Error("D1_ERROR: stalled");
      return state.list;
    },
  };
  return { state, list: new CachedRevocations(store, () => state.now) };
}

describe("the list of revocations", () => {
  it("refuses a revoked id and a revoked subject, and nobody else", async () => {
    const { list } = setup([
      { kind: "jti", value: "t-1", until: 2_000_000 },
      { kind: "sub", value: "user:mallory", until: 2_000_000 },
    ]);
    expect(await list.revoked("t-1", "user:alice")).toBe(true);
    expect(await list.revoked("t-2", "user:mallory")).toBe(true);
    expect(await list.revoked(undefined, "user:mallory")).toBe(true);
    expect(await list.revoked("t-2", "user:alice")).toBe(false);
    expect(await list.revoked("user:mallory", "t-1")).toBe(false);
  });

  it("asks D1 once in thirty seconds, and sees what was added by then", async () => {
    const { list, state } = setup();
    expect(await list.revoked("t-1", "user:alice")).toBe(false);
    state.list = [{ kind: "jti", value: "t-1", until: 9_000_000 }];
    state.now += COPY_MAX_AGE_MS;
    expect(await list.revoked("t-1", "user:alice")).toBe(false);
    expect(state.loads).toBe(1);
    state.now += 1;
    expect(await list.revoked("t-1", "user:alice")).toBe(true);
  });

  it("never judges by a copy that is older than it may be, however many requests arrive together", async () => {
    const { list, state } = setup();
    await list.revoked("t-1", "user:alice");
    state.list = [{ kind: "jti", value: "t-1", until: 9_000_000 }];
    state.now += 600_000;
    expect(await Promise.all([list.revoked("t-1", "a"), list.revoked("t-1", "a")])).toEqual([true, true]);
  });

  it("keeps the last list while D1 fails, says so, and does not ask again at every request", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { list, state } = setup([{ kind: "sub", value: "user:mallory", until: 9_000_000 }]);
    await list.revoked("t", "user:mallory");
    state.fail = true;
    state.now += 60_000;
    expect(await list.revoked("t", "user:mallory")).toBe(true);
    expect(await list.revoked("t", "user:alice")).toBe(false);
    expect(state.loads).toBe(2);
    expect(errors).toHaveBeenCalledTimes(1);
    state.now += 10_000;
    state.fail = false;
    await list.revoked("t", "user:alice");
    expect(state.loads).toBe(3);
    errors.mockRestore();
  });

  it("is in force at once in the isolate that revoked, and over when its time is", async () => {
    const { list, state } = setup();
    await list.revoked("t", "user:alice");
    list.add({ kind: "sub", value: "user:alice", until: state.now + 1_000 });
    expect(await list.revoked("t", "user:alice")).toBe(true);
    state.now += 1_000;
    expect(await list.revoked("t", "user:alice")).toBe(false);
  });
});
