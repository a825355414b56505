/** graphql-transport-ws, as its protocol document has it: messages, close codes, and how a client's text is read. */

export const PROTOCOL = "graphql-transport-ws";

export const CLOSE = {
  BadRequest: 4400,
  Unauthorized: 4401,
  Forbidden: 4403,
  SubprotocolNotAcceptable: 4406,
  ConnectionInitialisationTimeout: 4408,
  SubscriberAlreadyExists: 4409,
  TooManyInitialisationRequests: 4429,
} as const;

export interface Subscribe {
  type: "subscribe";
  id: string;
  payload: {
    query: string;
    operationName?: string | null | undefined;
    variables?: Record<string, unknown> | null | undefined;
  };
}

export type ClientMessage =
  | { type: "connection_init"; payload: Record<string, unknown> }
  | { type: "ping"; payload?: unknown }
  | { type: "pong" }
  | Subscribe
  | { type: "complete"; id: string };

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The reason is what the socket closes with. */
export function readMessage(data: unknown): { ok: true; message: ClientMessage } | { ok: false; reason: string } {
  const bad = (reason: string) => ({ ok: false as const, reason });
  if (typeof data !== "string") return bad("messages are text");
  let message: unknown;
  try {
    message = JSON.parse(data);
  } catch {
    return bad("a message is a JSON object");
  }
  if (!isRecord(message)) return bad("a message is a JSON object");
  const { type, id, payload } = message;
  switch (type) {
    case "connection_init":
      if (payload !== undefined && payload !== null && !isRecord(payload)) return bad("payload is an object");
      return { ok: true, message: { type, payload: isRecord(payload) ? payload : {} } };
    case "ping":
      return { ok: true, message: payload === undefined ? { type } : { type, payload } };
    case "pong":
      return { ok: true, message: { type } };
    case "complete":
      if (typeof id !== "string" || id === "") return bad("complete has an id");
      return { ok: true, message: { type, id } };
    case "subscribe": {
      if (typeof id !== "string" || id === "") return bad("subscribe has an id");
      if (!isRecord(payload) || typeof payload.query !== "string") return bad("subscribe has payload.query");
      const { query, operationName, variables } = payload;
      if (operationName !== undefined && operationName !== null && typeof operationName !== "string")
        return bad("payload.operationName is a string");
      if (variables !== undefined && variables !== null && !isRecord(variables))
        return bad("payload.variables is an object");
      return { ok: true, message: { type, id, payload: { query, operationName, variables } } };
    }
    default:
      return bad("type is one of connection_init, ping, pong, subscribe, complete");
  }
}
