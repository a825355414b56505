import WebSocket from "ws";
import { type Dial, NoUpgrade, type Socket, type Stream } from "../transports/dial.ts";

/** The server over the network, from Node. It may be dead at any moment: then a request rejects. */
export class NodeDial implements Dial {
  readonly #origin: string;
  readonly #token: string;

  constructor(origin: string, token: string) {
    this.#origin = origin;
    this.#token = token;
  }

  get #headers(): { authorization: string } {
    return { authorization: `Bearer ${this.#token}` };
  }

  async socket(path: string, protocols: readonly string[]): Promise<Socket> {
    const url = `${this.#origin.replace(/^http/, "ws")}${path}`;
    // Offered compression would be taken up by the local proxy, at 15 x the CPU a send.
    const socket = new WebSocket(url, [...protocols], { headers: this.#headers, perMessageDeflate: false });
    const early: string[] = [];
    const keep = (data: WebSocket.RawData): number => early.push(String(data));
    socket.on("message", keep);
    let closed: { code: number; reason: string } | undefined;
    socket.on("close", (code, reason) => {
      closed = { code, reason: String(reason) };
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("unexpected-response", (_, response) => {
        response.destroy();
        reject(new NoUpgrade(response.statusCode ?? 0));
      });
      socket.once("error", reject);
    });
    socket.on("error", () => undefined); // its close follows
    return {
      send(text) {
        if (socket.readyState === WebSocket.OPEN) socket.send(text);
      },
      close: () => socket.terminate(),
      listen(onText, onClose) {
        socket.off("message", keep);
        for (const text of early) onText(text);
        socket.on("message", (data) => onText(String(data)));
        if (closed) onClose(closed.code, closed.reason);
        else socket.on("close", (code, reason) => onClose(code, String(reason)));
      },
    };
  }

  async stream(path: string): Promise<Stream> {
    const left = new AbortController();
    const response = await fetch(`${this.#origin}${path}`, { headers: this.#headers, signal: left.signal });
    const reader = response.body?.getReader();
    return {
      status: response.status,
      read: async () => (await reader?.read())?.value,
      cancel: async () => left.abort(),
    };
  }

  async json(path: string): Promise<{ status: number; body: unknown }> {
    return this.request("GET", path);
  }

  async request(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.#origin}${path}`, {
      method,
      headers: { ...this.#headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }
}
