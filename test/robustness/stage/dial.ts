import { exports } from "cloudflare:workers";
import { type Dial, NoUpgrade, type Socket, type Stream } from "../transports/dial.ts";

const ORIGIN = "https://edge.test";

/** The Worker as its clients see it, from inside workerd: every request goes through its public routes. */
export class WorkerDial implements Dial {
  readonly #token: () => Promise<string>;

  constructor(token: () => Promise<string>) {
    this.#token = token;
  }

  async #fetch(path: string, headers: Record<string, string> = {}): Promise<Response> {
    const authorization = `Bearer ${await this.#token()}`;
    return (exports as unknown as { default: Fetcher }).default.fetch(
      new Request(`${ORIGIN}${path}`, { headers: { authorization, ...headers } }),
    );
  }

  async socket(path: string, protocols: readonly string[]): Promise<Socket> {
    const offered = protocols.length > 0 ? { "sec-websocket-protocol": protocols.join(", ") } : undefined;
    const response = await this.#fetch(path, { upgrade: "websocket", ...offered });
    const socket = response.webSocket;
    if (!socket) {
      await response.body?.cancel(); // a stream that nobody reads ends by no other way
      throw new NoUpgrade(response.status);
    }
    return {
      send(text) {
        if (socket.readyState === WebSocket.OPEN) socket.send(text);
      },
      close() {
        try {
          socket.close(1000, "the client leaves");
        } catch {
          // It is closed already.
        }
      },
      listen(onText, onClose) {
        socket.addEventListener("message", (event) => onText(String(event.data)));
        socket.addEventListener("close", (event) => onClose(event.code, event.reason));
        socket.addEventListener("error", () => onClose(1006, "error"));
        socket.accept();
      },
    };
  }

  async stream(path: string): Promise<Stream> {
    const response = await this.#fetch(path);
    const reader = response.body?.getReader();
    return {
      status: response.status,
      read: async () => (await reader?.read())?.value,
      cancel: async () => reader?.cancel(),
    };
  }

  async json(path: string): Promise<{ status: number; body: unknown }> {
    const response = await this.#fetch(path);
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }
}
