import { describe, expect, it } from "vitest";
import {
  type Frame,
  initialState,
  type MachineState,
  onClose,
  onConnecting,
  onFrame,
  type WatchEvent,
} from "../../../src/client/machine.ts";
import type { Resource } from "../../../src/resource/types.ts";

const object = (rv: number) => ({ metadata: { name: `p${rv}`, resourceVersion: String(rv) } }) as Resource;
const changes = (...rvs: number[]): NonNullable<Frame["events"]> =>
  rvs.map((rv) => ({ type: "MODIFIED" as const, object: object(rv) }));
const rvsOf = (events: WatchEvent[]) => events.flatMap((event) => ("object" in event ? [event.resourceVersion] : []));
const typesOf = (events: WatchEvent[]) => events.map(({ type }) => type);

/** Feeds frames to one connection; fails the test at a fault. */
function feed(state: MachineState, ...frames: Partial<Frame>[]): { state: MachineState; events: WatchEvent[] } {
  const events: WatchEvent[] = [];
  let current = state;
  for (const frame of frames) {
    const step = onFrame(current, { sent: 1, ...frame });
    if (!step.ok) throw new Error(step.fault);
    current = step.state;
    events.push(...step.events);
  }
  return { state: current, events };
}

function faultOf(state: MachineState, frame: Partial<Frame>): string | undefined {
  const step = onFrame(state, { sent: 1, ...frame });
  return step.ok ? undefined : step.fault;
}

describe("frames", () => {
  it("deliver their events in order, and then a place to resume from", () => {
    const { events, state } = feed(
      initialState("120"),
      { prev: "120", rv: "120", events: [] },
      { prev: "120", rv: "124", events: changes(121, 124) },
    );
    expect(typesOf(events)).toEqual(["BOOKMARK", "MODIFIED", "MODIFIED", "BOOKMARK"]);
    expect(rvsOf(events)).toEqual(["121", "124"]);
    expect(state).toMatchObject({ phase: "live", resume: "124", delivered: 124 });
  });

  it("whose prev is not the rv before are a fault, and what is known stays", () => {
    const { state } = feed(initialState("120"), { prev: "120", rv: "124", events: [] });
    expect(faultOf(state, { prev: "125", rv: "130", events: changes(130) })).toContain("prev is 125, not 124");
    expect(faultOf(initialState("120"), { prev: "119", rv: "130" })).toBeDefined();
    expect(faultOf(state, { prev: "124", rv: "123" })).toContain("below prev");
    expect(faultOf(state, { events: [] })).toContain("without rv");
    const step = onFrame(state, { sent: 1, prev: "125", rv: "130" });
    expect(step.state.resume).toBe("124");
  });

  it("that are parts of a transaction are no place to resume from, until the last", () => {
    const start = feed(initialState("10"), { prev: "10", rv: "10" }).state;
    const part = feed(start, { prev: "10", rv: "20", partial: true, events: changes(11, 12) });
    expect(typesOf(part.events)).toEqual(["MODIFIED", "MODIFIED"]);
    expect(part.state.resume).toBe("10");
    const whole = feed(part.state, { prev: "10", rv: "20", events: changes(20) });
    expect(whole.state.resume).toBe("20");
  });

  it("that come again after a cut are dropped by RV", () => {
    const part = feed(initialState("10"), { prev: "10", rv: "20", partial: true, events: changes(11, 12) }).state;
    const again = feed(
      onConnecting(part),
      { prev: "10", rv: "20", partial: true, events: changes(11, 12, 13) },
      { prev: "10", rv: "20", events: changes(20) },
    );
    expect(rvsOf(again.events)).toEqual(["13", "20"]);
  });

  it("of a connection from now fix the start by the first one", () => {
    const { state } = feed(initialState(undefined), { prev: "77", rv: "77", events: [] });
    expect(state.resume).toBe("77");
  });

  it("that were made up after a gap are all delivered, marked, and say what was lost", () => {
    const { events } = feed(initialState("10"), {
      prev: "10",
      rv: "90",
      compacted: true,
      lost: ["gitevents"],
      events: changes(5, 90),
    });
    expect(events[0]).toEqual({ type: "LOST", kinds: ["gitevents"] });
    expect(events.filter((event) => "compacted" in event)).toHaveLength(2);
  });
});

describe("a snapshot", () => {
  const page = (rvs: number[], more: Partial<Frame> = {}): Partial<Frame> => ({
    snapshot: true,
    rv: "50",
    events: rvs.map((rv) => ({ type: "ADDED" as const, object: object(rv) })),
    ...more,
  });

  it("is announced, delivered page by page, and complete at its end", () => {
    const { events, state } = feed(initialState(undefined), page([9, 3]), page([40]), page([], { end: true }), {
      prev: "50",
      rv: "51",
      events: changes(51),
    });
    expect(typesOf(events)).toEqual(["SYNCING", "ADDED", "ADDED", "ADDED", "SYNCED", "MODIFIED", "BOOKMARK"]);
    expect(state.resume).toBe("51");
  });

  it("of nothing is complete too", () => {
    const { events } = feed(initialState("0"), page([], { end: true }));
    expect(typesOf(events)).toEqual(["SYNCING", "SYNCED"]);
  });

  it("that was cut starts again, whole", () => {
    const cut = feed(initialState(undefined), page([9, 40])).state;
    expect(cut.resume).toBeUndefined();
    const { events } = feed(onConnecting(cut), page([9, 40], { end: true }));
    expect(typesOf(events)).toEqual(["SYNCING", "ADDED", "ADDED", "SYNCED"]);
  });

  it("does not turn into changes before its end", () => {
    const open = feed(initialState(undefined), page([9])).state;
    expect(faultOf(open, { prev: "50", rv: "51", events: [] })).toContain("before the end");
  });

  it("fixes what the next frame's prev must be", () => {
    const { state } = feed(initialState(undefined), page([], { end: true }));
    expect(faultOf(state, { prev: "49", rv: "51" })).toContain("not 50");
  });
});

describe("a close", () => {
  const live = feed(initialState("10"), { prev: "10", rv: "20", events: changes(20) }).state;
  const options = {
    expired: "fail" as const,
    gone: "wait" as const,
    canRenew: true,
    giveUpAfter: Number.POSITIVE_INFINITY,
  };
  const closeWith = (code: number, reason = "", state = live, more: object = {}) =>
    onClose(state, { code, reason }, { ...options, ...more });

  it.each([1000, 1001, 1006, 1011, 1012, 4429, 4999])("%i is healed at once, from the last resume point", (code) => {
    const { next, state } = closeWith(code);
    expect(next).toMatchObject({ do: "connect", minMs: 0, maxMs: 0 });
    expect(state.resume).toBe("20");
  });

  it.each([
    [4400, 400],
    [4403, 403],
    [4408, 409],
    [4410, 410],
  ])("%i stops the watch", (code, status) => {
    const { next } = closeWith(code);
    expect(next.do).toBe("stop");
    expect(next.do === "stop" && next.error.status.code).toBe(status);
  });

  it("4401 asks for another token, where one can be had", () => {
    expect(closeWith(4401).next.do).toBe("renew");
    expect(closeWith(4401, "", live, { canRenew: false }).next.do).toBe("stop");
    expect(closeWith(4401, "", { ...live, failures: 3 }).next.do).toBe("stop");
  });

  it("4404 waits half a minute and more", () => {
    expect(closeWith(4404).next).toMatchObject({ do: "connect", minMs: 30_000 });
    const { next } = closeWith(4404, "", live, { gone: "fail" });
    expect(next.do === "stop" && next.error.status.code).toBe(404);
  });

  it("4410 starts again from the present state where that is wanted", () => {
    const { next, state } = closeWith(4410, "", live, { expired: "restart" });
    expect(next.do).toBe("connect");
    expect(state).toMatchObject({ resume: undefined, delivered: 0 });
  });

  it("4503 comes back when the reason says", () => {
    expect(closeWith(4503, "retryAfterMs=1500").next).toMatchObject({ do: "connect", minMs: 1_500 });
    expect(closeWith(4503, "draining").next).toMatchObject({ do: "connect", minMs: 0 });
  });

  it("after close waits longer, from 100 ms to 30 s, until a frame comes", () => {
    let state: MachineState = live;
    const bounds: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const closed = onClose(onConnecting(state), { code: 1006, reason: "" }, options);
      state = closed.state;
      if (closed.next.do === "connect") bounds.push(closed.next.maxMs);
    }
    expect(bounds.slice(0, 5)).toEqual([0, 100, 200, 400, 800]);
    expect(bounds.at(-1)).toBe(30_000);
    expect(feed(onConnecting(state), { prev: "20", rv: "20" }).state.failures).toBe(0);
  });

  it("is final after as many in a row as were allowed", () => {
    expect(closeWith(1006, "", { ...live, failures: 1 }, { giveUpAfter: 2 }).next.do).toBe("connect");
    expect(closeWith(1006, "", { ...live, failures: 2 }, { giveUpAfter: 2 }).next.do).toBe("stop");
  });

  it("tells what the server said before it", () => {
    const told = feed(live, { error: { code: 403, reason: "Forbidden", message: "not yours" } }).state;
    const { next } = closeWith(4403, "x", told);
    expect(next.do === "stop" && next.error.message).toBe("not yours");
  });
});

describe("a named watcher", () => {
  it("is told that it stands by, and then that it works, from where the server has its position", () => {
    const waiting = feed(initialState(undefined), { standby: true, head: "130" });
    expect(waiting.events).toEqual([{ type: "STANDBY" }]);
    expect(waiting.state).toMatchObject({ phase: "opening", head: 130 });
    const { events, state } = feed(
      waiting.state,
      { epoch: 3, prev: "120", rv: "120" },
      { prev: "120", rv: "124", events: changes(124) },
    );
    expect(typesOf(events)).toEqual(["ACTIVE", "BOOKMARK", "MODIFIED", "BOOKMARK"]);
    expect(state).toMatchObject({ epoch: 3, resume: "124" });
  });

  it("drops what this process had before a take-over moved it back, and keeps the chain of the new connection", () => {
    const before = feed(initialState("100"), { prev: "100", rv: "110", events: changes(105, 110) }).state;
    const { events, state } = feed(
      onConnecting(before),
      { epoch: 2, prev: "104", rv: "104" },
      { prev: "104", rv: "112", events: changes(105, 110, 112) },
    );
    expect(rvsOf(events.filter((event) => "object" in event))).toEqual(["112"]);
    expect(state.chain).toBe("112");
  });
});
