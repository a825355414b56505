import type { Connection, Start } from "../history.ts";
import type { LogModel } from "../model.ts";
import { read } from "../reading.ts";
import type { Recorder } from "../recorder.ts";
import type { Selection } from "../selection.ts";
import type { Dial } from "../transports/dial.ts";
import { type Credit, nextStart, type Transport, type Wire, wasExpired } from "../transports/wire.ts";

export interface ClientOptions {
  name: string;
  transport: Transport;
  selection: Selection;
  start: Start;
  credit: Credit;
  window: number;
  /** Resumes across the window's end by what became of things; frames alone can. */
  compact?: boolean;
  /** Is a named watcher: it resumes from the position that the ledger keeps for it. */
  named?: boolean;
}

/** A client that resumes: one connection after another, each from the last resume point of the one before. */
export class Client {
  readonly name: string;
  readonly #options: ClientOptions;
  readonly #world: { namespace: string; dial: Dial; recorder: Recorder };
  #credit: Credit;
  #start: Start;
  #wire: Wire | undefined;
  #last: Connection | undefined;
  /** How often it had to resume. */
  resumed = 0;
  /** The highest RV it ever reported as done, or began at, which binds a watcher there. */
  #worked: number;

  constructor(options: ClientOptions, world: { namespace: string; dial: Dial; recorder: Recorder }) {
    this.name = options.name;
    this.#options = options;
    this.#world = world;
    this.#credit = options.credit;
    this.#start = options.start;
    this.#worked = options.start.from === "rv" ? options.start.rv : 0;
  }

  get connected(): boolean {
    return this.#wire?.open === true;
  }

  /** Its newest connection, open or not. */
  get connection(): Connection | undefined {
    return this.#last;
  }

  /** How it stands, for whoever looks into a client that does not come on. */
  get whereabouts(): string {
    const { id = 0, transport = "", start, received = [], selection } = this.#last ?? {};
    const last = JSON.stringify(received.at(-1))?.slice(0, 200);
    const open = this.connected ? "open" : "closed";
    return `connection ${id}, ${transport}, ${open}, of ${JSON.stringify(selection)} from ${JSON.stringify(start)}, received ${received.length}, the last ${last}`;
  }

  get credit(): Credit {
    return this.#credit;
  }

  async connect(): Promise<void> {
    if (this.connected) return;
    const { name, transport, selection, window, compact = false, named = false } = this.#options;
    const { namespace, dial, recorder } = this.#world;
    if (this.#last) {
      const next = nextStart(this.#last, transport.name === "frames");
      this.#start = named && !wasExpired(this.#last) ? { from: "position", worked: this.#worked } : next;
      this.resumed += 1;
    }
    const connection = recorder.connection({
      client: name,
      transport: transport.name,
      selection,
      start: this.#start,
      expired: compact ? "compact" : "fail",
      ...(named ? { watcher: name.replaceAll(" ", "-") } : {}),
    });
    this.#last = connection;
    try {
      this.#wire = await transport.open({
        namespace,
        dial,
        recorder,
        connection,
        window,
        credit: this.#credit,
        worked: (rv) => {
          this.#worked = Math.max(this.#worked, rv);
        },
      });
    } catch (error) {
      // The object died under the request: as good as a connection that broke.
      connection.received.push({
        what: "close",
        order: recorder.next(),
        code: 1006,
        reason: String(error).slice(0, 120),
        byClient: false,
      });
    }
  }

  setCredit(credit: Credit): void {
    this.#credit = credit;
    this.#wire?.setCredit(credit);
  }

  sip(): void {
    this.#wire?.sip();
  }

  cut(after?: number): void {
    this.#wire?.cut(after);
  }

  /** Whether its connection has told all that `log` has for it. */
  reached(log: LogModel): boolean {
    const connection = this.#last;
    if (!connection || !this.connected) return false;
    const { start, covered, steps, initial } = read(connection);
    if (initial && initial.rv === undefined) return false;
    if (this.#options.transport.name === "frames") return (covered ?? 0) >= log.head;
    // A line transport says nothing of what its filter left out: the last matching event is what can be waited for.
    const expected = log.events(connection.selection, start ?? log.head).at(-1)?.rv ?? 0;
    return steps.some((step) => (step.step === "event" ? step.event.rv : step.rv) >= expected) || expected === 0;
  }

  /** Resolves when something came; never, where nothing does. */
  async changed(): Promise<void> {
    await this.#wire?.changed();
  }
}
