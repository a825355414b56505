import type { Stream } from "./dial.ts";
import { parseEvent } from "./parse.ts";
import { kubeWatch } from "./paths.ts";
import { type Credit, RecordingWire, type Transport, type Wire, type WireOptions } from "./wire.ts";

/** HTTP chunks: a line an event. A client that stalls does not read; the stream's own back-pressure does the rest. */
export const lines: Transport = {
  name: "lines",
  manyKinds: false,
  async open(options: WireOptions): Promise<Wire> {
    const { namespace, connection, dial } = options;
    return new LinesWire(options, await dial.stream(kubeWatch(namespace, connection.selection, connection.start)));
  },
};

class LinesWire extends RecordingWire {
  readonly #stream: Stream;
  readonly #decoder = new TextDecoder();
  #rest = "";
  #reading = false;

  constructor(options: WireOptions, stream: Stream) {
    super(options);
    this.#stream = stream;
    if (stream.status === 200) this.setCredit(options.credit);
    else void this.#refused(stream);
  }

  setCredit(credit: Credit): void {
    this.credit = credit;
    if (credit === "prompt") this.sip();
  }

  /** Reads on; once, where credit is held. */
  sip(): void {
    if (this.#reading || !this.open) return;
    this.#reading = true;
    void this.#read().finally(() => {
      this.#reading = false;
    });
  }

  async #read(): Promise<void> {
    do {
      let chunk: Uint8Array | undefined;
      try {
        chunk = await this.#stream.read();
      } catch (error) {
        return this.ended(1006, String(error));
      }
      // A line that the end cut off is none: its client has not seen it.
      if (chunk === undefined) return this.ended(1000, "the stream ended");
      const texts = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
      this.#rest = texts.pop() ?? "";
      for (const text of texts) {
        if (text !== "" && !this.took((order) => parseEvent(text, order))) return;
      }
    } while (this.credit === "prompt" && this.open);
  }

  /** A Status instead of a stream: the answer came before anything was sent. */
  async #refused(stream: Stream): Promise<void> {
    const chunk = await stream.read().catch(() => undefined);
    const body = chunk && (JSON.parse(new TextDecoder().decode(chunk)) as { reason?: string; message?: string });
    const { reason = "", message = "" } = body ?? {};
    this.took((order) => ({ what: "error", order, code: stream.status, reason, causes: [], message }));
    this.ended(1000, `refused with ${stream.status}`);
  }

  protected drop(): void {
    this.#stream.cancel().catch(() => undefined);
  }
}
