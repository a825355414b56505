import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";

export interface Asked {
  method: string;
  path: string;
  body: string;
}

/** Stands between a client and the server, and may do something of its own before a request goes on. */
export class Meddler {
  readonly #server: Server;

  private constructor(upstream: string, before: (asked: Asked) => Promise<void>) {
    this.#server = createServer((asked, answer) => {
      forward(upstream, asked, before).then(
        (given) => {
          answer.writeHead(given.statusCode ?? 502, given.headers);
          given.pipe(answer);
        },
        (error) => answer.destroy(error),
      );
    });
    // WebSockets go through as they are.
    this.#server.on("upgrade", ({ method, url, rawHeaders }, client, head) => {
      const { hostname, port } = new URL(upstream);
      const server = connect(Number(port), hostname);
      const lines = rawHeaders.map((part, at) => (at % 2 === 0 ? `${part}: ` : `${part}\r\n`)).join("");
      server.write(`${method} ${url} HTTP/1.1\r\n${lines}\r\n`);
      server.write(head);
      for (const end of [client, server]) end.on("error", () => undefined);
      client.pipe(server).pipe(client);
    });
  }

  static async start(upstream: string, before: (asked: Asked) => Promise<void>): Promise<Meddler> {
    const meddler = new Meddler(upstream, before);
    await new Promise<void>((resolve) => meddler.#server.listen(0, "127.0.0.1", resolve));
    return meddler;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function forward(
  upstream: string,
  asked: IncomingMessage,
  before: (asked: Asked) => Promise<void>,
): Promise<IncomingMessage> {
  const { method = "GET", url: path = "/", headers } = asked;
  const body = await text(asked);
  await before({ method, path, body });
  return await new Promise((resolve, reject) => {
    const { "transfer-encoding": _, ...rest } = headers;
    const length = body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
    request(`${upstream}${path}`, { method, headers: { ...rest, host: new URL(upstream).host, ...length } }, resolve)
      .once("error", reject)
      .end(body);
  });
}
