import { fingerprint } from "../../robustness/equal.ts";
import type {
  Connection,
  History,
  Received,
  RecordedEvent,
  Start,
  WatchedObject,
  Write,
} from "../../robustness/history.ts";
import { MARK } from "../../robustness/history.ts";
import { type Change, LogModel, withVersion } from "../../robustness/model.ts";
import { EVERYTHING, type Selection } from "../../robustness/selection.ts";
import { random } from "../../worker/support/random.ts";

export const PRODUCT = "Product.catalog.gitstore.dev";
export const EVEN: Selection = {
  kinds: [PRODUCT],
  labels: [{ key: "parity", op: "In", values: ["even"] }],
  fields: [],
};

export function product(name: string, rv: number, parity: "even" | "odd", mark: string, bytes = 0): WatchedObject {
  return {
    apiVersion: "catalog.gitstore.dev/v1beta1",
    kind: "Product",
    metadata: { name, resourceVersion: String(rv), labels: { parity }, annotations: { [MARK]: mark } },
    body: "x".repeat(bytes),
  };
}

/** A log of `transactions` random transactions over ten products, whole from RV 2. */
export function randomLog(seed: number, transactions = 12): LogModel {
  const draw = random(seed);
  const changes: Change[] = [];
  const alive = new Map<string, WatchedObject>();
  for (let t = 0; t < transactions; t++) {
    const size = 1 + draw(4);
    for (let i = 0; i < size; i++) {
      const rv = changes.length + 2;
      const name = `p${draw(10)}`;
      const key = `${PRODUCT}/${name}`;
      const before = alive.get(key);
      const ends = i === size - 1;
      if (before && draw(3) === 0) {
        alive.delete(key);
        changes.push({ rv, type: "DELETED", key, object: withVersion(before, rv), ends });
      } else {
        const object = product(name, rv, draw(2) === 0 ? "even" : "odd", `mark-${rv}`);
        alive.set(key, object);
        changes.push({ rv, type: before ? "MODIFIED" : "ADDED", key, object, ends });
      }
    }
  }
  return new LogModel(changes);
}

export interface Serving {
  id?: number;
  client?: string;
  selection?: Selection;
  start?: Start;
  /** Up to here; the log's end where left out. */
  upTo?: number;
  /** `frames`: whole transactions; `lines`: an event at a time and a bookmark at the end. */
  transport?: "frames" | "lines";
}

let order = 0;
/** The next place in the order of a history. */
export function next(): number {
  order += 1;
  return order;
}

/** A server as it should be: what a watch receives of a log. */
export function serve(log: LogModel, serving: Serving = {}): Connection {
  const { selection = EVERYTHING, start = { from: "rv", rv: 1 }, upTo = log.head, transport = "frames" } = serving;
  const received: Received[] = [];
  const opened = next();
  let sent = 0;
  let prev = start.from === "rv" ? start.rv : upTo;
  const frame = (
    rv: number,
    events: readonly RecordedEvent[],
    more: { snapshot?: boolean; end?: boolean } = {},
  ): void => {
    const bytes = 100 + fingerprint(events).length;
    sent += bytes;
    const { snapshot = false, end = false } = more;
    const head = upTo;
    const common = { partial: false, compacted: false, lost: [] };
    received.push({
      what: "frame",
      order: next(),
      bytes,
      sent,
      prev: snapshot ? undefined : prev,
      rv,
      head,
      snapshot,
      end,
      events,
      ...common,
    });
    if (!snapshot || end) prev = rv;
  };
  if (start.from === "state") {
    const at = Math.max(1, upTo - 5);
    const events = [...log.state(transactionEnd(log, at), selection).values()].map(
      ({ rv, key, object }): RecordedEvent => ({ type: "ADDED", rv, key, object }),
    );
    prev = transactionEnd(log, at);
    if (transport === "frames") {
      const half = events.length >> 1;
      frame(prev, events.slice(0, half), { snapshot: true });
      frame(prev, events.slice(half), { snapshot: true, end: true });
    } else {
      for (const event of events) received.push({ what: "event", order: next(), event });
      received.push({ what: "bookmark", order: next(), rv: prev, initialEnd: true });
    }
  } else if (transport === "frames") frame(prev, []);
  let after = prev;
  while (after < upTo) {
    const end = transactionEnd(log, after + 1);
    const events = log.events(selection, after, end);
    if (transport === "frames") {
      if (events.length > 0 || end >= upTo) frame(end, events);
    } else for (const event of events) received.push({ what: "event", order: next(), event });
    after = end;
  }
  if (transport === "lines") received.push({ what: "bookmark", order: next(), rv: after, initialEnd: false });
  const { id = 1, client = "client" } = serving;
  return { id, client, transport, selection, start, expired: "fail", opened, received };
}

function transactionEnd(log: LogModel, rv: number): number {
  return log.transaction(rv)?.to ?? rv;
}

export function historyOf(...connections: Connection[]): History {
  return { connections, writes: [], listings: [] };
}

export function applied(id: number, rv: number, effects: Write["effects"], called = next()): Write {
  return { id, called, returned: next(), effects, outcome: { known: "applied", rv } };
}

/** A connection with its events changed: the event at `index` of all, replaced by what `change` makes of it. */
export function tamper(
  connection: Connection,
  index: number,
  change: (event: RecordedEvent) => readonly RecordedEvent[],
): Connection {
  let seen = 0;
  const each = (event: RecordedEvent): readonly RecordedEvent[] => (seen++ === index ? change(event) : [event]);
  const received = connection.received.flatMap((record): Received[] => {
    if (record.what === "frame") return [{ ...record, events: record.events.flatMap(each) }];
    if (record.what === "event") return each(record.event).map((event) => ({ ...record, event }));
    return [record];
  });
  return { ...connection, received };
}

export function withReceived(connection: Connection, change: (received: Received[]) => Received[]): Connection {
  return { ...connection, received: change([...connection.received]) };
}
