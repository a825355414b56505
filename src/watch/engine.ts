import type { Entry } from "../ledger/entry.ts";
import type { Clock, Faults } from "../ledger/sql.ts";
import { fitSocket } from "./attachment.ts";
import { CatchUp, type CatchUpHost, type Ground, TURN_BYTES } from "./catchup.ts";
import { compileFilter, type Filter } from "./filter.ts";
import { type Frame, framesOf, frameTarget } from "./frames.ts";
import { NamedConnections, type NamedHost, type Sessions, SILENT_MS } from "./named.ts";
import type { Renewed } from "./renew.ts";
import { bookmark, bookmarkAtEnd, end, type Live, standbyFrame, startFrame, type WatchSocket } from "./sending.ts";
import { acknowledge, parseClientFrame, type SessionState } from "./session.ts";
import type { FrameCache, WatchSource } from "./source.ts";
import { type StatusFrameHost, StatusFrames, type StatusSession } from "./statusFrames.ts";

/** A live watcher that its filter leaves this far behind gets an empty frame, so that it resumes from near the head. */
export const BOOKMARK_RVS = 1_000;
export const BOOKMARK_MS = 30_000;

export interface EngineHost extends NamedHost, CatchUpHost, StatusFrameHost {
  sockets(): Iterable<WatchSocket>;
  /** Judges a token that came as a frame; the identity must be the same, and may still watch what it watches. */
  renew(state: SessionState, token: string): Promise<Renewed>;
}

/**
 * One engine for every face of the watch. Sending is driven from the log, never from a queue per watcher: a session
 * holds a cursor, and what it is owed is read again when it has credit.
 */
export class WatchEngine implements Sessions, Ground {
  readonly #source: WatchSource;
  readonly #host: EngineHost;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #live = new Map<WatchSocket, Live>();
  readonly #catchUp: CatchUp;
  readonly #statuses: StatusFrames<Live>;
  readonly named: NamedConnections;
  #listed = false;
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
    this.#host = host;
    this.#clock = clock;
    this.#faults = faults;
    this.named = new NamedConnections(host, this);
    this.#statuses = new StatusFrames(host);
    this.#catchUp = new CatchUp(source, cache, host, clock, this);
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

  isOpen(live: Live): boolean {
    return this.#live.has(live.socket);
  }

  #of(socket: WatchSocket): Live | undefined {
    const known = this.#live.get(socket);
    if (known) return known;
    const state = socket.load();
    if (!state) return undefined;
    const live: Live = { socket, state, filter: this.#compile(state), loading: false };
    this.#live.set(socket, live);
    // What was under way for it (a page of D1, a turn's rest) went with the memory, and nothing else would take it up.
    if (state.phase !== "live" && state.phase !== "standby" && state.parkedAt === 0) this.#catchUp.queue(live);
    return live;
  }

  #compile(state: SessionState): Filter {
    return compileFilter(state.filter, this.#source.namespace(), frameTarget(state.window));
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
    this.#catchUp.queue(live);
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
        this.#statuses.acknowledged(live, frame.sent);
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
        this.#host.hold(this.#statuses.receive(live, this.#statusSession(live), frame.id, frame.status, text.length));
        return;
      case "bad":
        this.finish(live, { why: "badFrame", message: frame.reason });
        return;
    }
  }

  #statusSession(live: Live): StatusSession {
    return {
      state: live.state,
      send: (text) => {
        if (this.isOpen(live)) live.socket.send(text);
      },
      ask: () => {
        // Any other phase sends frames of its own, and a parked one has not acknowledged what it has.
        if (live.state.phase !== "live" || live.state.parkedAt > 0 || !this.isOpen(live)) return;
        bookmark(live, this.#clock(), this.#source.head());
        live.socket.save(live.state);
      },
    };
  }

  #credited(live: Live): void {
    const { state, socket } = live;
    state.parkedAt = 0;
    if (state.phase === "live" && state.owed) bookmark(live, this.#clock(), this.#source.head());
    socket.save(state);
    if (state.phase !== "live") this.#catchUp.queue(live);
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
    live.state.writes = renewed.writes;
    if (!fitSocket(live.state)) {
      this.finish(live, { why: "badFrame", message: "the token's id is longer than a connection can keep" });
      return;
    }
    live.socket.save(live.state);
    this.#host.wake(renewed.exp * 1000);
  }

  closed(socket: WatchSocket): void {
    const live = this.#of(socket);
    if (!live || !this.#live.delete(socket)) return;
    this.#catchUp.forget(live);
    this.named.departed(live, this.#clock());
  }

  /** Sends the reason, closes, and forgets the session. */
  finish(live: Live, ending: Parameters<typeof end>[1]): void {
    if (ending.why === "expired") this.counters.expired += 1;
    if (ending.why === "tooSlow") this.counters.closedSlow += 1;
    end(live, ending);
    this.closed(live.socket);
  }

  /**
   * Closes every session as planned: a bookmark, and a time of its own to come back after. Who stands by goes first,
   * or it would take over from the one that works for no more than this turn.
   */
  drain(retryAfterMs: () => number): number {
    const now = this.#clock();
    const head = this.#source.head();
    const all = [...this.sessions()].sort(
      (a, b) => Number(b.state.phase === "standby") - Number(a.state.phase === "standby"),
    );
    for (const live of all) {
      bookmarkAtEnd(live, now, head);
      this.finish(live, { why: "draining", retryAfterMs: retryAfterMs() });
    }
    return all.length;
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
      // One that a wake found catching up may have read these entries from the log already.
      if (state.phase !== "live" || state.pos >= to.rv) continue;
      // What is not at the commit's own start missed something: the log has it, in order.
      if (budget <= 0 || state.parkedAt > 0 || state.pos !== from.rv - 1) {
        state.phase = "catchup";
        live.socket.save(state);
        if (state.parkedAt === 0) this.#catchUp.queue(live);
        continue;
      }
      try {
        let frames = made.get(live.filter.key);
        if (!frames) {
          frames = framesOf(entries, live.filter, (entry) => this.#source.before(entry));
          made.set(live.filter.key, frames);
        }
        budget -= this.#deliver(live, frames, to.rv, now);
        this.#faults.hit("midBroadcast");
      } catch (error) {
        this.#catchUp.failed(live, error);
      }
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
      if (!this.#catchUp.send(live, frame, now)) {
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
}
