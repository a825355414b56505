import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Heard {
  method: string;
  /** With its query. */
  path: string;
  accept: string;
  contentType: string;
  status: number;
}

/** Stands between a client and the server: hears what is asked, and ends streams as a deploy or a network does. */
export class ListeningProxy {
  readonly heard: Heard[] = [];
  readonly #server: Server;
  readonly #token: string | undefined;
  readonly #streams = new Set<ServerResponse>();

  private constructor(upstream: string, token: string | undefined) {
    this.#token = token;
    this.#server = createServer((asked, answer) => this.#forward(upstream, asked, answer));
    this.#server.requestTimeout = 0;
  }

  /** `token`: added to requests that have none, as `gitstorectl proxy` does. */
  static async start(upstream: string, token?: string): Promise<ListeningProxy> {
    const proxy = new ListeningProxy(upstream, token);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Watches that are open now. */
  get streams(): number {
    return this.#streams.size;
  }

  /** `end`: as a server that closes in order; `cut`: as a network that fails. */
  break(how: "end" | "cut"): number {
    const streams = [...this.#streams];
    for (const stream of streams) how === "end" ? stream.end() : stream.destroy();
    return streams.length;
  }

  /** What was refused, each once: `404 GET /api`. */
  get refused(): string[] {
    const refused = this.heard.filter(({ status }) => status >= 400);
    return [...new Set(refused.map(({ status, method, path }) => `${status} ${method} ${path.split("?")[0]}`))];
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward(upstream: string, asked: IncomingMessage, answer: ServerResponse): void {
    const { method = "GET", url = "/", headers } = asked;
    const authorization = headers.authorization ?? (this.#token === undefined ? undefined : `Bearer ${this.#token}`);
    const sent = request(
      `${upstream}${url}`,
      {
        method,
        headers: {
          ...headers,
          host: new URL(upstream).host,
          ...(authorization === undefined ? {} : { authorization }),
        },
      },
      (given) => {
        const { accept = "", "content-type": contentType = "" } = headers;
        this.heard.push({ method, path: url, accept, contentType, status: given.statusCode ?? 0 });
        answer.writeHead(given.statusCode ?? 502, given.headers);
        if (/[?&]watch=(1|true)/.test(url)) {
          answer.flushHeaders();
          this.#streams.add(answer);
          answer.once("close", () => this.#streams.delete(answer));
        }
        given.on("error", () => answer.destroy());
        given.on("data", (chunk: Buffer) => void (answer.writableEnded || answer.write(chunk)));
        given.on("end", () => answer.end());
      },
    );
    sent.once("error", () => answer.destroy());
    answer.once("close", () => sent.destroy());
    asked.pipe(sent);
  }
}
