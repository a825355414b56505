import { bookmarkEvent, errorText, eventsOf, type FrameHead, frameText } from "./encode.ts";
import type { Filter } from "./filter.ts";
import { type Frame, snapshotEvents } from "./frames.ts";
import { hasCredit, inFlight, PLAIN_WINDOW, type SessionState } from "./session.ts";
import type { WatchSource } from "./source.ts";
import { closeReason, type Ending, endingOf } from "./status.ts";

/** A socket as the watch sees it; the Durable Object wraps its hibernating WebSockets in these. */
export interface WatchSocket {
  /** False when the peer is gone: `send` on a closing socket throws (workerd: "Can't call WebSocket send() after close()"). */
  send(text: string): boolean;
  close(code: number, reason: string): void;
  save(state: SessionState): void;
  load(): SessionState | undefined;
}

/** A session and what is made again after a wake. */
export interface Live {
  socket: WatchSocket;
  state: SessionState;
  filter: Filter;
  /** A page of D1 is on its way. */
  loading: boolean;
}

export type Outcome = "sent" | "parked" | "tooSlow" | "gone";

/** The epoch of a named watcher's connection goes with its first frame. */
function withEpoch(state: SessionState, head: FrameHead): FrameHead {
  return state.named && !state.named.told ? { ...head, epoch: state.named.epoch } : head;
}

function put(live: Live, head: FrameHead, events: string, now: number, newest: number): Outcome {
  const { state, socket } = live;
  const { text, sent } = frameText(state, withEpoch(state, head), events, now, newest);
  if (!hasCredit(state, sent - state.sent)) {
    if (state.parkedAt === 0) state.parkedAt = now;
    return "parked";
  }
  if (inFlight(state) === 0) state.ackAt = now;
  state.sent = sent;
  if (state.named && !head.standby) state.named.told = true;
  return socket.send(text) ? "sent" : "gone";
}

/** Plain WebSockets: each event is a message, and without a word from the client 1 MiB is the end. */
function putPlain(live: Live, events: readonly string[]): Outcome {
  const { state, socket } = live;
  for (const text of events) {
    if (inFlight(state) + text.length > PLAIN_WINDOW && inFlight(state) > 0) return "tooSlow";
    state.sent += text.length;
    if (!socket.send(text)) return "gone";
  }
  return "sent";
}

/** The first frame of a watch that starts at an RV: it fixes the start. Plain WebSockets have none. */
export function startFrame(live: Live, now: number, newest: number): void {
  const { state } = live;
  if (state.enc !== "events") put(live, { rv: state.pos, prev: state.pos }, "", now, newest);
  state.toldAt = now;
  live.socket.save(state);
}

/** Says that another connection of this watcher works, and this one waits. It is no start: that comes with the take-over. */
export function standbyFrame(live: Live, now: number, newest: number): void {
  put(live, { standby: true }, "", now, newest);
  live.socket.save(live.state);
}

/** A page of a range made up as of one RV. Its `rv` is a resume point: what is at or below it is said. */
export function sendCompacted(
  live: Live,
  page: { events: string[]; rv: number; lost: boolean },
  now: number,
  newest: number,
): Outcome {
  const { state } = live;
  const head: FrameHead = {
    rv: page.rv,
    prev: state.told,
    compacted: true,
    ...(page.lost ? { lost: ["gitevents"] } : {}),
  };
  const outcome = put(live, head, page.events.join(","), now, newest);
  if (outcome !== "sent") return outcome;
  state.pos = page.rv;
  state.told = page.rv;
  state.toldAt = now;
  return outcome;
}

/** An empty frame (a BOOKMARK where the client asked for them): everything up to `rv` is covered. */
export function bookmark(live: Live, now: number, rv: number): void {
  const { state } = live;
  let outcome: Outcome = "sent";
  if (state.enc === "events") {
    if (state.bookmarks && state.of) outcome = putPlain(live, [bookmarkEvent(state.of, rv, false)]);
  } else outcome = put(live, { rv, prev: state.told }, "", now, rv);
  if (outcome !== "sent") {
    // A live session waits for nothing else: without this the range would be told with the next match, whenever that is.
    if (outcome === "parked") state.owed = true;
    return;
  }
  state.told = rv;
  state.toldAt = now;
  state.owed = false;
}

/** One bookmark before a planned end, so that the next watch starts from here and not from the last match. */
export function bookmarkAtEnd(live: Live, now: number, head: number): void {
  const { phase, parkedAt, told } = live.state;
  if (phase === "live" && parkedAt === 0 && told < head) bookmark(live, now, head);
}

/** Sends one frame with events and moves the cursor behind it. Without credit nothing moves: the log has it still. */
export function sendFrame(live: Live, frame: Frame, now: number, newest: number): Outcome {
  const { state } = live;
  const outcome =
    state.enc === "events"
      ? putPlain(live, frame.events)
      : put(live, { rv: frame.rv, prev: state.told, partial: frame.partial }, eventsOf(frame, state.enc), now, newest);
  if (outcome !== "sent") return outcome;
  state.toldAt = now;
  if (frame.partial) state.part += 1;
  else {
    state.part = 0;
    state.pos = frame.rv;
    state.told = frame.rv;
    state.owed = false;
  }
  return outcome;
}

export interface Page {
  items: { json: string }[];
  /** Where the next page starts; absent on the kind's last. */
  next?: string;
}

export type PageOutcome = { result: Outcome | "expired"; at: number; events: number };

/** Sends the next page of the initial state, as of one RV; behind the last the session catches up from there. */
export function sendSnapshotPage(live: Live, source: WatchSource, now: number, loaded?: Page): PageOutcome {
  const { state } = live;
  const snap = state.snap;
  if (!snap) throw new Error("a session in phase snapshot has one");
  // The tail is what keeps a past state readable; once it is pruned past `at` pages would mix two states.
  if (source.floor() > snap.at) return { result: "expired", at: snap.at, events: 0 };
  const kind = snap.kinds[snap.kind];
  const page: Page =
    loaded ??
    (kind === undefined
      ? { items: [] }
      : source.page({ kind, at: snap.at, after: snap.after, filter: live.filter, bytes: live.filter.frameBytes }));
  const { events } = snapshotEvents(page.items);
  const lastOfKind = page.next === undefined;
  const end = lastOfKind && snap.kind + 1 >= snap.kinds.length;
  const sent = putPage(live, events, { rv: snap.at, snapshot: true, end }, now, source.head());
  if (sent !== "sent") return { result: sent, at: snap.at, events: 0 };
  if (end) {
    state.phase = "catchup";
    state.snap = null;
    state.pos = snap.at;
    state.told = snap.at;
    state.toldAt = now;
  } else if (lastOfKind) {
    snap.kind += 1;
    snap.after = "";
  } else snap.after = page.next ?? "";
  live.socket.save(state);
  return { result: "sent", at: snap.at, events: events.length };
}

function putPage(live: Live, events: readonly string[], head: FrameHead, now: number, newest: number): Outcome {
  const { state } = live;
  if (state.enc === "events") {
    const mark = head.end && state.initialEnd && state.of ? [bookmarkEvent(state.of, head.rv ?? 0, true)] : [];
    return putPlain(live, [...events, ...mark]);
  }
  // A page of a kind without objects is sent only where it is the last: `end` must come, also when all is empty.
  if (events.length === 0 && !head.end) return "sent";
  const text = state.enc === "lines" ? (events.length > 0 ? `${events.join("\n")}\n` : "") : events.join(",");
  return put(live, head, text, now, newest);
}

/** Whether the ending's Status is told. Kubernetes' clients list again after an ERROR, and not after a plain end. */
export function tells(enc: SessionState["enc"], ending: Ending): boolean {
  return enc === "frames" || ending.why !== "draining";
}

/** Tells why and closes; an `events` socket gets an ERROR event, as from kube-apiserver. */
export function end(live: Live, ending: Ending): void {
  const { status, close, reason } = endingOf(ending);
  if (status && tells(live.state.enc, ending)) live.socket.send(errorText(live.state.enc, status));
  live.socket.close(close, closeReason(reason));
}
