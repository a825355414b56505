/** The watch of one ledger: a namespace, or the cluster. */
import type { KindDef } from "../../resource/kind.ts";
import type { Start } from "./cursor.ts";
import { endingOf } from "./ending.ts";
import { bookmark, eventOf, type Feed, type Payload } from "./payload.ts";
import type { Item, LedgerStream, StreamStart } from "./stream.ts";

export interface OneOptions {
  kind: KindDef;
  namespace: string | undefined;
  start: Extract<Start, { from: "now" | "bootstrap" | "state" | "rv" }>;
  /** What of a cluster-scoped kind the token may watch. */
  isShown?: (name: string) => boolean;
  open: (start: StreamStart) => LedgerStream;
}

/**
 * Cursors are the events' own RVs. Those of an initial state are "0" but for its last: objects come in name order, so a
 * resume from one of them would miss what was not told yet; from "0" the state is told again.
 */
export class OneFeed implements Feed {
  readonly #options: OneOptions;
  readonly #stream: LedgerStream;
  cursor: string;

  constructor(options: OneOptions) {
    this.#options = options;
    const { start } = options;
    this.cursor = start.from === "rv" ? String(start.rv) : start.from === "state" ? "0" : "";
    this.#stream = options.open(start.from === "bootstrap" ? { from: "now" } : start);
  }

  take(): Payload | undefined {
    for (;;) {
      const item = this.#stream.take();
      if (!item) return undefined;
      const payload = this.#told(item);
      if (payload) return payload;
    }
  }

  #told(item: Item): Payload | undefined {
    const { kind, namespace, start, isShown } = this.#options;
    if (item.is === "over") return { error: endingOf(item.status, this.cursor) };
    if (item.is === "mark") {
      this.cursor = item.rv;
      if (item.start && start.from !== "bootstrap") return undefined;
      return { event: bookmark(kind.kind, namespace, item.rv) };
    }
    if (!item.initial || item.last) this.cursor = item.rv;
    if (isShown && !isShown(item.object.metadata.name))
      return item.last ? { event: bookmark(kind.kind, namespace, item.rv) } : undefined;
    return { event: eventOf(item.type, item.object, item.initial && !item.last ? "0" : item.rv) };
  }

  close(): void {
    this.#stream.close();
  }
}
