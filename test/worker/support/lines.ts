import { createExecutionContext } from "cloudflare:test";
import { createApp } from "../../../src/http/app.ts";
import { bindings } from "./ledger.ts";

const app = createApp();

export interface LineEvent {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever is there, and fails where it is not.
  object: any;
}

/** A watch over HTTP, line by line. */
export class LineStream {
  readonly headers: Headers;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest = "";

  private constructor(response: Response) {
    if (!response.body) throw new Error("the watch has no body");
    this.headers = response.headers;
    this.#reader = response.body.getReader();
  }

  static async open(token: string, path: string, headers: Record<string, string> = {}): Promise<LineStream> {
    const request = new Request(`https://edge.test${path}`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
    const response = await app.fetch(request, bindings, createExecutionContext());
    if (response.status !== 200) throw new Error(`the watch was refused: ${response.status} ${await response.text()}`);
    return new LineStream(response);
  }

  /** The next event; undefined when the stream has ended. */
  async next(): Promise<LineEvent | undefined> {
    for (;;) {
      const newline = this.#rest.indexOf("\n");
      if (newline >= 0) {
        const line = this.#rest.slice(0, newline);
        this.#rest = this.#rest.slice(newline + 1);
        if (line === "") continue;
        return JSON.parse(line) as LineEvent;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#rest += new TextDecoder().decode(value, { stream: true });
    }
  }

  async take(count: number): Promise<LineEvent[]> {
    const events: LineEvent[] = [];
    while (events.length < count) {
      const event = await this.next();
      if (!event) throw new Error(`the stream ended after ${events.length} of ${count} events`);
      events.push(event);
    }
    return events;
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}
