import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Item, LedgerStream, type StreamStart, WINDOW_BYTES } from "../../../src/graphql/subscriptions/stream.ts";

/** The ledger's end of one connection. */
class Ledger extends EventTarget {
  readonly sent: string[] = [];
  isClosed = false;
  accept(): void {}
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.isClosed = true;
  }
  tell(head: object, ...events: [type: string, name: string, rv: number][]): void {
    const lines = events.map(([type, name, rv]) =>
      JSON.stringify({ type, object: { kind: "Product", metadata: { name, resourceVersion: String(rv) } } }),
    );
    const data = [JSON.stringify(head), ...lines].join("\n");
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }
  cut(): void {
    this.dispatchEvent(new Event("close"));
  }
}

const settled = () => vi.advanceTimersByTimeAsync(0);

/** A stream whose connections the test makes itself; one that is undefined cannot be reached. */
async function stream(start: StreamStart, options: { patient?: boolean; maxReplay?: number } = {}) {
  const dials: StreamStart[] = [];
  const ledgers: Ledger[] = [];
  const waits: number[] = [];
  const reach = { able: true };
  let wakes = 0;
  const made = new LedgerStream(
    start,
    {
      dial: async (from) => {
        dials.push(from);
        if (!reach.able) throw new Error("unreachable");
        const ledger = new Ledger();
        ledgers.push(ledger);
        return ledger as unknown as WebSocket;
      },
      wake: () => {
        wakes += 1;
      },
      wait: async (ms) => {
        waits.push(ms);
      },
      random: () => 0.5,
    },
    options,
  );
  await settled();
  const last = (): Ledger => ledgers.at(-1) as Ledger;
  return { stream: made, dials, ledgers, waits, reach, last, wakes: () => wakes };
}

function all(of: LedgerStream): Item[] {
  const items: Item[] = [];
  for (let item = of.take(); item; item = of.take()) items.push(item);
  return items;
}

const told = (of: LedgerStream): string[] =>
  all(of).map((item) =>
    item.is === "event"
      ? `${item.type} ${item.object.metadata.name} ${item.rv}`
      : item.is === "mark"
        ? `${item.start ? "start" : "mark"} ${item.rv}`
        : `over ${item.status.code}`,
  );

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a ledger's watch, read by a subscription", () => {
  it("is pulled item by item, with the place to resume from after each", async () => {
    const { stream: made, last } = await stream({ from: "rv", rv: 4 });
    last().tell({ sent: 1, prev: "4", rv: "4", head: "9" });
    last().tell({ sent: 2, prev: "4", rv: "9", head: "9" }, ["ADDED", "a", 5], ["DELETED", "a", 9]);
    expect(made.synced).toBe(false);
    expect(told(made)).toEqual(["start 4", "ADDED a 5", "DELETED a 9"]);
    expect(made.synced).toBe(true);
    expect(made.queued).toBe(0);
  });

  it("ends an initial state with its last object, before which no RV is a place to resume", async () => {
    const { stream: made, last } = await stream({ from: "state" });
    last().tell({ sent: 1, snapshot: true, rv: "7", head: "7" }, ["ADDED", "a", 3]);
    last().tell({ sent: 2, snapshot: true, end: true, rv: "7", head: "7" }, ["ADDED", "b", 2]);
    expect(all(made).map((item) => item.is === "event" && [item.initial, item.last, item.rv])).toEqual([
      [true, false, "7"],
      [true, true, "7"],
    ]);
  });

  it("goes on after a cut at what was taken, so that nothing is missing and nothing comes twice", async () => {
    const { stream: made, last, dials, waits } = await stream({ from: "rv", rv: 4 });
    last().tell({ sent: 1, prev: "4", rv: "6" }, ["ADDED", "a", 5], ["ADDED", "b", 6]);
    last().tell({ sent: 2, prev: "6", rv: "8" }, ["ADDED", "c", 8]);
    expect(made.take()).toMatchObject({ object: { metadata: { name: "a" } } });
    last().cut();
    await settled();
    expect(dials).toEqual([
      { from: "rv", rv: 4 },
      { from: "rv", rv: 5 },
    ]);
    expect(waits).toEqual([100]);
    last().tell({ sent: 1, prev: "5", rv: "8" }, ["ADDED", "b", 6], ["ADDED", "c", 8]);
    expect(told(made)).toEqual(["ADDED b 6", "ADDED c 8"]);
  });

  it("does not go on after half an initial state: another one would not say what is gone since", async () => {
    const { stream: made, last, dials } = await stream({ from: "state" });
    last().tell({ sent: 1, snapshot: true, rv: "7" }, ["ADDED", "a", 3]);
    expect(told(made)).toEqual(["ADDED a 7"]);
    last().cut();
    await settled();
    expect(told(made)).toEqual(["over 0"]);
    expect(dials).toHaveLength(1);
  });

  it("gives up after six connections that gave nothing, with growing pauses between, and says so once", async () => {
    const { stream: made, dials, waits, reach, last } = await stream({ from: "rv", rv: 4 });
    reach.able = false;
    last().cut();
    await settled();
    expect(dials).toHaveLength(7);
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200]);
    expect(told(made)).toEqual(["over 503"]);
    expect(told(made)).toEqual([]);
  });

  it.each([
    [410, false],
    [401, false],
    [404, false],
    [429, false],
  ])("ends with the ledger's own word %i", async (code, patient) => {
    const { stream: made, last, dials } = await stream({ from: "rv", rv: 4 }, { patient });
    last().tell({ sent: 1, error: { code, message: "no" } });
    last().cut();
    await settled();
    expect(told(made)).toEqual([`over ${code}`]);
    expect(dials).toHaveLength(1);
  });

  it("waits for a namespace that is known to be there, and only being opened", async () => {
    const { stream: made, last, ledgers } = await stream({ from: "state" }, { patient: true });
    last().tell({ sent: 1, error: { code: 404, message: "not yet" } });
    last().cut();
    await settled();
    expect(ledgers).toHaveLength(2);
    last().tell({ sent: 1, snapshot: true, end: true, rv: "1", head: "1" });
    expect(told(made)).toEqual(["mark 1"]);
  });

  it("acknowledges what was taken: at a quarter of the window, at the latest after 5 s, and nothing before", async () => {
    const { stream: made, last } = await stream({ from: "rv", rv: 4 });
    last().tell({ sent: WINDOW_BYTES / 4, prev: "4", rv: "5" }, ["ADDED", "a", 5]);
    expect(last().sent).toEqual([]);
    expect(made.queued).toBeGreaterThan(0);
    told(made);
    expect(last().sent).toEqual([`{"ack":${WINDOW_BYTES / 4}}`]);
    last().tell({ sent: WINDOW_BYTES / 4 + 100, prev: "5", rv: "6" }, ["ADDED", "b", 6]);
    told(made);
    expect(last().sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(last().sent).toEqual([`{"ack":${WINDOW_BYTES / 4}}`, `{"ack":${WINDOW_BYTES / 4 + 100}}`]);
  });

  it("is over where more happened since its start than is replayed, and says nothing else", async () => {
    const { stream: made, last } = await stream({ from: "rv", rv: 4 }, { maxReplay: 3 });
    last().tell({ sent: 1, prev: "4", rv: "4", head: "8" });
    last().tell({ sent: 2, prev: "4", rv: "8", head: "8" }, ["ADDED", "a", 5]);
    expect(told(made)).toEqual(["over 410"]);
    expect(last().isClosed).toBe(true);
  });

  it("counts no events in the 10^9 RVs that a restore skips, and judges the start alone", async () => {
    const { stream: made, last } = await stream({ from: "rv", rv: 4 }, { maxReplay: 3 });
    last().tell({ sent: 1, prev: "4", rv: "4", head: "1000000006" });
    last().tell({ sent: 2, prev: "4", rv: "1000000020", head: "1000000040" }, ["ADDED", "a", 1_000_000_020]);
    expect(told(made)).toEqual(["start 4", "ADDED a 1000000020"]);
  });

  it("that is closed closes its connection, one that is being made too, and gives nothing any more", async () => {
    const open = await stream({ from: "rv", rv: 4 });
    open.last().tell({ sent: 1, prev: "4", rv: "5" }, ["ADDED", "a", 5]);
    open.stream.close();
    expect(told(open.stream)).toEqual([]);
    expect(open.last().isClosed).toBe(true);
    const late = new Ledger();
    let answer: (socket: WebSocket) => void = () => undefined;
    const host = { wake: () => undefined, wait: async () => undefined, random: () => 0 };
    const dialling = new LedgerStream({ from: "now" }, { ...host, dial: () => new Promise((done) => (answer = done)) });
    dialling.close();
    answer(late as unknown as WebSocket);
    await settled();
    expect(late.isClosed).toBe(true);
  });
});
