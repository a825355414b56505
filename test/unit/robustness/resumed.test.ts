/** Resuming beyond the log: compacted ranges, named watchers, and how a watch ends. */
import { describe, expect, it } from "vitest";
import { converged } from "../../robustness/checks/converged.ts";
import { checkAll, findings } from "../../robustness/checks/index.ts";
import type { Connection, History, Received, RecordedEvent, Start } from "../../robustness/history.ts";
import { LogModel, withVersion } from "../../robustness/model.ts";
import { EVERYTHING, GIT_EVENT, type Selection } from "../../robustness/selection.ts";
import { EVEN, historyOf, next, randomLog, serve, tamper, withReceived } from "./support.ts";

const log = randomLog(7, 20);
const middle = log.transaction(12)?.to ?? 0;
const later = log.transaction(24)?.to ?? 0;
const caughtBy = (history: History, model: LogModel = log): string[] =>
  findings(history, model).flatMap(([name, found]) => (found.length > 0 ? [name] : []));

type Frame = Extract<Received, { what: "frame" }>;
const frame = (frames: readonly Frame[], change: Partial<Frame>): Frame => ({
  what: "frame",
  order: next(),
  bytes: 100,
  sent: (frames.at(-1)?.sent ?? 0) + 100,
  prev: frames.at(-1)?.rv,
  rv: 1,
  head: log.head,
  snapshot: false,
  partial: false,
  end: false,
  compacted: false,
  lost: [],
  events: [],
  ...change,
});

/** What became of (after, to], in RV order: an object that is gone or left is DELETED, with metadata only. */
function became(model: LogModel, after: number, to: number, selection: Selection): RecordedEvent[] {
  const now = model.state(to, selection);
  const newest = new Map(model.between(after, to).map((change) => [change.key, change]));
  return [...newest.values()]
    .map((change): RecordedEvent => {
      const { rv, key } = change;
      const so = now.get(key);
      return so
        ? { type: "MODIFIED", rv: so.rv, key, object: so.object }
        : { type: "DELETED", rv, key, object: withVersion(change.object, rv) };
    })
    .sort((a, b) => a.rv - b.rv);
}

/** A watch from `after`, where the log begins no longer: (after, to] made up, the rest told. */
function compactedWatch(
  after: number,
  to: number,
  selection: Selection = EVERYTHING,
  model: LogModel = log,
): Connection {
  const rest = serve(model, { selection, start: { from: "rv", rv: to } });
  const events = became(model, after, to, selection);
  const half = events.length >> 1;
  const frames: Frame[] = [];
  const add = (change: Partial<Frame>): number => frames.push(frame(frames, change));
  add({ prev: after, rv: after });
  add({ prev: after, rv: events[half - 1]?.rv ?? after, events: events.slice(0, half), compacted: true });
  add({ rv: to, events: events.slice(half), compacted: true });
  for (const record of rest.received.slice(1)) {
    if (record.what !== "frame") continue;
    const { rv, events: told, prev } = record;
    add({ rv, events: told, prev });
  }
  return { ...rest, expired: "compact", start: { from: "rv", rv: after }, received: frames };
}

describe("a compacted range", () => {
  it("passes every check when it is as the contract says, and leaves its client with the log's state: 100 logs", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const model = randomLog(seed);
      const to = model.transaction(model.head - 4)?.to ?? 0;
      for (const selection of [EVERYTHING, EVEN]) {
        const connection = compactedWatch(1, to, selection, model);
        const history = historyOf({ ...connection, received: withHead(connection, model.head) });
        expect(checkAll(history, model), `seed ${seed}`).toEqual([]);
        expect(converged(history, model), `seed ${seed}`).toEqual([]);
      }
    }
  });

  it("may come in the middle of a connection: what was told before it is checked as well", () => {
    const before = serve(log, { upTo: middle });
    const after = compactedWatch(middle, later);
    let sent = before.received.length;
    sent = before.received.reduce((sum, record) => (record.what === "frame" ? Math.max(sum, record.sent) : sum), 0);
    const rest = after.received.slice(1).map((record) => {
      if (record.what !== "frame") return record;
      sent += record.bytes;
      return { ...record, sent, order: next() };
    });
    const both = { ...before, expired: "compact" as const, received: [...before.received, ...rest] };
    expect(checkAll(historyOf(both), log)).toEqual([]);
    expect(converged(historyOf(both), log)).toEqual([]);
    const dropped = tamper(both, 3, () => []);
    expect(checkAll(historyOf(dropped), log).map(({ promise }) => promise)).toContainEqual(
      expect.stringContaining("Reliable"),
    );
  });

  const connection = compactedWatch(1, later);
  const events = connection.received.flatMap((record) =>
    record.what === "frame" && record.compacted ? record.events : [],
  );
  const indexOf = (type: RecordedEvent["type"]): number => events.findIndex((event) => event.type === type);

  it("Compacted: an object left out, a deletion left out, an older version, an ADDED, an object that did not change", () => {
    expect(caughtBy(historyOf(connection))).toEqual([]);
    expect(caughtBy(historyOf(tamper(connection, indexOf("MODIFIED"), () => [])))).toContain("compacted");
    const kept = compactedWatch(middle, later);
    const gone = kept.received
      .flatMap((record) => (record.what === "frame" ? record.events : []))
      .findIndex(({ type, key }) => type === "DELETED" && log.state(middle, EVERYTHING).has(key));
    expect(gone).toBeGreaterThan(-1);
    expect(caughtBy(historyOf(tamper(kept, gone, () => [])))).toContain("compacted");
    const old = tamper(connection, indexOf("MODIFIED"), (event) => [
      { ...event, object: { ...event.object, body: "older" } },
    ]);
    expect(caughtBy(historyOf(old))).toContain("compacted");
    const added = tamper(connection, indexOf("MODIFIED"), (event) => [{ ...event, type: "ADDED" }]);
    expect(caughtBy(historyOf(added))).toContain("compacted");
    const foreign = tamper(connection, 0, (event) => [event, { ...event, key: `${event.key}-other` }]);
    expect(caughtBy(historyOf(foreign))).toContain("compacted");
  });

  it("Compacted: one that nobody asked for, and GitEvents lost in silence", () => {
    expect(caughtBy(historyOf({ ...connection, expired: "fail" }))).toContain("compacted");
    const kinds = [GIT_EVENT, ...new Set(log.changes.map(({ key }) => key.split("/")[0] ?? ""))];
    const silent = { ...connection, selection: { ...EVERYTHING, kinds } };
    expect(caughtBy(historyOf(silent))).toContain("compacted");
    const said = withReceived(silent, (records) =>
      records.map((record) =>
        record.what === "frame" && record.compacted ? { ...record, lost: ["gitevents"] } : record,
      ),
    );
    expect(caughtBy(historyOf(said))).toEqual([]);
  });
});

describe("a named watcher", () => {
  const resumed = (position: number, worked: number, id: number): Connection => ({
    ...serve(log, { start: { from: "rv", rv: position } }),
    id,
    watcher: "w",
    start: { from: "position", worked } satisfies Start,
  });

  it("Resumable: a position beyond what was worked, one that goes back, and an initial state where one is known", () => {
    expect(caughtBy(historyOf(resumed(middle, middle, 1), resumed(later, log.head, 2)))).toEqual([]);
    expect(caughtBy(historyOf(resumed(later, middle, 1)))).toEqual(["resumable"]);
    expect(caughtBy(historyOf(resumed(later, later, 1), resumed(middle, later, 2)))).toEqual(["resumable"]);
    const anew = {
      ...serve(log, { start: { from: "state" } }),
      id: 2,
      watcher: "w",
      start: resumed(1, later, 2).start,
    };
    expect(caughtBy(historyOf(anew))).toEqual([]);
    expect(caughtBy(historyOf(resumed(later, later, 1), anew))).toEqual(["resumable"]);
  });
});

describe("the end of a watch", () => {
  const whole = serve(log);
  const ending = (
    ...records: (
      | Omit<Extract<Received, { what: "error" }>, "order">
      | Omit<Extract<Received, { what: "close" }>, "order">
    )[]
  ): Connection =>
    withReceived(whole, (received) => [...received, ...records.map((record) => ({ ...record, order: next() }))]);
  const error = (code: number) => ({ what: "error", code, reason: "R", causes: [], message: "m" }) as const;
  const close = (code: number, reason = "R") => ({ what: "close", code, reason, byClient: false }) as const;

  it("Closes: 410 and 4410 belong together, and either way of HTTP", () => {
    const expired = new LogModel(log.changes, { floor: 2 });
    const refused = (...records: Parameters<typeof ending>): Connection => ({
      ...ending(...records),
      received: ending(...records).received.slice(-records.length),
    });
    expect(caughtBy(historyOf(refused(error(410), close(4410))), expired)).toEqual([]);
    expect(caughtBy(historyOf(refused(error(410), close(1000))), expired)).toEqual([]);
    expect(caughtBy(historyOf(refused(error(410), close(4429))), expired)).toEqual(["closes"]);
  });

  it("Closes: a refusal of what is allowed, a code that is not its Status', a reason too long, and words after the last one", () => {
    for (const good of [[close(1006)], [close(4503)], [error(429), close(4429)]])
      expect(caughtBy(historyOf(ending(...good)))).toEqual([]);
    expect(caughtBy(historyOf(ending(error(400), close(4400))))).toContain("closes");
    expect(caughtBy(historyOf(ending(close(4403))))).toEqual(["closes"]);
    expect(caughtBy(historyOf(ending(error(429), close(4410))))).toEqual(["closes"]);
    expect(caughtBy(historyOf(ending(close(4503, "ü".repeat(62)))))).toEqual(["closes"]);
    expect(caughtBy(historyOf(ending(error(429), error(429), close(4429))))).toContain("closes");
    const byClient = withReceived(whole, (received) => [
      ...received,
      { ...close(4403), order: next(), byClient: true },
    ]);
    expect(caughtBy(historyOf(byClient))).toEqual([]);
  });
});

function withHead(connection: Connection, head: number): Received[] {
  return connection.received.map((record) => (record.what === "frame" ? { ...record, head } : record));
}
