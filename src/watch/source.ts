import type { Became } from "../ledger/compact.ts";
import type { Entry } from "../ledger/entry.ts";
import type { Segment } from "../ledger/log.ts";
import type { KindKey } from "../resource/types.ts";
import type { Filter } from "./filter.ts";
import { type Frame, framesOf } from "./frames.ts";
import type { Page } from "./sending.ts";

export interface PageQuery {
  kind: KindKey;
  at: number;
  after: string;
  filter: Filter;
  bytes: number;
}

/** What the watch reads of a ledger. */
export interface WatchSource {
  namespace(): string;
  head(): number;
  /** RVs at and below are not in the tail. */
  floor(): number;
  /** The tail from `after` to the next cut point; undefined at its end. */
  segment(after: number): Segment | undefined;
  /** The same from D1, for `after` below the floor. */
  window(
    after: number,
  ): Promise<
    | { result: "segment"; segment: Segment }
    | { result: "expired"; floor: number }
    | { result: "unavailable"; retryAfterMs: number }
  >;
  /** One page of a kind as of `at`, in name order, that the filter lets through, of about `bytes`. */
  page(query: PageQuery): Page;
  /** GitEvents that left the tail are in D1: a page of them, for the initial state of a watch that asks for the kind. */
  oldEvents(
    query: PageQuery,
  ): Promise<{ result: "page"; page: Page } | { result: "unavailable"; retryAfterMs: number }>;
  /** What (after, to] comes to, as of `to`: at most `limit` changes in RV order. */
  compact(after: number, to: number, limit: number): { changes: Became[]; done: boolean };
  /** RVs at and below cannot be compacted from: their tombstones are gone. */
  compactFloor(): number;
  /** A range that a restore skipped: resuming at its start goes on at its end; inside it nothing ever was. */
  hole(rv: number): { from: number; to: number } | undefined;
  /** Kinds that an initial state for this filter is made of. */
  stateKinds(filter: Filter): KindKey[];
  /** The object as it was before a change; undefined when it is no longer kept. */
  before(entry: Entry): string | undefined;
}

/** Segments kept for watchers that catch up together; above this the least recently used go. */
const CACHE_BYTES = 16 * 1024 * 1024;

interface Cached {
  segment: Segment;
  frames: Map<string, Frame[]>;
}

/**
 * Cut points belong to the log, so watchers that catch up read the same segments and share their frames: building them
 * is 1 ms a 256 KiB frame, and a storm of 500 resumes would pay it 500 times.
 */
export class FrameCache {
  readonly #source: WatchSource;
  readonly #cached = new Map<string, Cached>();
  #bytes = 0;
  readonly #loading = new Map<number, ReturnType<WatchSource["window"]>>();

  constructor(source: WatchSource) {
    this.#source = source;
  }

  /** Frames of the tail after `after`, to the next cut point. */
  tail(after: number, filter: Filter): Frame[] | undefined {
    const key = `t${after}`;
    const known = this.#cached.get(key);
    if (known && (known.segment.cut || known.segment.to === this.#source.head()))
      return this.#frames(key, known, filter);
    if (known) this.#drop(key, known);
    const segment = this.#source.segment(after);
    return segment && this.#frames(key, this.#keep(key, segment), filter);
  }

  async window(
    after: number,
    filter: Filter,
  ): Promise<
    | { result: "frames"; frames: Frame[] }
    | { result: "expired"; floor: number }
    | { result: "unavailable"; retryAfterMs: number }
  > {
    const key = `w${after}`;
    const known = this.#cached.get(key);
    if (known) return { result: "frames", frames: this.#frames(key, known, filter) };
    // One D1 read serves every watcher that waits for the same stretch.
    let loading = this.#loading.get(after);
    if (!loading) {
      loading = this.#source.window(after).finally(() => this.#loading.delete(after));
      this.#loading.set(after, loading);
    }
    const loaded = await loading;
    if (loaded.result !== "segment") return loaded;
    const cached = this.#cached.get(key) ?? this.#keep(key, loaded.segment);
    return { result: "frames", frames: this.#frames(key, cached, filter) };
  }

  #frames(key: string, cached: Cached, filter: Filter): Frame[] {
    this.#cached.delete(key);
    this.#cached.set(key, cached);
    let frames = cached.frames.get(filter.key);
    if (!frames) {
      frames = framesOf(cached.segment.entries, filter, (entry) => this.#source.before(entry));
      cached.frames.set(filter.key, frames);
      this.#bytes += frames.reduce((sum, frame) => sum + 2 * frame.bytes, 0);
    }
    return frames;
  }

  #keep(key: string, segment: Segment): Cached {
    const cached: Cached = { segment, frames: new Map() };
    this.#cached.set(key, cached);
    this.#bytes += segment.bytes;
    for (const [oldest, entry] of this.#cached) {
      if (this.#bytes <= CACHE_BYTES || oldest === key) break;
      this.#drop(oldest, entry);
    }
    return cached;
  }

  #drop(key: string, cached: Cached): void {
    this.#cached.delete(key);
    this.#bytes -= cached.segment.bytes;
    for (const frames of cached.frames.values()) this.#bytes -= frames.reduce((sum, frame) => sum + 2 * frame.bytes, 0);
  }
}
