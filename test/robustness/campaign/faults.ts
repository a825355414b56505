import type { FaultPoint } from "../../../src/ledger/sql.ts";
import { WindowUnavailable } from "../../../src/ledger/window.ts";
import type { Stage } from "../stage/stage.ts";
import type { Draw } from "./draw.ts";

/** `kill`: the object dies there and then; `killAfter`: once that turn is durable; `throw`: an error, as a full disk. */
export type How = "kill" | "killAfter" | "throw";

const POINTS: readonly FaultPoint[] = [
  "beforeCommit",
  "afterCommitBeforeBroadcast",
  "midBroadcast",
  "midFlush",
  "afterFlushBeforeMark",
  "afterFlushBeforePrune",
  "duringReplay",
];

/** Where an error can come up without the object dying; elsewhere nothing but memory stands between two statements. */
const THROWS = new Set<FaultPoint>([
  "beforeCommit",
  "midFlush",
  "afterFlushBeforeMark",
  "afterFlushBeforePrune",
  "duringReplay",
]);

/** Arms faults at named points, and counts those that fired. */
export class FaultPlan {
  readonly fired = new Map<string, number>();
  readonly #armed = new Map<FaultPoint, { left: number; how: How }>();
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
    stage.control.hit = (point, doom) => {
      const armed = this.#armed.get(point);
      if (!armed) return;
      armed.left -= 1;
      if (armed.left > 0) return;
      this.#armed.delete(point);
      this.count(`${point}: ${armed.how}`);
      switch (armed.how) {
        case "kill":
          return doom.now();
        case "killAfter":
          return doom.afterSync();
        case "throw":
          throw point === "duringReplay"
            ? new WindowUnavailable("a fault of the campaign")
            : new Error("a fault of the campaign");
      }
    };
    stage.control.spoiled = (mode) => this.count(`D1: ${mode}`);
  }

  count(what: string): void {
    this.fired.set(what, (this.fired.get(what) ?? 0) + 1);
  }

  arm(draw: Draw): void {
    const point = draw.one(POINTS);
    const how = draw.weighted<How>({ kill: 4, killAfter: 3, throw: THROWS.has(point) ? 3 : 0 });
    this.#armed.set(point, { left: draw.between(1, 4), how });
  }

  spoilD1(draw: Draw): void {
    this.#stage.control.d1 = draw.weighted({ well: 3, slow: 2, failing: 2, stalled: 2, late: 3, deaf: 2 });
  }

  /** From now on nothing goes wrong. */
  stop(): void {
    this.#armed.clear();
    this.#stage.control.d1 = "well";
  }
}
