/**
 * The watch of every namespace that the token may watch: a stream for each, and the cluster's to hear of namespaces
 * that come and go. Order holds within a namespace; the cursor says where each of them stands.
 */

import type { KindDef } from "../../resource/kind.ts";
import { badInput } from "../errors.ts";
import { encodeVector, MAX_NAMESPACES } from "./cursor.ts";
import type { Departed } from "./departed.ts";
import { endingOf, overflow } from "./ending.ts";
import { bookmark, eventOf, type Feed, type Payload, type WatchEvent } from "./payload.ts";
import type { Item, LedgerStream, StreamStart, WatchedObject } from "./stream.ts";

/** Streams that read what they missed, at once: each may bring a first frame of 256 KiB. */
const CATCHING_UP = 6;
/** Characters that wait in all streams together; a reader that lets them grow past this is not reading. */
export const MAX_QUEUED = 16 * 1024 * 1024;
/** A cursor that moved without an event is told so often. */
const BOOKMARK_MS = 30_000;

export interface AllOptions {
  kind: KindDef;
  /** Where each namespace stands; one that is missing is told from its beginning. */
  at: Map<string, number>;
  /** Namespaces that there are, and that the token may watch. */
  there: readonly string[];
  /** A BOOKMARK first. */
  bootstrap: boolean;
  isShown: (namespace: string) => boolean;
  /** Namespaces' own changes, from where `there` was read. */
  cluster: LedgerStream;
  open: (namespace: string, start: StreamStart) => LedgerStream;
  departed: (namespace: string, uid: string | undefined) => Departed;
  now: () => number;
}

interface Member {
  name: string;
  stream?: LedgerStream;
  departed?: Departed;
  /** Made again while it was being said to be gone. */
  again: boolean;
}

export class AllFeed implements Feed {
  readonly #options: AllOptions;
  readonly #at: Map<string, number>;
  readonly #members = new Map<string, Member>();
  /** Whose turn it is. */
  #turn: string[] = [];
  #error: Payload | undefined;
  #first: WatchEvent | undefined;
  /** The cursor moved since it was last told. */
  #moved = false;
  #toldAt: number;
  #complete = false;

  constructor(options: AllOptions) {
    this.#options = options;
    this.#at = options.at;
    this.#toldAt = options.now();
    for (const name of options.there) this.#members.set(name, { name, again: false });
    for (const name of this.#at.keys()) if (!this.#members.has(name)) this.#leave(name, undefined);
    if (options.bootstrap) this.#first = bookmark(options.kind.kind, undefined, this.cursor);
    this.#complete = [...this.#members.keys()].every((name) => this.#at.has(name));
    this.#openMore();
  }

  get cursor(): string {
    return encodeVector(this.#at);
  }

  take(): Payload | undefined {
    if (this.#error) return this.#error;
    if (this.#first) {
      const event = this.#first;
      this.#first = undefined;
      return { event };
    }
    this.#hearOfNamespaces();
    if (this.#error) return this.#error;
    // Once round at least, wherever the last turn ended.
    for (let tries = this.#turn.length + this.#members.size; tries > 0; tries -= 1) {
      const member = this.#next();
      const payload = member && this.#takeFrom(member);
      if (!payload) continue;
      this.#openMore();
      this.#toldAt = this.#options.now();
      return payload;
    }
    this.#openMore();
    return this.#bookmarkIfDue();
  }

  /** On arrival, because a reader that stalls takes nothing: what waits is bounded whatever it does. */
  guard(): void {
    if (this.#error) return;
    let queued = 0;
    for (const { stream } of this.#members.values()) queued += stream?.queued ?? 0;
    if (queued > MAX_QUEUED) this.#fail({ error: overflow(this.cursor) });
  }

  close(): void {
    this.#options.cluster.close();
    for (const { stream } of this.#members.values()) stream?.close();
    this.#members.clear();
  }

  #fail(payload: Payload): void {
    this.#error ??= payload;
    this.close();
  }

  #next(): Member | undefined {
    if (this.#turn.length === 0) this.#turn = [...this.#members.keys()];
    const name = this.#turn.shift();
    return name === undefined ? undefined : this.#members.get(name);
  }

  #takeFrom(member: Member): Payload | undefined {
    if (member.departed) return this.#takeDeparted(member, member.departed);
    for (;;) {
      const item = member.stream?.take();
      if (!item) return undefined;
      const payload = this.#told(member, item);
      if (payload) return payload;
    }
  }

  #told({ name }: Member, item: Item): Payload | undefined {
    if (item.is === "over") return { error: endingOf(item.status, this.cursor) };
    if (item.is === "event") {
      if (!item.initial || item.last) this.#at.set(name, Number(item.rv));
      return { event: eventOf(item.type, item.object, this.cursor) };
    }
    if (this.#at.get(name) !== Number(item.rv)) {
      this.#at.set(name, Number(item.rv));
      this.#moved = true;
    }
    return undefined;
  }

  #takeDeparted(member: Member, departed: Departed): Payload | undefined {
    const found = departed.take();
    if (!found) return undefined;
    if (found.is === "error") return { error: found.error };
    if (found.is === "object" && !found.last) return { event: eventOf("DELETED", found.object, this.cursor) };
    this.#at.delete(member.name);
    this.#members.delete(member.name);
    if (member.again) this.#join(member.name);
    if (found.is === "object") return { event: eventOf("DELETED", found.object, this.cursor) };
    this.#moved = true;
    return undefined;
  }

  #hearOfNamespaces(): void {
    for (let item = this.#options.cluster.take(); item; item = this.#options.cluster.take()) {
      if (item.is === "over") this.#fail({ error: endingOf(item.status, this.cursor) });
      if (item.is !== "event") continue;
      const { name } = item.object.metadata;
      if (!this.#options.isShown(name)) continue;
      if (item.type === "DELETED") this.#leave(name, uidOf(item.object));
      else if (item.type === "ADDED") this.#join(name);
    }
  }

  #join(name: string): void {
    const known = this.#members.get(name);
    if (known) {
      known.again = known.departed !== undefined;
      return;
    }
    if (this.#members.size >= MAX_NAMESPACES) this.#fail({ error: tooMany(this.#members.size + 1) });
    else this.#members.set(name, { name, again: false });
  }

  #leave(name: string, uid: string | undefined): void {
    const member = this.#members.get(name) ?? { name, again: false };
    member.again = false;
    if (member.departed) return;
    member.stream?.close();
    const { stream: _, ...rest } = member;
    this.#members.set(name, { ...rest, departed: this.#options.departed(name, uid) });
  }

  /** Namespaces that wait for their turn are where they were: nothing is missed. */
  #openMore(): void {
    const busy = [...this.#members.values()].filter(({ stream }) => stream && !stream.synced && !stream.waiting);
    let free = CATCHING_UP - busy.length;
    for (const member of this.#members.values()) {
      if (free <= 0) return;
      if (member.stream || member.departed) continue;
      const rv = this.#at.get(member.name);
      member.stream = this.#options.open(member.name, rv === undefined ? { from: "state" } : { from: "rv", rv });
      free -= 1;
    }
  }

  /** At the end of the initial state, and from then on now and then. */
  #bookmarkIfDue(): Payload | undefined {
    if (!this.#moved) return undefined;
    const now = this.#options.now();
    const isWhole = !this.#complete && [...this.#members.keys()].every((name) => this.#at.has(name));
    if (!isWhole && now - this.#toldAt < BOOKMARK_MS) return undefined;
    this.#complete ||= isWhole;
    this.#moved = false;
    this.#toldAt = now;
    return { event: bookmark(this.#options.kind.kind, undefined, this.cursor) };
  }
}

export function tooMany(found: number) {
  return badInput(
    `a watch without a namespace is of at most ${MAX_NAMESPACES} namespaces, found ${found}: name one, or use a token for fewer`,
  );
}

function uidOf({ metadata }: WatchedObject): string | undefined {
  return typeof metadata.uid === "string" ? metadata.uid : undefined;
}
