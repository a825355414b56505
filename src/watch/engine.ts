import { type Entry, GIT_EVENT } from "../ledger/entry.ts";
import type { Clock, Faults } from "../ledger/sql.ts";
import { compactedPage, losesEvents } from "./compacting.ts";
import { compileFilter, type Filter } from "./filter.ts";
import { FRAME_BYTES, type Frame, framesOf } from "./frames.ts";
import { NamedConnections, type NamedHost, type Sessions, SILENT_MS } from "./named.ts";
import {
  bookmark,
  end,
  type Live,
  type Page,
  sendCompacted,
  sendFrame,
  sendSnapshotPage,
  standbyFrame,
  startFrame,
  type WatchSocket,
} from "./sending.ts";
import { acknowledge, parseClientFrame, type SessionState } from "./session.ts";
import type { FrameCache, WatchSource } from "./source.ts";

/** A turn's broadcast is held in memory, frame × sockets, until the turn ends: past this the rest goes in later turns. */
export const TURN_BYTES = 8 * 1024 * 1024;
/** A live watcher that its filter leaves this far behind gets an empty frame, so that it resumes from near the head. */
export const BOOKMARK_RVS = 1_000;
export const BOOKMARK_MS = 30_000;

export interface EngineHost extends NamedHost {
  sockets(): Iterable<WatchSocket>;
  /** Lets the runtime drain what was sent; a microtask would not. */
  yieldTurn(): Promise<void>;
  /** Keeps the object until the promise settles. */
  hold(promise: Promise<unknown>): void;
  /** Asks for an alarm at or soon after this time, ms. */
  wake(at: number): void;
  kindNames(key: string): { group: string; version: string; kind: string };
  /** Judges a token that came as a frame; the identity must be the same, and may still watch what it watches. */
  renew(
    state: SessionState,
    token: string,
  ): Promise<{ ok: true; exp: number; jti: string } | { ok: false; reason: string }>;
}

/**
 * One engine for every face of the watch. Sending is driven from the log, never from a queue per watcher: a session
 * holds a cursor, and what it is owed is read again when it has credit.
 */
export class WatchEngine implements Sessions {
  readonly #source: WatchSource;
  readonly #cache: FrameCache;
  readonly #host: EngineHost;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #live = new Map<WatchSocket, Live>();
  readonly #ready = new Set<Live>();
  readonly named: NamedConnections;
  #listed = false;
  #pumping = false;
  readonly counters = {
    eventsSent: 0,
    framesSent: 0,
    parked: 0,
    closedSlow: 0,
    resumesTail: 0,
    resumesWindow: 0,
    compacted: 0,
    expired: 0,
  };

  constructor(source: WatchSource, cache: FrameCache, host: EngineHost, clock: Clock, faults: Faults) {
    this.#source = source;
    this.#cache = cache;
    this.#host = host;
    this.#clock = clock;
    this.#faults = faults;
    this.named = new NamedConnections(host, this);
  }

  /** Every open session; loaded from the sockets' attachments once after a wake. */
  sessions(): Iterable<Live> {
    if (!this.#listed) {
      this.#listed = true;
      for (const socket of this.#host.sockets()) this.#of(socket);
    }
    return this.#live.values();
  }

  wake(at: number): void {
    this.#host.wake(at);
  }

  #of(socket: WatchSocket): Live | undefined {
    const known = this.#live.get(socket);
    if (known) return known;
    const state = socket.load();
    if (!state) return undefined;
    const live: Live = { socket, state, filter: this.#compile(state), loading: false };
    this.#live.set(socket, live);
    return live;
  }

  #compile(state: SessionState): Filter {
    return compileFilter(state.filter, this.#source.namespace());
  }

  open(socket: WatchSocket, state: SessionState): void {
    for (const _ of this.sessions()) break; // the list must be whole before a new one joins it
    const live: Live = { socket, state, filter: this.#compile(state), loading: false };
    this.#live.set(socket, live);
    if (state.exp > 0) this.#host.wake(state.exp * 1000);
    if (state.until > 0) this.#host.wake(state.until);
    if (state.phase === "standby") {
      standbyFrame(live, this.#clock(), this.#source.head());
      this.#host.wake(this.#clock() + SILENT_MS);
      return;
    }
    if (state.named) this.named.arrive(live);
    this.#start(live);
  }

  /** A session that stood by takes over: from the watcher's position, or with the initial state if it has none. */
  begin(live: Live, position: number): void {
    const { state } = live;
    const head = this.#source.head();
    if (position === 0) {
      state.phase = "snapshot";
      state.snap = { at: head, kinds: this.#source.stateKinds(live.filter), kind: 0, after: "" };
    } else {
      state.phase = "catchup";
      state.pos = position;
      state.told = position;
    }
    this.#start(live);
  }

  #start(live: Live): void {
    const { state, socket } = live;
    if (state.phase !== "snapshot") {
      if (state.pos >= this.#source.head()) state.phase = "live";
      else if (state.pos >= this.#source.floor()) this.counters.resumesTail += 1;
      else this.counters.resumesWindow += 1;
      startFrame(live, this.#clock(), this.#source.head());
    } else socket.save(state);
    this.#queue(live);
  }

  /** A client's text. Binary frames never come here. */
  receive(socket: WatchSocket, text: string): void {
    const live = this.#of(socket);
    if (!live) return;
    const { state } = live;
    state.heardAt = this.#clock();
    if (state.enc === "events") {
      // Any text from a plain WebSocket's client says that it reads.
      acknowledge(state, state.sent, this.#clock());
      this.#credited(live);
      return;
    }
    const frame = parseClientFrame(text);
    switch (frame.frame) {
      case "ack":
        if (!acknowledge(state, frame.sent, this.#clock())) {
          this.finish(live, {
            why: "badFrame",
            message: `ack ${frame.sent} is beyond what was sent (${state.sent})`,
          });
          return;
        }
        this.#credited(live);
        return;
      case "done": {
        const refused = this.named.done(live, Number(frame.rv), this.#clock());
        if (refused) this.finish(live, { why: "badFrame", message: refused });
        return;
      }
      case "token":
        this.#host.hold(this.#renew(live, frame.token));
        return;
      case "status":
        socket.send(
          JSON.stringify({
            id: frame.id,
            refused: {
              kind: "Status",
              apiVersion: "v1",
              status: "Failure",
              code: 501,
              reason: "NotImplemented",
              message: "status writes over the socket are not available in this version",
            },
          }),
        );
        return;
      case "bad":
        this.finish(live, { why: "badFrame", message: frame.reason });
        return;
    }
  }

  #credited(live: Live): void {
    live.state.parkedAt = 0;
    live.socket.save(live.state);
    if (live.state.phase !== "live") this.#queue(live);
  }

  async #renew(live: Live, token: string): Promise<void> {
    const renewed = await this.#host.renew(live.state, token);
    if (!this.#live.has(live.socket)) return;
    if (!renewed.ok) {
      this.finish(live, { why: "unauthorized", message: renewed.reason });
      return;
    }
    live.state.exp = renewed.exp;
    live.state.jti = renewed.jti;
    live.socket.save(live.state);
    this.#host.wake(renewed.exp * 1000);
  }

  closed(socket: WatchSocket): void {
    const live = this.#of(socket);
    if (!live || !this.#live.delete(socket)) return;
    this.#ready.delete(live);
    this.named.departed(live, this.#clock());
  }

  /** Sends the reason, closes, and forgets the session. */
  finish(live: Live, ending: Parameters<typeof end>[1]): void {
    if (ending.why === "expired") this.counters.expired += 1;
    if (ending.why === "tooSlow") this.counters.closedSlow += 1;
    end(live, ending);
    this.closed(live.socket);
  }

  /** Broadcasts what was just committed, in the commit's own turn; what does not fit goes from the log, later. */
  committed(entries: readonly Entry[]): void {
    const from = entries[0];
    const to = entries[entries.length - 1];
    if (!from || !to) return;
    const now = this.#clock();
    const made = new Map<string, Frame[]>();
    let budget = TURN_BYTES;
    for (const live of this.sessions()) {
      const { state } = live;
      if (state.phase !== "live") continue;
      if (budget <= 0 || state.parkedAt > 0) {
        state.phase = "catchup";
        live.socket.save(state);
        if (state.parkedAt === 0) this.#queue(live);
        continue;
      }
      let frames = made.get(live.filter.key);
      if (!frames) {
        frames = framesOf(entries, live.filter, (entry) => this.#source.before(entry));
        made.set(live.filter.key, frames);
      }
      budget -= this.#deliver(live, frames, to.rv, now);
      this.#faults.hit("midBroadcast");
    }
  }

  /** Sends frames to a live session; returns the bytes. What has no credit turns it into one that catches up. */
  #deliver(live: Live, frames: readonly Frame[], head: number, now: number): number {
    const { state } = live;
    const before = state.sent;
    for (const frame of frames) {
      if (frame.events.length === 0) {
        state.pos = frame.rv;
        continue;
      }
      if (!this.#send(live, frame, now)) {
        state.phase = "catchup";
        live.socket.save(state);
        return state.sent - before;
      }
    }
    if (state.told < head) {
      if (head - state.told >= BOOKMARK_RVS || now - state.toldAt >= BOOKMARK_MS) bookmark(live, now, head);
      else if (!state.owed) {
        state.owed = true;
        this.#host.wake(now + BOOKMARK_MS);
      }
    }
    live.socket.save(state);
    return state.sent - before;
  }

  #send(live: Live, frame: Frame, now: number): boolean {
    const outcome = sendFrame(live, frame, now, this.#source.head());
    if (outcome === "sent") {
      this.counters.framesSent += 1;
      this.counters.eventsSent += frame.events.length;
      return true;
    }
    if (outcome === "parked") {
      this.counters.parked += 1;
      this.#host.wake(now + BOOKMARK_MS);
    } else if (outcome === "tooSlow") {
      this.finish(live, {
        why: "tooSlow",
        message: "1 MiB was sent and the client sent no text; use gitstore.watch.v1, which has acknowledgements",
      });
    } else this.closed(live.socket);
    return false;
  }

  #queue(live: Live): void {
    this.#ready.add(live);
    if (this.#pumping) return;
    this.#pumping = true;
    this.#host.hold(this.#pump());
  }

  /** Gives every session that can go on a frame in turn, and the runtime a breath after each TURN_BYTES. */
  async #pump(): Promise<void> {
    try {
      let budget = TURN_BYTES;
      while (this.#ready.size > 0) {
        for (const live of [...this.#ready]) {
          const before = live.state.sent;
          if (!this.#step(live)) this.#ready.delete(live);
          budget -= live.state.sent - before;
          if (budget > 0) continue;
          await this.#host.yieldTurn();
          budget = TURN_BYTES;
        }
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** One step of one session: a frame, a page, or a change of phase. False: it waits for something else to wake it. */
  #step(live: Live): boolean {
    const { state, socket } = live;
    if (!this.#live.has(socket) || live.loading || state.parkedAt > 0) return false;
    const now = this.#clock();
    if (state.phase === "live" || state.phase === "standby") return false;
    if (state.phase === "snapshot") return this.#stepSnapshot(live, now);
    if (state.phase === "compact") return this.#stepCompact(live, now);
    const hole = this.#source.hole(state.pos);
    if (hole && hole.from === state.pos) state.pos = hole.to;
    else if (hole) {
      this.#expire(live, hole.to, "EPOCH_MISMATCH");
      return this.#live.has(socket);
    }
    if (state.pos >= this.#source.head()) {
      state.phase = "live";
      if (state.told < state.pos) bookmark(live, now, state.pos);
      socket.save(state);
      return false;
    }
    if (state.pos < this.#source.floor()) {
      live.loading = true;
      this.#host.hold(this.#fromWindow(live));
      return false;
    }
    const frames = this.#cache.tail(state.pos, live.filter);
    if (!frames) return true;
    return this.#advance(live, frames, now);
  }

  #stepSnapshot(live: Live, now: number, page?: Page): boolean {
    const { snap } = live.state;
    if (!page && snap && snap.kinds[snap.kind] === GIT_EVENT && Number(snap.after) < this.#source.floor()) {
      live.loading = true;
      this.#host.hold(this.#oldEvents(live, snap));
      return false;
    }
    const outcome = sendSnapshotPage(live, this.#source, now, page);
    if (outcome.result === "expired") {
      this.finish(live, { why: "expired", requested: outcome.at, floor: this.#source.floor() });
      return false;
    }
    if (outcome.result === "tooSlow") {
      this.finish(live, {
        why: "tooSlow",
        message: "the initial state is larger than 1 MiB and the client sent no text",
      });
      return false;
    }
    if (outcome.result === "parked") {
      this.counters.parked += 1;
      this.#host.wake(now + BOOKMARK_MS);
    }
    if (outcome.result === "gone") this.closed(live.socket);
    this.counters.eventsSent += outcome.events;
    return outcome.result === "sent";
  }

  /** Sends a stretch of the log, as far as credit goes; empty frames only move the cursor. */
  #advance(live: Live, frames: readonly Frame[], now: number): boolean {
    const { state, socket } = live;
    let skip = state.part;
    for (const frame of frames) {
      if (frame.rv <= state.pos) continue;
      if (skip > 0) {
        skip -= 1;
        continue;
      }
      if (frame.events.length === 0) {
        state.pos = frame.rv;
        continue;
      }
      if (this.#send(live, frame, now)) continue;
      if (this.#live.has(socket)) socket.save(state);
      return false;
    }
    const newest = this.#source.head();
    if (state.pos >= newest && state.told < newest) bookmark(live, now, newest);
    socket.save(state);
    return true;
  }

  /** A cursor that the log no longer reaches: 410, or what changed since made up, or, past the tombstones, all of it. */
  #expire(live: Live, floor: number, cause?: string): void {
    const { state } = live;
    if (state.expired === "fail" || losesEvents(live.filter) === "all") {
      this.finish(live, { why: "expired", requested: state.pos, floor, ...(cause ? { cause } : {}) });
      return;
    }
    const head = this.#source.head();
    if (cause !== undefined || state.pos < this.#source.compactFloor()) {
      state.phase = "snapshot";
      state.snap = { at: head, kinds: this.#source.stateKinds(live.filter), kind: 0, after: "" };
    } else {
      this.counters.compacted += 1;
      state.phase = "compact";
      state.compact = { to: head };
    }
    live.socket.save(state);
  }

  #stepCompact(live: Live, now: number): boolean {
    const { state, socket } = live;
    const head = this.#source.head();
    // What was said as of the old H stays said; the rest is made up as of a new one, because the old left the tail.
    const to = state.compact && state.compact.to >= this.#source.floor() ? state.compact.to : head;
    state.compact = { to };
    const page = compactedPage(this.#source, live.filter, state.pos, to, (key) => this.#host.kindNames(key));
    if (page.events.length === 0 && !page.end) {
      state.pos = page.rv;
      return true;
    }
    const outcome = sendCompacted(live, { ...page, lost: losesEvents(live.filter) === "some" }, now, head);
    if (outcome === "parked") {
      this.counters.parked += 1;
      this.#host.wake(now + BOOKMARK_MS);
    }
    if (outcome === "gone") this.closed(socket);
    if (outcome !== "sent") return false;
    this.counters.eventsSent += page.events.length;
    if (page.end) {
      state.phase = "catchup";
      state.compact = null;
    }
    socket.save(state);
    return true;
  }

  async #oldEvents(live: Live, snap: NonNullable<SessionState["snap"]>): Promise<void> {
    const query = { kind: GIT_EVENT, at: snap.at, after: snap.after, filter: live.filter, bytes: FRAME_BYTES };
    const loaded = await this.#source.oldEvents(query);
    live.loading = false;
    if (!this.#live.has(live.socket)) return;
    if (loaded.result === "unavailable") this.#windowUnavailable(live, loaded.retryAfterMs);
    else if (this.#stepSnapshot(live, this.#clock(), loaded.page)) this.#queue(live);
  }

  #windowUnavailable(live: Live, retryAfterMs: number): void {
    const message = "the replay window does not answer; resume later from the last resourceVersion";
    this.finish(live, { why: "unavailable", message, retryAfterMs });
  }

  async #fromWindow(live: Live): Promise<void> {
    const { state } = live;
    const frames = await this.#cache.window(state.pos, live.filter);
    live.loading = false;
    if (!this.#live.has(live.socket)) return;
    if (frames.result === "expired") {
      this.#expire(live, frames.floor);
      if (this.#live.has(live.socket)) this.#queue(live);
    } else if (frames.result === "unavailable") {
      this.#windowUnavailable(live, frames.retryAfterMs);
    } else if (this.#advance(live, frames.frames, this.#clock())) {
      this.#queue(live);
    }
  }
}
