import { errorText } from "./encode.ts";
import type { Encoding } from "./session.ts";
import { closeReason } from "./status.ts";

export const PROTOCOL = "gitstore.watch.v1";
export const BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io.";

const CLOSE: Record<number, number> = {
  400: 4400,
  401: 4401,
  403: 4403,
  404: 4404,
  405: 4400,
  410: 4410,
  415: 4400,
  422: 4400,
  429: 4429,
  501: 4400,
  503: 4503,
};

export function isUpgrade(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Subprotocols the client offered; the one that carries a token is none. */
export function offeredProtocols(request: Request): string[] {
  const header = request.headers.get("sec-websocket-protocol") ?? "";
  return header
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "" && !text.startsWith(BEARER_PROTOCOL));
}

/** What a WebSocket request speaks: our protocol where it is offered, else one event a message. */
export function encodingOf(request: Request): Encoding {
  return offeredProtocols(request).includes(PROTOCOL) ? "frames" : "events";
}

export function protocolHeaders(enc: Encoding): Record<string, string> {
  return enc === "frames" ? { "sec-websocket-protocol": PROTOCOL } : {};
}

/**
 * Refuses a watch over WebSocket as its clients can read it: browsers and `ws` show neither status nor body of a failed
 * upgrade, so it is accepted here, before any ledger is touched, and the error is a frame and a close code.
 */
export function refuseUpgrade(
  request: Request,
  status: { code: number; message?: string; details?: { retryAfterSeconds?: number } },
): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  const enc = encodingOf(request);
  server.accept();
  server.send(errorText(enc, status as Parameters<typeof errorText>[1]));
  const retry = status.details?.retryAfterSeconds;
  const reason =
    status.code === 503 && retry !== undefined ? `retryAfterMs=${retry * 1000}` : (status.message ?? "refused");
  server.close(CLOSE[status.code] ?? 1011, closeReason(reason));
  return new Response(null, { status: 101, webSocket: client, headers: protocolHeaders(enc) });
}
