/** Recording clients write here: one order over all of them, and every record as it came. */
import type { Connection, History, Listing, Received, Write } from "./history.ts";

export type Draft<T> = T extends unknown ? Omit<T, "id" | "called" | "returned"> : never;

export class Recorder implements History {
  readonly connections: Connection[] = [];
  readonly writes: Write[] = [];
  readonly listings: Listing[] = [];
  #order = 0;

  /** The next place in the order of all records. */
  next(): number {
    this.#order += 1;
    return this.#order;
  }

  /** A watch that is about to be asked for; what it receives is added to it. */
  connection(about: Omit<Connection, "id" | "opened" | "received">): Connection & { received: Received[] } {
    const connection = { ...about, id: this.connections.length + 1, opened: this.next(), received: [] as Received[] };
    this.connections.push(connection);
    return connection;
  }

  async write(effects: Write["effects"], request: () => Promise<Write["outcome"]>): Promise<Write["outcome"]> {
    const called = this.next();
    const outcome = await request();
    this.writes.push({ id: this.writes.length + 1, called, returned: this.next(), effects, outcome });
    return outcome;
  }

  async listing(
    about: Pick<Listing, "selection" | "at">,
    request: () => Promise<Listing["outcome"]>,
  ): Promise<Listing["outcome"]> {
    const called = this.next();
    const outcome = await request();
    this.listings.push({ ...about, id: this.listings.length + 1, called, returned: this.next(), outcome });
    return outcome;
  }

  /** Lets go of all records. */
  forget(): void {
    for (const { received } of this.connections) (received as Received[]).length = 0;
    for (const records of [this.connections, this.writes, this.listings]) records.length = 0;
  }

  /** Connections that got a compacted range. */
  get compacted(): number {
    return this.connections.filter(({ received }) =>
      received.some((record) => record.what === "frame" && record.compacted),
    ).length;
  }

  /** Events that clients received, initial states included. */
  get events(): number {
    let count = 0;
    for (const { received } of this.connections) {
      for (const record of received)
        count += record.what === "frame" ? record.events.length : record.what === "event" ? 1 : 0;
    }
    return count;
  }
}
