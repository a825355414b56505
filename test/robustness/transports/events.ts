import { NoUpgrade, type Socket } from "./dial.ts";
import { lines } from "./lines.ts";
import { parseEvent } from "./parse.ts";
import { kubeWatch } from "./paths.ts";
import { type Credit, RecordingWire, type Transport, type Wire, type WireOptions } from "./wire.ts";

/** A plain WebSocket, as kube-apiserver's: one event a message; any text of the client says that it reads. */
export const events: Transport = {
  name: "events",
  manyKinds: false,
  async open(options: WireOptions): Promise<Wire> {
    const { namespace, connection, dial } = options;
    try {
      const path = kubeWatch(namespace, connection.selection, connection.start);
      return new EventsWire(options, await dial.socket(path, []));
    } catch (error) {
      // As client libraries do: where there is no upgrade, the same watch over HTTP.
      if (error instanceof NoUpgrade && error.status === 200) return lines.open(options);
      throw error;
    }
  },
};

class EventsWire extends RecordingWire {
  readonly #socket: Socket;

  constructor(options: WireOptions, socket: Socket) {
    super(options);
    this.#socket = socket;
    socket.listen(
      (text) => {
        if (this.took((order) => parseEvent(text, order)) && this.credit === "prompt") this.sip();
      },
      (code, reason) => this.ended(code, reason),
    );
  }

  sip(): void {
    if (this.open) this.#socket.send("reading");
  }

  setCredit(credit: Credit): void {
    this.credit = credit;
    if (credit === "prompt") this.sip();
  }

  protected drop(): void {
    this.#socket.close();
  }
}
