import type { Frame, KubeObject, Status, WatchEvent } from "./types.ts";
import { rvOf } from "./types.ts";

/** How a watch came to its end. `code` is the close code; 0 for the end of an HTTP stream. */
export interface Ended {
  code: number;
  reason: string;
}

export const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/**
 * All that one watch received, and what of it breaks a promise. Each rule is checked on every watch of every case: a
 * case is about one thing, the promises are about all.
 */
export class Recording {
  /** ADDED, MODIFIED and DELETED, in order. */
  readonly events: WatchEvent[] = [];
  /** BOOKMARK objects of the line transports. */
  readonly bookmarks: WatchEvent[] = [];
  readonly frames: Frame[] = [];
  /** Every message or line as it came; blank lines too. */
  readonly texts: string[] = [];
  /** What breaks a promise, in words. */
  readonly violations: string[] = [];
  error: Status | undefined;
  ended: Ended | undefined;
  /** From where a client would resume; "" before there is one. */
  resumePoint = "";

  /** The highest RV of an event after the initial state. */
  #newest = 0;
  /** Nothing at or below may come any more. */
  #covered = 0;
  /** Line transports: ADDEDs of the initial state come in the order of names. */
  #initial: { name: string; newest: number } | undefined;

  constructor(initial: boolean) {
    if (initial) this.#initial = { name: "", newest: 0 };
  }

  /** The state that the events leave, by name. */
  state(): Map<string, KubeObject> {
    const state = new Map<string, KubeObject>();
    for (const { type, object } of this.events) {
      if (type === "DELETED") state.delete(key(object));
      else state.set(key(object), object);
    }
    return state;
  }

  /** One event of a line transport: a line of a chunked response, or a message of a plain WebSocket. */
  takeLine(text: string): void {
    this.texts.push(text);
    if (text === "" || text === "pong") return;
    if (/[\r\n]/.test(text)) this.#broken("an event is one line, without a line break inside");
    const event = parse<WatchEvent>(text);
    if (!event) {
      this.#broken(`what came is no JSON: ${text.slice(0, 100)}`);
      return;
    }
    if (this.error) {
      this.#broken(`${event.type} after ERROR: nothing may come after it`);
      return;
    }
    switch (event.type) {
      case "ERROR":
        this.error = event.object as unknown as Status;
        return;
      case "BOOKMARK":
        this.#bookmark(event);
        return;
      case "ADDED":
      case "MODIFIED":
      case "DELETED":
        this.#lineEvent(event);
        return;
      default:
        this.#broken(`an event of the type ${JSON.stringify((event as { type: unknown }).type)}`);
    }
  }

  #bookmark(event: WatchEvent): void {
    this.bookmarks.push(event);
    const rv = rvOf(event.object);
    const newest = Math.max(this.#newest, this.#initial?.newest ?? 0);
    if (rv < newest) this.#broken(`a bookmark at ${rv} after an event at ${newest}`);
    if (rv < this.#covered) this.#broken(`a bookmark at ${rv} after one at ${this.#covered}`);
    this.#initial = undefined;
    this.#covered = rv;
    this.resumePoint = String(rv);
  }

  #lineEvent(event: WatchEvent): void {
    const rv = rvOf(event.object);
    const initial = this.#initial;
    if (initial && event.type === "ADDED" && event.object.metadata.name > initial.name) {
      initial.name = event.object.metadata.name;
      initial.newest = Math.max(initial.newest, rv);
    } else {
      if (initial) this.#newest = initial.newest;
      this.#initial = undefined;
      this.#ordered(rv);
    }
    this.events.push(event);
    this.resumePoint = String(Math.max(rv, this.#newest, initial?.newest ?? 0));
  }

  #ordered(rv: number): void {
    if (rv <= this.#covered) this.#broken(`an event at ${rv} after a bookmark at ${this.#covered}`);
    if (rv <= this.#newest) this.#broken(`an event at ${rv} after one at ${this.#newest}`);
    this.#newest = Math.max(this.#newest, rv);
  }

  /** One message of `gitstore.watch.v1`. */
  takeFrame(text: string): void {
    this.texts.push(text);
    if (text === "pong") return;
    const frame = parse<Frame & { error?: Status; id?: string }>(text);
    if (!frame) {
      this.#broken(`what came is no JSON: ${text.slice(0, 100)}`);
      return;
    }
    if (this.error) {
      this.#broken("a frame after the error: the socket closes behind it");
      return;
    }
    if (frame.error) {
      this.error = frame.error;
      return;
    }
    if (frame.id !== undefined) return;
    this.#frame(frame, text);
    this.frames.push(frame);
    this.events.push(...frame.events);
    if (!frame.standby && !frame.partial && (!frame.snapshot || frame.end)) this.resumePoint = frame.rv;
  }

  #frame(frame: Frame, text: string): void {
    const before = this.frames.at(-1);
    const grown = frame.sent - (before?.sent ?? 0);
    if (grown !== new TextEncoder().encode(text).length)
      this.#broken(`sent grew by ${grown} with a frame of ${text.length} bytes`);
    // Another connection of the watcher works: this one has no start yet.
    if (frame.standby) return;
    if (!(Number(frame.head) >= Number(frame.rv))) this.#broken(`head ${frame.head} below rv ${frame.rv}`);
    if (!(frame.at > 1_600_000_000_000)) this.#broken(`at is ${frame.at}: no time in ms`);
    if (frame.snapshot) {
      if (frame.prev !== undefined) this.#broken("a snapshot page has no prev");
      if (before && (!before.snapshot || before.end)) {
        if (!frame.compacted && !before.standby) this.#broken("a snapshot begins behind other frames");
      } else if (before && before.rv !== frame.rv)
        this.#broken(`a snapshot of two states: ${before.rv} and ${frame.rv}`);
      return;
    }
    if (before?.snapshot && !before.end) this.#broken("the snapshot was left without its end");
    if (before?.partial) {
      if (frame.prev !== before.prev || frame.rv !== before.rv)
        this.#broken(
          `frames of one split transaction: (${before.prev}, ${before.rv}] and (${frame.prev}, ${frame.rv}]`,
        );
    } else if (before && !before.standby && frame.prev !== before.rv)
      this.#broken(`prev ${frame.prev} after rv ${before.rv}`);
    if (!(Number(frame.rv) >= Number(frame.prev))) this.#broken(`rv ${frame.rv} below prev ${frame.prev}`);
    for (const { object } of frame.events) {
      const rv = rvOf(object);
      if (!frame.compacted && rv <= this.#newest) this.#broken(`an event at ${rv} after one at ${this.#newest}`);
      if (rv <= Number(frame.prev) || rv > Number(frame.rv))
        this.#broken(`an event at ${rv} in a frame of (${frame.prev}, ${frame.rv}]`);
      this.#newest = Math.max(this.#newest, rv);
    }
  }

  #broken(what: string): void {
    this.violations.push(what);
  }

  /** For messages about what did not come. */
  describe(): string {
    const events = this.events
      .slice(-8)
      .map(({ type, object }) => `${type} ${object.metadata?.name}@${object.metadata?.resourceVersion}`);
    const parts = [`${this.events.length} events${events.length > 0 ? ` (…${events.join(", ")})` : ""}`];
    if (this.frames.length > 0) parts.push(`${this.frames.length} frames up to rv ${this.frames.at(-1)?.rv}`);
    if (this.bookmarks.length > 0) parts.push(`${this.bookmarks.length} bookmarks`);
    if (this.error) parts.push(`error ${JSON.stringify(this.error)}`);
    if (this.ended) parts.push(`ended ${JSON.stringify(this.ended)}`);
    return parts.join("; ");
  }
}

const key = (object: KubeObject): string => `${object.kind}/${object.metadata.name}`;

function parse<T>(text: string): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}
