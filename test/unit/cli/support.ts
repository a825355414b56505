import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Io } from "../../../src/cli/io.ts";
import { run } from "../../../src/cli/run.ts";

export interface Received {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string | undefined>;
  body: unknown;
}

export interface Reply {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A server whose answers a test decides, by `METHOD /path`. What it has no answer for is a 404 Status. */
export class FakeServer {
  readonly received: Received[] = [];
  readonly answers: Record<string, Reply | Reply[] | ((request: Received) => Reply)> = {};
  #server: Server | undefined;

  async start(): Promise<void> {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const url = new URL(request.url ?? "/", "http://fake");
        const text = Buffer.concat(chunks).toString();
        const received: Received = {
          method: request.method ?? "",
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers as Record<string, string | undefined>,
          body: text === "" ? undefined : JSON.parse(text),
        };
        this.received.push(received);
        const { status = 200, body = {}, headers = {} } = this.#answer(received);
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(JSON.stringify(body));
      });
    });
    const server = this.#server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  }

  get url(): string {
    const address = this.#server?.address() as AddressInfo | undefined;
    return `http://127.0.0.1:${address?.port}`;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  reset(): void {
    this.received.length = 0;
    for (const key of Object.keys(this.answers)) delete this.answers[key];
  }

  #answer(received: Received): Reply {
    const answer = this.answers[`${received.method} ${received.path}`];
    if (typeof answer === "function") return answer(received);
    // The last of several answers stays.
    if (Array.isArray(answer)) return (answer.length > 1 ? answer.shift() : answer[0]) ?? {};
    return answer ?? { status: 404, body: status(404, "NotFound", `${received.path} not found`) };
  }
}

export function status(code: number, reason: string, message: string): Record<string, unknown> {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", code, reason, message };
}

export interface Ran {
  code: number;
  out: string;
  err: string;
  slept: number[];
}

/** Runs a line in this process, with time that only counts. */
export async function ctl(
  line: string[],
  given: { env?: Io["env"]; cwd?: string; terminal?: boolean; signal?: AbortSignal; onOut?: () => void } = {},
): Promise<Ran> {
  const ran: Ran = { code: -1, out: "", err: "", slept: [] };
  let now = Date.parse("2026-11-21T09:00:00Z");
  ran.code = await run(line, {
    env: given.env ?? {},
    cwd: given.cwd ?? "/nowhere",
    out: (text) => {
      ran.out += text;
      given.onOut?.();
    },
    err: (text) => {
      ran.err += text;
    },
    outIsTerminal: given.terminal ?? false,
    errIsTerminal: given.terminal ?? false,
    signal: given.signal ?? new AbortController().signal,
    now: () => now,
    sleep: async (ms) => {
      ran.slept.push(ms);
      now += ms;
    },
  });
  return ran;
}
