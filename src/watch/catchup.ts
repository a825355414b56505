import { GIT_EVENT } from "../ledger/entry.ts";
import type { Clock } from "../ledger/sql.ts";
import { log } from "../telemetry/log.ts";
import { compactedPage, losesEvents } from "./compacting.ts";
import type { Frame } from "./frames.ts";
import {
  bookmark,
  type Live,
  type Page,
  sendCompacted,
  sendFrame,
  sendSnapshotPage,
  type WatchSocket,
} from "./sending.ts";
import type { SessionState } from "./session.ts";
import type { FrameCache, WatchSource } from "./source.ts";
import type { Ending } from "./status.ts";

/** What is sent in one turn is held in memory, frame × sockets, until the turn ends: past this the rest goes later. */
export const TURN_BYTES = 8 * 1024 * 1024;
/** A parked session is looked at again by the alarm this much later. */
const PARKED_LOOK_MS = 30_000;

export interface CatchUpHost {
  /** Lets the runtime drain what was sent; a microtask would not. */
  yieldTurn(): Promise<void>;
  /** Keeps the object until the promise settles. */
  hold(promise: Promise<unknown>): void;
  /** Asks for an alarm at or soon after this time, ms. */
  wake(at: number): void;
  kindNames(key: string): { group: string; version: string; kind: string };
}

/** The sessions that are caught up, as their owner has them. */
export interface Ground {
  isOpen(live: Live): boolean;
  finish(live: Live, ending: Ending): void;
  closed(socket: WatchSocket): void;
  readonly counters: { eventsSent: number; framesSent: number; parked: number; compacted: number };
}

/** Brings sessions from where they are to the log's end: initial state, compacted range, D1, tail. */
export class CatchUp {
  readonly #source: WatchSource;
  readonly #cache: FrameCache;
  readonly #host: CatchUpHost;
  readonly #clock: Clock;
  readonly #ground: Ground;
  readonly #ready = new Set<Live>();
  #pumping = false;

  constructor(source: WatchSource, cache: FrameCache, host: CatchUpHost, clock: Clock, ground: Ground) {
    this.#source = source;
    this.#cache = cache;
    this.#host = host;
    this.#clock = clock;
    this.#ground = ground;
  }

  forget(live: Live): void {
    this.#ready.delete(live);
  }

  /** Sends one frame and counts it; false: no credit, or the session ended. */
  send(live: Live, frame: Frame, now: number): boolean {
    const outcome = sendFrame(live, frame, now, this.#source.head());
    if (outcome === "sent") {
      this.#ground.counters.framesSent += 1;
      this.#ground.counters.eventsSent += frame.events.length;
      return true;
    }
    if (outcome === "parked") {
      this.#ground.counters.parked += 1;
      this.#host.wake(now + PARKED_LOOK_MS);
    } else if (outcome === "tooSlow") {
      this.#ground.finish(live, {
        why: "tooSlow",
        message: "1 MiB was sent and the client sent no text; use gitstore.watch.v1, which has acknowledgements",
      });
    } else this.#ground.closed(live.socket);
    return false;
  }

  /** The session can go on. */
  queue(live: Live): void {
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
          if (!this.#tried(live)) this.#ready.delete(live);
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

  /** A fault of ours in one session must not stop the others: it is closed, and resumes from its last RV. */
  #tried(live: Live): boolean {
    try {
      return this.#step(live);
    } catch (error) {
      this.failed(live, error);
      return false;
    }
  }

  failed(live: Live, error: unknown): void {
    log("error", "a watch session failed and is closed", {
      namespace: this.#source.namespace(),
      error: String(error),
    });
    this.#ground.finish(live, { why: "failed", message: "the server failed; resume from the last resourceVersion" });
  }

  /** What is read beside the pump fails the same way: a session that waits for it would wait for ever. */
  #read(live: Live, reading: Promise<void>): void {
    this.#host.hold(
      reading.catch((error: unknown) => {
        if (this.#ground.isOpen(live)) this.failed(live, error);
      }),
    );
  }

  /** One step of one session: a frame, a page, or a change of phase. False: it waits for something else to wake it. */
  #step(live: Live): boolean {
    const { state, socket } = live;
    if (!this.#ground.isOpen(live) || live.loading || state.parkedAt > 0) return false;
    const now = this.#clock();
    if (state.phase === "live" || state.phase === "standby") return false;
    if (state.phase === "snapshot") return this.#stepSnapshot(live, now);
    if (state.phase === "compact") return this.#stepCompact(live, now);
    const hole = this.#source.hole(state.pos);
    if (hole && hole.from === state.pos) state.pos = hole.to;
    else if (hole) {
      this.#expire(live, hole.to, "EPOCH_MISMATCH");
      return this.#ground.isOpen(live);
    }
    if (state.pos >= this.#source.head()) {
      state.phase = "live";
      if (state.told < state.pos) bookmark(live, now, state.pos);
      socket.save(state);
      return false;
    }
    if (state.pos < this.#source.floor()) {
      live.loading = true;
      this.#read(live, this.#fromWindow(live));
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
      this.#read(live, this.#oldEvents(live, snap));
      return false;
    }
    const outcome = sendSnapshotPage(live, this.#source, now, page);
    if (outcome.result === "expired") {
      this.#ground.finish(live, { why: "expired", requested: outcome.at, floor: this.#source.floor() });
      return false;
    }
    if (outcome.result === "tooSlow") {
      this.#ground.finish(live, {
        why: "tooSlow",
        message: "the initial state is larger than 1 MiB and the client sent no text",
      });
      return false;
    }
    if (outcome.result === "parked") {
      live.socket.save(live.state);
      this.#ground.counters.parked += 1;
      this.#host.wake(now + PARKED_LOOK_MS);
    }
    if (outcome.result === "gone") this.#ground.closed(live.socket);
    this.#ground.counters.eventsSent += outcome.events;
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
      if (this.send(live, frame, now)) continue;
      if (this.#ground.isOpen(live)) socket.save(state);
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
      this.#ground.finish(live, { why: "expired", requested: state.pos, floor, ...(cause ? { cause } : {}) });
      return;
    }
    const head = this.#source.head();
    if (cause !== undefined || state.pos < this.#source.compactFloor()) {
      state.phase = "snapshot";
      state.snap = { at: head, kinds: this.#source.stateKinds(live.filter), kind: 0, after: "" };
    } else {
      this.#ground.counters.compacted += 1;
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
      socket.save(state);
      this.#ground.counters.parked += 1;
      this.#host.wake(now + PARKED_LOOK_MS);
    }
    if (outcome === "gone") this.#ground.closed(socket);
    if (outcome !== "sent") return false;
    this.#ground.counters.eventsSent += page.events.length;
    if (state.named) state.named.inside = page.rv;
    if (page.end) {
      state.phase = "catchup";
      state.compact = null;
    }
    socket.save(state);
    return true;
  }

  async #oldEvents(live: Live, snap: NonNullable<SessionState["snap"]>): Promise<void> {
    const query = {
      kind: GIT_EVENT,
      at: snap.at,
      after: snap.after,
      filter: live.filter,
      bytes: live.filter.frameBytes,
    };
    const loaded = await this.#source.oldEvents(query);
    live.loading = false;
    if (!this.#ground.isOpen(live)) return;
    if (loaded.result === "unavailable") this.#windowUnavailable(live, loaded.retryAfterMs);
    else if (this.#stepSnapshot(live, this.#clock(), loaded.page)) this.queue(live);
  }

  #windowUnavailable(live: Live, retryAfterMs: number): void {
    const message = "the replay window does not answer; resume later from the last resourceVersion";
    this.#ground.finish(live, { why: "unavailable", message, retryAfterMs });
  }

  async #fromWindow(live: Live): Promise<void> {
    const { state } = live;
    const frames = await this.#cache.window(state.pos, live.filter);
    live.loading = false;
    if (!this.#ground.isOpen(live)) return;
    if (frames.result === "expired") {
      this.#expire(live, frames.floor);
      if (this.#ground.isOpen(live)) this.queue(live);
    } else if (frames.result === "unavailable") {
      this.#windowUnavailable(live, frames.retryAfterMs);
    } else if (this.#advance(live, frames.frames, this.#clock())) {
      this.queue(live);
    }
  }
}
