import type { Socket } from "./dial.ts";
import { parseFrame } from "./parse.ts";
import { multiWatch } from "./paths.ts";
import { type Credit, RecordingWire, type Transport, type Wire, type WireOptions } from "./wire.ts";

/** `gitstore.watch.v1`: frames, with credit by acknowledgement. */
export const frames: Transport = {
  name: "frames",
  manyKinds: true,
  async open(options: WireOptions): Promise<Wire> {
    const { namespace, connection, window, dial } = options;
    const path = multiWatch(namespace, connection, window);
    return new FramesWire(options, await dial.socket(path, ["gitstore.watch.v1"]));
  },
};

class FramesWire extends RecordingWire {
  readonly #socket: Socket;
  readonly #worked: (rv: number) => void;
  #sent = 0;
  #acked = 0;
  /** The newest resume point. */
  #covered = 0;
  #done = 0;

  constructor(options: WireOptions, socket: Socket) {
    super(options);
    this.#socket = socket;
    this.#worked = options.worked;
    socket.listen(
      (text) => this.#take(text),
      (code, reason) => this.ended(code, reason),
    );
  }

  #take(text: string): void {
    const more = this.took((order) => {
      const record = parseFrame(text, order);
      if (record.what !== "frame") return record;
      this.#sent = record.sent;
      if (!record.partial && (!record.snapshot || record.end)) this.#covered = record.rv;
      return record;
    });
    if (more && this.credit === "prompt") this.sip();
  }

  sip(): void {
    if (!this.open || this.#sent === this.#acked) return;
    this.#acked = this.#sent;
    this.#socket.send(JSON.stringify({ ack: this.#sent }));
    this.#work();
  }

  /** Of a named watcher: what has come is worked at once. */
  #work(): void {
    if (this.connection.watcher === undefined || this.#covered === this.#done) return;
    this.#done = this.#covered;
    this.#worked(this.#done);
    this.#socket.send(JSON.stringify({ done: String(this.#done) }));
  }

  setCredit(credit: Credit): void {
    this.credit = credit;
    if (credit === "prompt") this.sip();
  }

  protected drop(): void {
    this.#socket.close();
  }
}
