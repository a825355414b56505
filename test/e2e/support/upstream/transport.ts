/** How upstream's controller manager speaks: facts of its binary, read operation by operation, its defects included. */
import { request } from "node:http";
import WebSocket from "ws";

export interface Api {
  /** `…/graphql`. */
  uri: string;
  token: string;
}

export type Variables = Record<string, unknown>;

/** An entry of `errors`: fails the whole reply, whatever data came with it. */
export class GraphqlError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

interface Reply {
  data?: unknown;
  errors?: { message: string; extensions?: { code?: string } }[];
}

/** No `Accept`, no operation name; a status from 300 tells it nothing but that it failed. */
export async function post<T>({ uri, token }: Api, query: string, variables?: Variables): Promise<T> {
  const body = JSON.stringify(variables === undefined ? { query } : { query, variables });
  const headers = {
    "Content-Type": "application/json",
    Authorization: `Bearer ${token}`,
    "Content-Length": Buffer.byteLength(body),
  };
  const text = await new Promise<string>((resolve, reject) => {
    const asked = request(uri, { method: "POST", headers, agent: false }, (answer) => {
      const status = answer.statusCode ?? 0;
      let received = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => {
        received += part;
      });
      answer.once("error", reject);
      answer.once("end", () =>
        status < 300 ? resolve(received) : reject(new Error(`HTTP ${status}: ${received.slice(0, 200)}`)),
      );
    });
    asked.once("error", reject);
    asked.end(body);
  });
  return dataOf(JSON.parse(text) as Reply) as T;
}

function dataOf({ data, errors }: Reply): unknown {
  const [first] = errors ?? [];
  if (first) throw new GraphqlError(first.extensions?.code ?? "", first.message);
  return data;
}

/** Why a stream is over. `code`: of an error; without one it is transient, and resumed. */
export interface Ending {
  code?: string;
  message: string;
}

/**
 * One connection for one subscription. It sends no Authorization and no Origin with the upgrade, reads exactly one
 * message for `connection_ack`, ignores the protocol's `ping` messages, and goes by `complete` and an abrupt close.
 * `take` says whether to go on.
 */
export function subscribe(
  { uri, token }: Api,
  query: string,
  variables: Variables,
  take: (data: unknown) => boolean,
  signal: AbortSignal,
): Promise<Ending> {
  return new Promise((resolve) => {
    const socket = new WebSocket(uri.replace(/^http/, "ws"), "graphql-transport-ws");
    const end = (ending: Ending): void => {
      signal.removeEventListener("abort", leave);
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ id: "1", type: "complete" }));
      socket.terminate();
      resolve(ending);
    };
    const leave = (): void => end({ message: "left" });
    let acknowledged = false;
    socket.on("open", () =>
      socket.send(JSON.stringify({ type: "connection_init", payload: { Authorization: `Bearer ${token}` } })),
    );
    socket.on("message", (text) => {
      const { type, payload } = JSON.parse(String(text)) as { type: string; payload?: unknown };
      if (!acknowledged) {
        if (type !== "connection_ack") return end({ message: `${type} came before connection_ack` });
        acknowledged = true;
        return socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query, variables } }));
      }
      if (type === "complete") return end({ message: "complete" });
      if (type !== "next" && type !== "error") return;
      try {
        if (!take(dataOf(type === "next" ? (payload as Reply) : { errors: payload as NonNullable<Reply["errors"]> })))
          end({ message: "left" });
      } catch (error) {
        end({ ...(error instanceof GraphqlError ? { code: error.code } : {}), message: String(error) });
      }
    });
    socket.once("error", (error) => end({ message: String(error) }));
    socket.once("close", (code) => end({ message: `closed ${code}` }));
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
  });
}
