import type { LeaseChange, LeaseFilter, Leases } from "../ledger/leases.ts";
import { LEASE } from "../ledger/leases.ts";
import { errorText } from "./encode.ts";
import type { WatchOpen } from "./open.ts";
import { tells } from "./sending.ts";
import { closeReason, type Ending, endingOf } from "./status.ts";

/** Tells the sockets of lease watches from those of the log's, which the engine has. */
export const LEASE_TAG = "leases";
/** Sent and not acknowledged: beyond it a watch is closed, and resumes where it was. Leases are small and few. */
const MAX_UNACKNOWLEDGED = 256 * 1024;

/** What a socket remembers through hibernation. */
interface LeaseSession {
  tag: typeof LEASE_TAG;
  enc: "lines" | "events";
  label: string;
  field: string;
  sent: number;
  acked: number;
  sub: string;
  jti: string;
  /** Seconds; 0: never. */
  exp: number;
  /** ms; 0: never. */
  until: number;
}

/** Hibernating sockets with {@link LEASE_TAG}. */
export interface LeaseSockets {
  accept(socket: WebSocket): void;
  all(): WebSocket[];
}

type Refusal = Exclude<Ending, { why: "ended" }>;
type LeaseEvent = { type: "ADDED" | "MODIFIED" | "DELETED"; json: string };

export function isLeaseWatch({ filter }: WatchOpen): boolean {
  return filter.kinds?.length === 1 && filter.kinds[0] === LEASE;
}

/**
 * Watches of leases. There is no log to send from: each change goes out in its own turn, and a resume is made of what
 * changed since, up to the last deletion. The stateless Worker's bridge reads the same lines as from the engine.
 */
export class LeaseWatches {
  readonly #leases: Leases;
  readonly #sockets: LeaseSockets;
  readonly #namespace: () => string;
  readonly #filters = new WeakMap<WebSocket, LeaseFilter>();

  constructor(leases: Leases, sockets: LeaseSockets, namespace: () => string) {
    this.#leases = leases;
    this.#sockets = sockets;
    this.#namespace = namespace;
  }

  get count(): number {
    return this.#sockets.all().length;
  }

  /** Undefined: it was opened. */
  open(open: WatchOpen, socket: WebSocket, now: number): Refusal | undefined {
    if (open.enc === "frames")
      return { why: "badFrame", message: "leases have no log: watch them without gitstore.watch.v1" };
    const { head, floor } = this.#leases;
    const { start, filter } = open;
    const rv = start.from === "rv" ? start.rv : start.from === "state" ? (start.notOlderThan ?? 0) : head;
    if (rv > head) return { why: "future", requested: rv, head };
    if (start.from === "rv" && rv < floor) return { why: "expired", requested: rv, floor };
    const session: LeaseSession = {
      tag: LEASE_TAG,
      enc: open.enc,
      label: filter.label,
      field: filter.field,
      sent: 0,
      acked: 0,
      sub: open.sub,
      jti: open.jti,
      exp: open.exp,
      until: open.timeoutMs === 0 ? 0 : now + open.timeoutMs,
    };
    this.#sockets.accept(socket);
    socket.serializeAttachment(session);
    const events = start.from === "now" ? [] : this.#since(start.from === "state" ? 0 : rv, session);
    this.#send(socket, session, events, head, start.from === "state" ? '"snapshot":true,"end":true,' : "");
    return undefined;
  }

  /** What changed after an RV and is there now. What the labels do not select any more may have been selected then. */
  #since(rv: number, session: LeaseSession): LeaseEvent[] {
    const selected = this.#compile(session.label, session.field);
    const named = this.#compile("", session.field);
    return this.#leases.changedAfter(rv).flatMap((lease): LeaseEvent[] => {
      const { json, created } = lease;
      if (selected(lease)) return [{ type: created > rv ? "ADDED" : "MODIFIED", json }];
      return rv > 0 && created <= rv && named(lease) ? [{ type: "DELETED", json }] : [];
    });
  }

  #compile(label: string, field: string): LeaseFilter {
    const filter = this.#leases.filter(label, field, this.#namespace());
    // The selectors were parsed when the watch was opened, so a failure here is a fault of ours.
    if (!filter.ok) throw new Error(`the selectors of an open watch: ${JSON.stringify(filter.error)}`);
    return filter.value;
  }

  /** In the turn of the write, so that order is the order of RVs. */
  changed(change: LeaseChange): void {
    for (const socket of this.#sockets.all()) {
      const session = load(socket);
      let filter = this.#filters.get(socket);
      if (!filter) {
        filter = this.#compile(session.label, session.field);
        this.#filters.set(socket, filter);
      }
      const event = judge(filter, change);
      // A deletion moves the floor: who is not told of it still has to stay above.
      if (event || change.type === "DELETED") this.#send(socket, session, event ? [event] : [], change.lease.rv, "");
    }
  }

  #send(socket: WebSocket, session: LeaseSession, events: LeaseEvent[], rv: number, flags: string): void {
    const texts = events.map(({ type, json }) => `{"type":"${type}","object":${json}}`);
    const size = texts.reduce((sum, { length }) => sum + length, 0) + 64;
    session.sent += size;
    if (session.sent - session.acked > MAX_UNACKNOWLEDGED && session.sent > size) {
      end(socket, session, {
        why: "tooSlow",
        message: "too much was unacknowledged: resume from the last resourceVersion",
      });
      return;
    }
    const head = `{"sent":${session.sent},${flags}"rv":"${rv}","head":"${rv}"}\n`;
    const frames = session.enc === "events" ? texts : [`${head}${texts.map((text) => `${text}\n`).join("")}`];
    try {
      for (const frame of frames) socket.send(frame);
    } catch {
      return; // closed meanwhile: the runtime says so
    }
    socket.serializeAttachment(session);
  }

  /** An acknowledgement, or, without the bridge, any sign of life. */
  received(socket: WebSocket, text: string): void {
    const session = load(socket);
    const ack = session.enc === "events" ? session.sent : Number(/^\{"ack":(\d{1,15})\}$/.exec(text)?.[1] ?? 0);
    if (ack <= session.acked || ack > session.sent) return;
    session.acked = ack;
    socket.serializeAttachment(session);
  }

  /** Deadlines; returns the next, ms. */
  tend(now: number): number | undefined {
    let next: number | undefined;
    for (const socket of this.#sockets.all()) {
      const session = load(socket);
      const expiry = session.exp * 1000;
      if (session.until > 0 && session.until <= now)
        end(socket, session, { why: "ended", message: "timeoutSeconds passed" });
      else if (expiry > 0 && expiry <= now)
        end(socket, session, { why: "unauthorized", message: "the token expired: get a new one and resume" });
      else for (const at of [session.until, expiry]) if (at > 0) next = next === undefined ? at : Math.min(next, at);
    }
    return next;
  }

  /** Closes all as planned; each comes back after a time of its own. */
  drain(retryAfterMs: () => number): number {
    const sockets = this.#sockets.all();
    for (const socket of sockets) end(socket, load(socket), { why: "draining", retryAfterMs: retryAfterMs() });
    return sockets.length;
  }

  closeAll(who: { jti?: string; sub?: string } | "namespace"): number {
    const sockets = this.#sockets.all().filter((socket) => {
      const { sub, jti } = load(socket);
      return (
        who === "namespace" || (who.sub !== undefined && who.sub === sub) || (who.jti !== undefined && who.jti === jti)
      );
    });
    for (const socket of sockets) {
      end(
        socket,
        load(socket),
        who === "namespace"
          ? { why: "gone", message: "the namespace was deleted" }
          : { why: "unauthorized", message: "the token was revoked" },
      );
    }
    return sockets.length;
  }
}

function judge(filter: LeaseFilter, { type, lease, before }: LeaseChange): LeaseEvent | undefined {
  const was = before !== undefined && filter(before);
  if (type === "DELETED") return was ? { type, json: lease.json } : undefined;
  if (filter(lease)) return { type: was ? "MODIFIED" : "ADDED", json: lease.json };
  if (!was || !before) return undefined;
  // What leaves the selector is told as it was, with the RV of the change.
  const left = JSON.parse(before.json) as { metadata: { resourceVersion: string } };
  left.metadata.resourceVersion = String(lease.rv);
  return { type: "DELETED", json: JSON.stringify(left) };
}

/** Whether a socket is one of a lease watch, alive or not. */
export function isLeaseSocket(socket: WebSocket): boolean {
  return (socket.deserializeAttachment() as Partial<LeaseSession> | null)?.tag === LEASE_TAG;
}

function load(socket: WebSocket): LeaseSession {
  return socket.deserializeAttachment() as LeaseSession;
}

function end(socket: WebSocket, { enc }: LeaseSession, ending: Ending): void {
  const { status, close, reason } = endingOf(ending);
  try {
    if (status && tells(enc, ending)) socket.send(errorText(enc, status));
    socket.close(close, closeReason(reason));
  } catch {
    // The peer went first.
  }
}
