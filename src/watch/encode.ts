import type { Frame } from "./frames.ts";
import type { SessionState } from "./session.ts";
import type { StatusObject } from "./status.ts";

export const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

export interface FrameHead {
  /** Absent only in the frame that says a connection stands by. */
  rv?: number;
  standby?: boolean;
  /** Absent in snapshots. */
  prev?: number;
  partial?: boolean;
  snapshot?: boolean;
  end?: boolean;
  /** Made up as of one RV instead of read from the log. */
  compacted?: boolean;
  /** Kinds of the watch that cannot be made up. */
  lost?: string[];
  /** A named watcher's connection, in its first frame. */
  epoch?: number;
}

/**
 * The text of one frame, and `sent` with it. `sent` counts the frame's own bytes, its own digits included, so the
 * number is found by trying: it settles at the second digit count at the latest.
 */
export function frameText(
  state: SessionState,
  head: FrameHead,
  events: string,
  now: number,
  newest: number,
): { text: string; sent: number } {
  const tail =
    (head.prev === undefined ? "" : `,"prev":"${head.prev}"`) +
    (head.rv === undefined ? "" : `,"rv":"${head.rv}"`) +
    (head.standby ? ',"standby":true' : "") +
    (head.snapshot ? ',"snapshot":true' : "") +
    (head.partial ? ',"partial":true' : "") +
    (head.end ? ',"end":true' : "") +
    (head.compacted ? ',"compacted":true' : "") +
    (head.lost ? `,"lost":${JSON.stringify(head.lost)}` : "") +
    (head.epoch === undefined ? "" : `,"epoch":${head.epoch}`) +
    `,"head":"${newest}","at":${now}` +
    (state.enc === "frames" ? `,"events":[${events}]}` : `}\n${events}`);
  const fixed = state.sent + '{"sent":'.length + tail.length;
  let sent = fixed;
  while (fixed + String(sent).length !== sent) sent = fixed + String(sent).length;
  return { text: `{"sent":${sent}${tail}`, sent };
}

export function eventsOf(frame: Frame, enc: SessionState["enc"]): string {
  if (enc === "lines") {
    frame.lines ??= frame.events.length > 0 ? `${frame.events.join("\n")}\n` : "";
    return frame.lines;
  }
  frame.commas ??= frame.events.join(",");
  return frame.commas;
}

/** A BOOKMARK event: the collection's own kind, because client-go drops an event whose type differs before looking at it. */
export function bookmarkEvent(of: { apiVersion: string; kind: string }, rv: number, initialEnd: boolean): string {
  const annotations = initialEnd ? `,"annotations":{"${INITIAL_EVENTS_END}":"true"}` : "";
  return `{"type":"BOOKMARK","object":{"kind":${JSON.stringify(of.kind)},"apiVersion":${JSON.stringify(of.apiVersion)},"metadata":{"resourceVersion":"${rv}","creationTimestamp":null${annotations}}}}`;
}

export function errorText(enc: SessionState["enc"], status: StatusObject): string {
  if (enc === "events") return `{"type":"ERROR","object":${JSON.stringify(status)}}`;
  return enc === "lines" ? `{"error":${JSON.stringify(status)}}\n` : `{"error":${JSON.stringify(status)}}`;
}
