import type { Live, WatchSocket } from "./sending.ts";
import type { Ending } from "./status.ts";

/** A report of `done` is durable within this time, and at close. */
export const DONE_WITHIN_MS = 10_000;
/** While reports come often, one write in so many milliseconds serves them. */
const DONE_EVERY_MS = 5_000;
/** A working connection that has sent nothing for so long, `ping` included, gives way to one that stands by. */
export const SILENT_MS = 30_000;

/** The durable side of named watchers, and what the runtime knows of a socket. */
export interface NamedHost {
  takeOver(sub: string, name: string): { epoch: number; position: number };
  advance(sub: string, name: string, position: number): void;
  /** Whether an RV ends a transaction, as far as the log can still tell. */
  isResumePoint(rv: number): boolean;
  /** When the runtime last answered this socket's `ping`, ms; 0: never. */
  pingedAt(socket: WatchSocket): number;
}

/** What the rules of named watchers need of the engine. */
export interface Sessions {
  sessions(): Iterable<Live>;
  finish(live: Live, ending: Ending): void;
  /** Starts a session that stood by, from the watcher's position. */
  begin(live: Live, position: number): void;
  wake(at: number): void;
}

function sameWatcher(a: Live, b: Live): boolean {
  return a !== b && a.state.named !== null && a.state.named.name === b.state.named?.name && a.state.sub === b.state.sub;
}

/** One connection of a watcher works; others of its name were taken over, or stand by. */
export class NamedConnections {
  readonly #host: NamedHost;
  readonly #engine: Sessions;

  constructor(host: NamedHost, engine: Sessions) {
    this.#host = host;
    this.#engine = engine;
  }

  working(live: Live): Live | undefined {
    for (const other of this.#engine.sessions()) {
      if (sameWatcher(other, live) && other.state.phase !== "standby") return other;
    }
    return undefined;
  }

  /** A new connection works from now on: the one before it is closed, and its late writes are fenced. */
  arrive(live: Live): void {
    for (const other of [...this.#engine.sessions()]) {
      if (!sameWatcher(other, live) || other.state.phase === "standby") continue;
      this.#engine.finish(other, { why: "takenOver", message: "another connection of this watcher took over" });
    }
  }

  /** Reads `done`; returns why it is refused. */
  done(live: Live, rv: number, now: number): string | undefined {
    const { state } = live;
    const { named } = state;
    if (!named) return "done needs a named watcher: connect with watcher=<name>";
    if (state.phase === "standby") return "a connection that stands by has worked nothing";
    if (rv > state.told || (rv > (named.inside ?? 0) && !this.#host.isResumePoint(rv)))
      return `done ${rv} is no resume point that was sent on this connection`;
    if (rv <= named.done) return undefined;
    named.done = rv;
    if (now - named.savedAt >= DONE_EVERY_MS) this.save(live, now);
    else this.#engine.wake(named.savedAt + DONE_WITHIN_MS);
    live.socket.save(state);
    return undefined;
  }

  save(live: Live, now: number): void {
    const { state } = live;
    if (!state.named || state.named.done <= state.named.saved) return;
    this.#host.advance(state.sub, state.named.name, state.named.done);
    state.named.saved = state.named.done;
    state.named.savedAt = now;
  }

  /** A working connection is gone: the longest-waiting one that stands by takes over, where the position says. */
  departed(gone: Live, now: number): void {
    this.save(gone, now);
    if (!gone.state.named || gone.state.phase === "standby" || this.working(gone)) return;
    for (const live of this.#engine.sessions()) {
      if (!sameWatcher(live, gone)) continue;
      const { epoch, position } = this.#host.takeOver(live.state.sub, gone.state.named.name);
      live.state.named = {
        ...gone.state.named,
        epoch,
        done: position,
        saved: position,
        savedAt: now,
        told: false,
        inside: position,
      };
      this.#engine.begin(live, position);
      return;
    }
  }

  /** In the alarm: what was reported becomes durable, and a silent connection gives way. Returns when to look again. */
  tend(live: Live, now: number): number | undefined {
    const { state } = live;
    if (!state.named || state.phase === "standby") return undefined;
    if (state.named.done > state.named.saved) {
      this.save(live, now);
      live.socket.save(state);
    }
    const waits = [...this.#engine.sessions()].some(
      (other) => sameWatcher(other, live) && other.state.phase === "standby",
    );
    if (!waits) return undefined;
    const heardAt = Math.max(state.heardAt, this.#host.pingedAt(live.socket));
    if (heardAt + SILENT_MS > now) return heardAt + SILENT_MS;
    this.#engine.finish(live, {
      why: "takenOver",
      message: "nothing was heard for 30 s, and another connection stood by",
    });
    return undefined;
  }
}
