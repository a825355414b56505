import { describe, expect, it } from "vitest";
import { converged } from "../../robustness/checks/converged.ts";
import { checkAll, findings } from "../../robustness/checks/index.ts";
import { windowWhole } from "../../robustness/checks/window.ts";
import type { Connection, History, Listing, Received, RecordedEvent } from "../../robustness/history.ts";
import { type Change, LogModel, withVersion } from "../../robustness/model.ts";
import { EVERYTHING } from "../../robustness/selection.ts";
import { applied, EVEN, historyOf, next, PRODUCT, product, randomLog, serve, tamper, withReceived } from "./support.ts";

const log = randomLog(7, 20);
const eventsOf = (connection: Connection): RecordedEvent[] =>
  connection.received.flatMap((record) =>
    record.what === "frame" ? record.events : record.what === "event" ? [record.event] : [],
  );
/** The names of the checks that find something. */
const caughtBy = (history: History, model: LogModel = log): string[] =>
  findings(history, model).flatMap(([name, found]) => (found.length > 0 ? [name] : []));
const list = (rv: number, change: Partial<Listing> = {}): Listing => ({
  id: 1,
  called: next(),
  returned: next(),
  selection: EVEN,
  outcome: { known: "listed", rv, pages: 1, items: [...log.state(rv, EVEN).values()].map(({ object }) => object) },
  ...change,
});

describe("a good history", () => {
  it("passes every check: 200 random logs, each transport, each start, each selection", () => {
    let events = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const model = randomLog(seed);
      const middle = 2 + (seed % (model.head - 2));
      const connections = (["frames", "lines"] as const).flatMap((transport) =>
        [EVERYTHING, EVEN].flatMap((selection) => [
          serve(model, { transport, selection, client: `${transport} beginning` }),
          serve(model, { transport, selection, start: { from: "rv", rv: middle }, client: "middle" }),
          serve(model, { transport, selection, start: { from: "state" }, client: "state" }),
        ]),
      );
      const history = historyOf(
        ...connections.map((connection, id) => ({ ...connection, id, client: `c${id}`, opened: 0 })),
      );
      expect(checkAll(history, model), `seed ${seed}`).toEqual([]);
      expect(converged(history, model), `seed ${seed}`).toEqual([]);
      events += connections.reduce((sum, connection) => sum + eventsOf(connection).length, 0);
    }
    expect(events).toBeGreaterThan(20_000);
  });

  it("may end anywhere, and its client may resume inside a transaction with the rest of it", () => {
    const split = log.changes.find((change) => !change.ends);
    const rv = split?.rv ?? 0;
    expect(rv).toBeGreaterThan(1);
    const resumed = serve(log, { start: { from: "rv", rv } });
    expect(caughtBy(historyOf(serve(log, { upTo: log.head - 10 }), { ...resumed, id: 2 }))).toEqual([]);
  });
});

describe("a seeded bug is caught by the check of its promise", () => {
  const whole = serve(log);
  const lines = serve(log, { transport: "lines" });
  const even = serve(log, { selection: EVEN });

  it("Ordered: two events swapped", () => {
    const swap = (records: Received[]): Received[] => {
      const at = records.findIndex((record) => record.what === "event");
      const [a, b] = records.slice(at, at + 2);
      return a && b ? [...records.slice(0, at), b, a, ...records.slice(at + 2)] : records;
    };
    expect(caughtBy(historyOf(withReceived(lines, swap)))).toContain("ordered");
  });

  it("Unique: an event twice", () => {
    for (const connection of [whole, lines])
      expect(caughtBy(historyOf(tamper(connection, 3, (event) => [event, event])))).toContain("unique");
  });

  it("Unique: an object twice in an initial state", () => {
    const state = serve(log, { start: { from: "state" } });
    expect(caughtBy(historyOf(tamper(state, 0, (event) => [event, event])))).toContain("unique");
  });

  it("Atomic: a transaction split at a resume point", () => {
    const split = (records: Received[]): Received[] =>
      records.flatMap((record) => {
        if (record.what !== "frame" || record.events.length < 2) return [record];
        const first = record.events.slice(0, 1);
        const rv = first[0]?.rv ?? 0;
        return [
          { ...record, rv, events: first },
          { ...record, prev: rv, events: record.events.slice(1) },
        ];
      });
    expect(caughtBy(historyOf(withReceived(whole, split)))).toContain("atomic");
  });

  it("Atomic: a small transaction told in partial frames, and partial frames that are not one transaction's", () => {
    const partial = (change: (prev: number) => number) => (records: Received[]) =>
      records.flatMap((record) => {
        if (record.what !== "frame" || record.events.length < 2) return [record];
        return [
          { ...record, partial: true, events: record.events.slice(0, 1) },
          { ...record, prev: change(record.prev ?? 0), events: record.events.slice(1) },
        ];
      });
    expect(
      caughtBy(
        historyOf(
          withReceived(
            whole,
            partial((prev) => prev),
          ),
        ),
      ),
    ).toContain("atomic");
    expect(
      caughtBy(
        historyOf(
          withReceived(
            whole,
            partial((prev) => prev + 1),
          ),
        ),
      ),
    ).toContain("atomic");
  });

  it("Reliable: an event dropped, of each type and on each transport", () => {
    for (const connection of [whole, lines, even]) {
      const events = eventsOf(connection);
      for (const type of ["ADDED", "MODIFIED", "DELETED"]) {
        const index = events.findIndex((event, i) => event.type === type && i > 0);
        expect(index, `${type} on ${connection.transport}`).toBeGreaterThan(0);
        expect(caughtBy(historyOf(tamper(connection, index, () => [])))).toContain("reliable");
      }
    }
  });

  it("Reliable: an event with another version's object", () => {
    const changed = tamper(whole, 4, (event) => [{ ...event, object: { ...event.object, body: "another" } }]);
    expect(eventsOf(whole)[4]?.type).not.toBe("DELETED");
    expect(caughtBy(historyOf(changed))).toContain("reliable");
  });

  it("Resumable: the event at the RV again, the one after it left out, and 410 inside the window", () => {
    for (const transport of ["frames", "lines"] as const) {
      const rv = log.transaction(20)?.to ?? 0;
      const resumed = serve(log, { start: { from: "rv", rv }, transport });
      const again = log.event(log.at(rv) as Change, EVERYTHING) as RecordedEvent;
      expect(caughtBy(historyOf(tamper(resumed, 0, (event) => [again, event])))).toContain("resumable");
      expect(caughtBy(historyOf(tamper(resumed, 0, () => [])))).toContain("resumable");
      const received: Received[] = [
        { what: "error", order: next(), code: 410, reason: "Expired", causes: [], message: "too old" },
      ];
      expect(caughtBy(historyOf({ ...resumed, received }))).toEqual(["resumable"]);
      const pruned = new LogModel(log.changes, { floor: rv + 1 });
      expect(caughtBy(historyOf({ ...resumed, received }), pruned)).toEqual([]);
    }
  });

  it("Bookmarkable: a bookmark too far, one that goes back, and an event at or below one", () => {
    const bookmark = (rv: number): Received => ({ what: "bookmark", order: next(), rv, initialEnd: false });
    const at = (records: Received[], index: number, record: Received): Received[] => [
      ...records.slice(0, index),
      record,
      ...records.slice(index),
    ];
    const early = withReceived(lines, (records) => at(records, 3, bookmark(log.head)));
    expect(caughtBy(historyOf(early))).toContain("bookmarkable");
    const behind = withReceived(lines, (records) => at(records, 9, bookmark(4)));
    expect(caughtBy(historyOf(behind))).toContain("bookmarkable");
    const beyond = withReceived(lines, (records) => [...records, bookmark(log.head + 1)]);
    expect(caughtBy(historyOf(beyond))).toContain("bookmarkable");
    const covered = withReceived(whole, (records) =>
      records.map((record, i) => (record.what === "frame" && i === 2 ? { ...record, rv: log.head } : record)),
    );
    expect(caughtBy(historyOf(covered))).toContain("bookmarkable");
  });

  it("Bookmarkable and Reliable: a bookmark that covers an event which never came", () => {
    const cut = withReceived(lines, (records) => records.filter((record, i) => i < 5 || record.what === "bookmark"));
    expect(caughtBy(historyOf(cut))).toContain("reliable");
  });

  it("Filterable: an event that does not match, and one of a kind that was not asked for", () => {
    const stranger = log.changes.find((change) => log.event(change, EVEN) === undefined) as Change;
    const told: RecordedEvent = { type: "MODIFIED", rv: stranger.rv, key: stranger.key, object: stranger.object };
    const index = eventsOf(even).findIndex(({ rv }) => rv > stranger.rv);
    expect(caughtBy(historyOf(tamper(even, index, (event) => [told, event])))).toContain("filterable");
    const other = { ...whole, selection: { ...EVERYTHING, kinds: ["Channel.release.gitstore.dev"] } };
    expect(caughtBy(historyOf(other))).toContain("filterable");
    const state = serve(log, { start: { from: "state" } });
    expect(caughtBy(historyOf({ ...state, selection: EVEN }))).toContain("filterable");
  });

  it("Transitions: each wrong type for entering, changing and leaving", () => {
    for (const [right, wrong] of [
      ["ADDED", "MODIFIED"],
      ["MODIFIED", "ADDED"],
      ["DELETED", "MODIFIED"],
    ] as const) {
      const index = eventsOf(even).findIndex((event) => event.type === right);
      const changed = tamper(even, index, (event) => [{ ...event, type: wrong }]);
      expect(caughtBy(historyOf(changed)), `${right} as ${wrong}`).toContain("transitions");
    }
  });

  it("Transitions: leaving with the new object, and a deletion with the old RV", () => {
    const leaves = eventsOf(even).findIndex(({ type, rv }) => type === "DELETED" && log.at(rv)?.type === "MODIFIED");
    expect(leaves).toBeGreaterThan(-1);
    const changed = tamper(even, leaves, (event) => [{ ...event, object: (log.at(event.rv) as Change).object }]);
    expect(caughtBy(historyOf(changed))).toContain("transitions");
    const deletion = eventsOf(whole).findIndex(({ type }) => type === "DELETED");
    const old = tamper(whole, deletion, (event) => [{ ...event, object: withVersion(event.object, event.rv - 1) }]);
    expect(caughtBy(historyOf(old))).toContain("transitions");
  });

  it("Durable: an event that was sent and never came to be, and an RV that became something else", () => {
    const rv = log.head + 1;
    const lost: RecordedEvent = {
      type: "ADDED",
      rv,
      key: `${PRODUCT}/lost`,
      object: product("lost", rv, "odd", "lost"),
    };
    const sent = withReceived(lines, (records) => [
      ...records.slice(0, -1),
      { what: "event", order: next(), event: lost },
    ]);
    expect(caughtBy(historyOf(sent))).toContain("durable");
    const other = tamper(whole, 2, (event) => [{ ...event, key: `${PRODUCT}/other` }]);
    expect(caughtBy(historyOf(other))).toContain("durable");
    const ahead = withReceived(whole, (records) =>
      records.map((record) => (record.what === "frame" ? { ...record, head: rv } : record)),
    );
    expect(caughtBy(historyOf(ahead))).toContain("durable");
  });

  it("Durable: an acknowledged write that is lost, a refused one that is there, and one that happened in part", () => {
    const put = (rv: number): { does: "put"; key: string; mark: string } => {
      const change = log.at(rv) as Change;
      return { does: "put", key: change.key, mark: `mark-${rv}` };
    };
    const there = log.changes.filter(({ type, ends }) => type !== "DELETED" && !ends)[0]?.rv ?? 0;
    const nowhere = { does: "put", key: `${PRODUCT}/p1`, mark: "nowhere" } as const;
    const history = (write: History["writes"][number]): History => ({ connections: [], writes: [write], listings: [] });
    const known = (
      outcome: History["writes"][number]["outcome"],
      effects: History["writes"][number]["effects"],
    ): History => history({ id: 1, called: next(), returned: next(), effects, outcome });
    expect(caughtBy(history(applied(1, there, [put(there)])))).toEqual([]);
    expect(caughtBy(history(applied(1, there, [nowhere])))).toEqual(["durable"]);
    expect(caughtBy(known({ known: "refused", why: "conflict" }, [put(there)]))).toEqual(["durable"]);
    expect(caughtBy(known({ known: "refused", why: "conflict" }, [nowhere]))).toEqual([]);
    expect(caughtBy(known({ known: "unknown", why: "1006" }, [put(there)]))).toEqual([]);
    expect(caughtBy(known({ known: "unknown", why: "1006" }, [nowhere]))).toEqual([]);
    expect(caughtBy(known({ known: "unknown", why: "1006" }, [put(there), nowhere]))).toEqual(["durable"]);
    const far = log.changes.filter(({ type, rv }) => type !== "DELETED" && rv > there + 8)[0]?.rv ?? 0;
    expect(caughtBy(known({ known: "unknown", why: "1006" }, [put(there), put(far)]))).toEqual(["durable"]);
  });

  it("Durable: a write whose deletion did not happen with it", () => {
    const model = new LogModel([
      { rv: 2, type: "ADDED", key: `${PRODUCT}/a`, object: product("a", 2, "odd", "m2"), ends: true },
      { rv: 3, type: "ADDED", key: `${PRODUCT}/b`, object: product("b", 3, "odd", "m3"), ends: true },
    ]);
    const write = applied(1, 3, [
      { does: "put", key: `${PRODUCT}/b`, mark: "m3" },
      { does: "delete", key: `${PRODUCT}/a` },
    ]);
    expect(caughtBy({ connections: [], writes: [write], listings: [] }, model)).toEqual(["durable"]);
  });

  it("Monotonic: a head that goes back, and a newer answer with an older RV", () => {
    const back = withReceived(whole, (records) =>
      records.map((record, i) => (record.what === "frame" && i === 4 ? { ...record, head: record.head - 3 } : record)),
    );
    expect(caughtBy(historyOf(back))).toContain("monotonic");
    const write = applied(1, log.head, []);
    expect(caughtBy({ connections: [], writes: [write, applied(2, log.head - 1, [])], listings: [] })).toEqual([
      "monotonic",
    ]);
    expect(caughtBy({ connections: [], writes: [write], listings: [list(log.head - 1)] })).toEqual(["monotonic"]);
    expect(caughtBy({ connections: [], writes: [write], listings: [list(log.head)] })).toEqual([]);
    const late = serve(log, { start: { from: "now" }, upTo: log.transaction(10)?.to ?? 0 });
    expect(caughtBy({ connections: [late], writes: [write], listings: [] })).toContain("monotonic");
    expect(caughtBy({ connections: [], writes: [applied(1, log.head + 1, [])], listings: [] })).toContain("monotonic");
  });

  it("Consistent: a list that mixes two states, and an initial state with an object of another RV", () => {
    const items = [...log.state(log.head, EVEN).values()].map(({ object }) => object);
    const mixed = list(log.head, {
      outcome: { known: "listed", rv: log.head, pages: 2, items: [...items.slice(1), product("p99", 3, "even", "m")] },
    });
    const history = (listing: Listing): History => ({ connections: [], writes: [], listings: [listing] });
    expect(caughtBy(history(mixed))).toEqual(["consistent"]);
    expect(caughtBy(history(list(10)))).toEqual([]);
    expect(caughtBy(history(list(10, { at: 11 })))).toEqual(["consistent"]);
    const state = serve(log, { start: { from: "state" } });
    const stale = tamper(state, 0, (event) => [{ ...event, object: { ...event.object, body: "older" } }]);
    expect(caughtBy(historyOf(stale))).toContain("consistent");
    expect(caughtBy(historyOf(tamper(state, 0, () => [])))).toContain("consistent");
  });

  it("Chained: a frame lost with its prev, a wrong sent, and an event outside of its frame", () => {
    const lost = withReceived(whole, (records) => records.filter((_, i) => i !== 3));
    expect(caughtBy(historyOf(lost))).toContain("chained");
    const miscounted = withReceived(whole, (records) =>
      records.map((record, i) => (record.what === "frame" && i === 3 ? { ...record, sent: record.sent + 1 } : record)),
    );
    expect(caughtBy(historyOf(miscounted))).toContain("chained");
    const outside = withReceived(whole, (records) =>
      records.map((record, i) => (record.what === "frame" && i === 3 ? { ...record, rv: record.rv - 1 } : record)),
    );
    expect(caughtBy(historyOf(outside))).toContain("chained");
  });

  it("WellFormed: a hole, a change of what is not there, and a deletion with another object", () => {
    const at = (rv: number, change: Partial<Change>): LogModel =>
      new LogModel(log.changes.map((each) => (each.rv === rv ? { ...each, ...change } : each)));
    const modified = log.changes.find(({ type }) => type === "MODIFIED") as Change;
    const deleted = log.changes.find(({ type }) => type === "DELETED") as Change;
    const none = historyOf();
    expect(caughtBy(none, new LogModel(log.changes.filter(({ rv }) => rv !== 9)))).toContain("wellFormed");
    expect(caughtBy(none, at(modified.rv, { type: "ADDED" }))).toEqual(["wellFormed"]);
    expect(caughtBy(none, at(deleted.rv, { object: { ...deleted.object, body: "other" } }))).toEqual(["wellFormed"]);
    expect(caughtBy(none, at(5, { object: product("p1", 4, "odd", "m") }))).toContain("wellFormed");
    const gap = log.changes.map((change) =>
      change.rv < 9 ? change : { ...change, rv: change.rv + 100, object: withVersion(change.object, change.rv + 100) },
    );
    expect(caughtBy(none, new LogModel(gap))).toEqual(["wellFormed"]);
    expect(caughtBy(none, new LogModel(gap, { skipped: [{ from: 9, to: 108 }] }))).toEqual([]);
  });

  it("Converged: a client whose cache is behind, and one that keeps what is gone", () => {
    expect(converged(historyOf(whole), log)).toEqual([]);
    const behind = serve(log, { upTo: log.transaction(12)?.to ?? 0 });
    expect(converged(historyOf(behind), log)).not.toEqual([]);
    const rest = {
      ...serve(log, { start: { from: "rv", rv: behind.received.length > 0 ? (log.transaction(12)?.to ?? 0) : 0 } }),
      id: 2,
    };
    expect(converged(historyOf(behind, rest), log)).toEqual([]);
    const deletion = eventsOf(whole).findLastIndex(({ type }) => type === "DELETED");
    expect(converged(historyOf(tamper(whole, deletion, () => [])), log)).not.toEqual([]);
  });

  it("Window: a row that D1 lacks, has twice, or has otherwise", () => {
    const rows = log.changes;
    expect(windowWhole(rows, rows, log)).toEqual([]);
    expect(windowWhole(rows.slice(1), [], log)).toHaveLength(1);
    expect(windowWhole([...rows, ...rows.slice(0, 1)], [], log)).toHaveLength(1);
    const other = rows.map((row) => (row.rv === 5 ? { ...row, object: { ...row.object, body: "other" } } : row));
    expect(windowWhole(other, rows, log)).toHaveLength(1);
    const ends = rows.map((row) => (row.rv === 5 ? { ...row, ends: !row.ends } : row));
    expect(windowWhole(ends, rows, log)).toHaveLength(1);
  });

  it("says which promise, which client and which RV", () => {
    const [violation] = checkAll(historyOf(tamper(even, 1, () => [])), log);
    expect(violation).toMatchObject({ promise: expect.stringContaining("Reliable"), rv: eventsOf(even)[1]?.rv });
    expect(violation?.message).toMatch(/^client \(connection 1, frames, from RV 1\): /);
  });
});
