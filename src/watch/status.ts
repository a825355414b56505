/** Kubernetes `Status` objects that end a watch, and the close code each has on a WebSocket. */
export interface StatusObject {
  kind: "Status";
  apiVersion: "v1";
  metadata: Record<string, never>;
  status: "Failure";
  message: string;
  reason: string;
  details?: { causes?: { reason: string; message: string }[]; retryAfterSeconds?: number };
  code: number;
}

export type Ending =
  | { why: "expired"; requested: number; floor: number; cause?: string }
  | { why: "future"; requested: number; head: number }
  | { why: "badFrame"; message: string }
  | { why: "forbidden"; message: string }
  | { why: "unauthorized"; message: string }
  | { why: "gone"; message: string }
  | { why: "tooSlow"; message: string }
  | { why: "unavailable"; message: string; retryAfterMs: number }
  | { why: "draining"; retryAfterMs: number }
  | { why: "failed"; message: string }
  | { why: "takenOver"; message: string }
  | { why: "ended"; message: string };

function failure(code: number, reason: string, message: string, details?: StatusObject["details"]): StatusObject {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(details ? { details } : {}),
    code,
  };
}

function notNow(message: string, retryAfterMs: number): { status: StatusObject; close: number; reason: string } {
  const details = { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) };
  return {
    status: failure(503, "ServiceUnavailable", message, details),
    close: 4503,
    reason: `retryAfterMs=${retryAfterMs}`,
  };
}

/** The one place where the reason a watch ends becomes what the wire says. */
export function endingOf(ending: Exclude<Ending, { why: "ended" }>): {
  status: StatusObject;
  close: number;
  reason: string;
};
export function endingOf(ending: Ending): { status?: StatusObject; close: number; reason: string };
export function endingOf(ending: Ending): { status?: StatusObject; close: number; reason: string } {
  switch (ending.why) {
    case "expired": {
      const message = `too old resource version: ${ending.requested} (${ending.floor})`;
      const details = ending.cause ? { causes: [{ reason: ending.cause, message }] } : undefined;
      return { status: failure(410, "Expired", message, details), close: 4410, reason: "expired: list again" };
    }
    case "future": {
      const message = `too large resource version: ${ending.requested}, current: ${ending.head}`;
      const causes = [{ reason: "ResourceVersionTooLarge", message }];
      return {
        status: failure(410, "Expired", message, { causes }),
        close: 4410,
        reason: "resourceVersion is in the future: list again",
      };
    }
    case "badFrame":
      return { status: failure(400, "BadRequest", ending.message), close: 4400, reason: ending.message };
    case "forbidden":
      return { status: failure(403, "Forbidden", ending.message), close: 4403, reason: ending.message };
    case "unauthorized":
      return { status: failure(401, "Unauthorized", ending.message), close: 4401, reason: ending.message };
    case "gone":
      return { status: failure(404, "NotFound", ending.message), close: 4404, reason: ending.message };
    case "tooSlow":
      return { status: failure(429, "TooManyRequests", ending.message), close: 4429, reason: ending.message };
    case "unavailable":
      return notNow(ending.message, ending.retryAfterMs);
    case "draining":
      return notNow("the server is draining: resume later from the last resourceVersion", ending.retryAfterMs);
    case "failed":
      return { status: failure(500, "InternalError", ending.message), close: 1011, reason: ending.message };
    case "takenOver":
      return { status: failure(409, "Conflict", ending.message), close: 4408, reason: ending.message };
    case "ended":
      return { close: 1000, reason: ending.message };
  }
}

/** Close reasons are at most 123 bytes of UTF-8, or `close` throws (RFC 6455 §5.5). All ours are ASCII. */
export function closeReason(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 123);
}
