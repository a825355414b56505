/** Where a request carries its token. */
import { decodeBase64url } from "./keys.ts";

/** A browser cannot set headers on a WebSocket, so Kubernetes takes the token in an extra subprotocol. */
export const BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io.";

export type Bearer = { found: "none" } | { found: "token"; token: string } | { found: "malformed"; reason: string };

export function bearerOf(headers: Headers): Bearer {
  const authorization = headers.get("authorization");
  if (authorization !== null) {
    const match = /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(authorization);
    if (!match?.[1]) return { found: "malformed", reason: `the header Authorization is not "Bearer <token>"` };
    return { found: "token", token: match[1] };
  }
  const offered = protocolsOf(headers).find((protocol) => protocol.startsWith(BEARER_PROTOCOL));
  if (offered !== undefined) {
    const bytes = decodeBase64url(offered.slice(BEARER_PROTOCOL.length));
    if (!bytes) return { found: "malformed", reason: "the token in Sec-WebSocket-Protocol is not base64url" };
    return { found: "token", token: new TextDecoder().decode(bytes) };
  }
  const access = headers.get("cf-access-jwt-assertion");
  return access ? { found: "token", token: access } : { found: "none" };
}

/** The subprotocols a WebSocket offers, in its order. */
export function protocolsOf(headers: Headers): string[] {
  return (headers.get("sec-websocket-protocol") ?? "")
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== "");
}
