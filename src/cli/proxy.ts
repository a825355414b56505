/** A reverse proxy on the loopback that adds a token to requests that have none. */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { Failure } from "./exit.ts";

export interface ProxyOptions {
  server: string;
  token(): Promise<string>;
  /** 0: any free one. */
  port: number;
  signal: AbortSignal;
  ready(url: string): void;
}

/** Half of the life of a token that is made here. */
const TOKEN_FRESH_MS = 30 * 60_000;
/** RFC 9110 §7.6.1: of one connection, not of the message. */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"];

/** Resolves when the signal ends it. */
export async function serveProxy(options: ProxyOptions): Promise<void> {
  const { signal } = options;
  const token = renewed(options.token);
  // Before anything is served: a token that cannot be had is a mistake of who starts this.
  await token();
  const server = createServer((request, response) => {
    forward(options.server, token, request, response).catch((error: unknown) => {
      refuse(response, 502, `${options.server} does not answer: ${error instanceof Error ? error.message : error}`);
    });
  });
  // A watch is silent for as long as nothing changes.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(new Failure(`port ${options.port} cannot be listened on: ${error.code}`, "Give another with --port.")),
    );
    server.listen(options.port, "127.0.0.1", resolve);
  });
  options.ready(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

function renewed(make: () => Promise<string>): () => Promise<string> {
  let token: string | undefined;
  let madeAt = 0;
  return async () => {
    if (token === undefined || Date.now() - madeAt > TOKEN_FRESH_MS) {
      token = await make();
      madeAt = Date.now();
    }
    return token;
  };
}

async function forward(
  server: string,
  token: () => Promise<string>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // A page in a browser could reach the port by a name of its own that leads here (DNS rebinding).
  if (!isLoopback(request.headers.host)) return refuse(response, 403, "only requests to this machine are forwarded");
  const url = new URL(`${server}${request.url ?? "/"}`);
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
  headers.host = url.host;
  headers.authorization ??= `Bearer ${await token()}`;
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const upstream = send(url, { method: request.method ?? "GET", headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(response);
    answer.once("error", () => response.destroy());
  });
  const failed = new Promise<never>((_, reject) => upstream.once("error", reject));
  response.once("close", () => upstream.destroy());
  request.pipe(upstream);
  await Promise.race([failed, new Promise<void>((resolve) => response.once("close", resolve))]);
}

function isLoopback(host: string | undefined): boolean {
  const name = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : "";
  return ["127.0.0.1", "localhost", "[::1]"].includes(name);
}

/** As clients of Kubernetes read it. */
function refuse(response: ServerResponse, code: number, message: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const reason = code === 403 ? "Forbidden" : "ServiceUnavailable";
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(status));
}
