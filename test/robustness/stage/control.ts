/** What a campaign does to one ledger. Objects run in the test's own isolate, so a map reaches them. */
import type { Retention } from "../../../src/ledger/outbox.ts";
import type { FaultPoint } from "../../../src/ledger/sql.ts";
import type { Window } from "../../../src/ledger/window.ts";
import type { D1Mode } from "../campaign/points.ts";
import type { Bug } from "./bugs.ts";

/** Ways to end an object where it stands. */
export interface Doom {
  /** At once: what this turn wrote is gone, and nothing of it was told. */
  now(): void;
  /** When this turn's writes are durable: they happened, and hardly anyone was told. */
  afterSync(): void;
}

export interface Control {
  /** Called at each named point; may throw, or doom the object. */
  hit?: (point: FaultPoint, doom: Doom) => void;
  d1: D1Mode;
  bug?: Bug | undefined;
  /** Told of each D1 call that a mode spoiled. */
  spoiled?: (mode: D1Mode) => void;
  /** Calls that were given up on and are still to happen. */
  late: ((window: Window) => Promise<unknown>)[];
  retention: Partial<Retention>;
  /** Reads that gave events. */
  replays: number;
  /** Before rows leave D1 for good: whoever needs the whole log saves them. */
  beforePrune?: (floor: number) => Promise<void>;
}

const controls = new Map<string, Control>();

/** A campaign is over: nothing reaches its objects any more. */
export function leave(name: string): void {
  controls.delete(name);
}

export function controlOf(name: string): Control {
  let found = controls.get(name);
  if (!found) {
    found = { d1: "well", late: [], retention: {}, replays: 0 };
    controls.set(name, found);
  }
  return found;
}
