import { type Entry, INSIDE } from "../ledger/entry.ts";
import { asciiJson } from "../resource/canonical.ts";
import { type Filter, judge } from "./filter.ts";

/**
 * Frames aim at the default window (256 KiB) less the quarter of it that a client may leave unacknowledged for 10 s,
 * and less their own head: so a stream of them never waits behind an 80-byte bookmark.
 */
export const FRAME_BYTES = 191 * 1024;

/** What frames aim at for a window: three quarters of it, less their head, and at most FRAME_BYTES. */
export function frameTarget(window: number): number {
  return Math.min(FRAME_BYTES, Math.floor(window * 0.75) - 1024);
}

/** A transaction up to this size is never split over frames. */
export const SPLIT_BYTES = 1024 * 1024;

/** What one watch gets of a stretch of the log: the events of (…, rv], without the connection's own header. */
export interface Frame {
  /** The resume point this frame brings a watcher to. */
  rv: number;
  /** All frames but the last of a transaction over SPLIT_BYTES; only the last makes `rv` a resume point. */
  partial: boolean;
  /** Each `{"type":…,"object":…}`, ASCII. */
  events: string[];
  bytes: number;
  /** `events` joined, made once for all watches that share the frame. */
  commas?: string;
  lines?: string;
}

/** Objects as they were before a change, for watches that they leave. Undefined: no longer kept. */
export type Before = (entry: Entry) => string | undefined;

function eventText(entry: Entry, filter: Filter, before: Before): string | null {
  const verdict = judge(filter, entry);
  if (verdict === null) return null;
  if (verdict !== "LEFT") return `{"type":"${verdict}","object":${entry.json}}`;
  return `{"type":"DELETED","object":${withResourceVersion(before(entry) ?? entry.json, entry.rv)}}`;
}

/** The old object with the RV of the change that took it out of the selector, as kube-apiserver does. */
export function withResourceVersion(json: string, rv: number): string {
  const object = JSON.parse(json) as { metadata: { resourceVersion: string } };
  object.metadata.resourceVersion = String(rv);
  return asciiJson(object);
}

/** Cuts whole transactions into frames for one filter. Frames without events are kept: they are what a bookmark covers. */
export function framesOf(entries: readonly Entry[], filter: Filter, before: Before): Frame[] {
  const frames: Frame[] = [];
  let open: Frame | undefined;
  let start = 0;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i];
    if (!entry || (entry.last === INSIDE && i < entries.length - 1)) continue;
    const events: string[] = [];
    let bytes = 0;
    for (const inside of entries.slice(start, i + 1)) {
      const text = eventText(inside, filter, before);
      if (text === null) continue;
      events.push(text);
      bytes += text.length + 1;
    }
    start = i + 1;
    if (bytes > SPLIT_BYTES) {
      if (open) frames.push(open);
      open = undefined;
      frames.push(...split(entry.rv, events, filter.frameBytes));
      continue;
    }
    if (open && open.events.length > 0 && open.bytes + bytes > filter.frameBytes) {
      frames.push(open);
      open = undefined;
    }
    open ??= { rv: entry.rv, partial: false, events: [], bytes: 0 };
    open.rv = entry.rv;
    for (const text of events) open.events.push(text);
    open.bytes += bytes;
  }
  if (open) frames.push(open);
  return frames;
}

function split(rv: number, events: readonly string[], target: number): Frame[] {
  const frames: Frame[] = [];
  let open: Frame = { rv, partial: true, events: [], bytes: 0 };
  for (const text of events) {
    if (open.events.length > 0 && open.bytes + text.length > target) {
      frames.push(open);
      open = { rv, partial: true, events: [], bytes: 0 };
    }
    open.events.push(text);
    open.bytes += text.length + 1;
  }
  open.partial = false;
  frames.push(open);
  return frames;
}

/** Initial state as ADDED events. */
export function snapshotEvents(objects: readonly { json: string }[]): { events: string[]; bytes: number } {
  let bytes = 0;
  const events = objects.map(({ json }) => {
    const text = `{"type":"ADDED","object":${json}}`;
    bytes += text.length + 1;
    return text;
  });
  return { events, bytes };
}
