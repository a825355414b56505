/** Texts of the wire, as records. Throws where a text is none of the protocol's: that is a fault of the server. */
import type { EventType, Received, RecordedEvent, WatchedObject } from "../history.ts";
import { keyOf } from "../history.ts";

interface StatusBody {
  code: number;
  reason?: string;
  message?: string;
  details?: { causes?: { reason: string }[] };
}

interface FrameBody {
  sent: number;
  prev?: string;
  rv: string;
  head: string;
  snapshot?: boolean;
  partial?: boolean;
  end?: boolean;
  compacted?: boolean;
  lost?: string[];
  events: { type: string; object: WatchedObject }[];
  error?: StatusBody;
}

const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/** A frame of `gitstore.watch.v1`. */
export function parseFrame(text: string, order: number): Received {
  const body = JSON.parse(text) as FrameBody;
  if (body.error) return errorOf(body.error, order);
  return {
    what: "frame",
    order,
    bytes: text.length,
    sent: body.sent,
    prev: body.prev === undefined ? undefined : integer(body.prev),
    rv: integer(body.rv),
    head: integer(body.head),
    snapshot: body.snapshot === true,
    partial: body.partial === true,
    end: body.end === true,
    compacted: body.compacted === true,
    lost: body.lost ?? [],
    events: body.events.map((event) => eventOf(event.type, event.object)),
  };
}

/** `{"type","object"}`: a line of an HTTP watch, a message of a plain WebSocket. */
export function parseEvent(text: string, order: number): Received {
  const { type, object } = JSON.parse(text) as { type: string; object: WatchedObject };
  if (type === "ERROR") return errorOf(object as unknown as StatusBody, order);
  if (type === "BOOKMARK") {
    const initialEnd = object.metadata.annotations?.[INITIAL_EVENTS_END] === "true";
    return { what: "bookmark", order, rv: integer(object.metadata.resourceVersion), initialEnd };
  }
  return { what: "event", order, event: eventOf(type, object) };
}

function eventOf(type: string, object: WatchedObject): RecordedEvent {
  if (type !== "ADDED" && type !== "MODIFIED" && type !== "DELETED")
    throw new Error(`an event's type is ADDED, MODIFIED or DELETED, not ${JSON.stringify(type)}`);
  const rv = integer(object.metadata.resourceVersion);
  return { type: type satisfies EventType, rv, key: keyOf(object), object };
}

function errorOf(status: StatusBody, order: number): Received {
  const causes = (status.details?.causes ?? []).map(({ reason }) => reason);
  const { code, reason = "", message = "" } = status;
  return { what: "error", order, code, reason, causes, message };
}

function integer(text: string): number {
  if (!/^[1-9][0-9]*$/.test(text))
    throw new Error(`a resourceVersion is a positive decimal, not ${JSON.stringify(text)}`);
  return Number(text);
}
