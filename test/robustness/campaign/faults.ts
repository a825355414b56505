import type { FaultPoint } from "../../../src/ledger/sql.ts";
import { WindowUnavailable } from "../../../src/ledger/window.ts";
import type { Stage } from "../stage/stage.ts";
import type { Draw } from "./draw.ts";
import { type How, POINTS, THROWS, WHEN_EXPIRING } from "./points.ts";

/** Arms faults at named points, and counts those that fired. */
export class FaultPlan {
  readonly fired = new Map<string, number>();
  readonly #armed = new Map<FaultPoint, { left: number; how: How }>();
  readonly #stage: Stage;
  readonly #trace: (what: string) => void;

  constructor(stage: Stage, trace: (what: string) => void) {
    this.#stage = stage;
    this.#trace = trace;
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
    this.#trace(`! ${what}`);
    this.fired.set(what, (this.fired.get(what) ?? 0) + 1);
  }

  /** `expiring`: cursors expire in this campaign, so that points are reached which others never come to. */
  arm(draw: Draw, expiring: boolean): void {
    const point = draw.one(expiring && draw.chance(40) ? WHEN_EXPIRING : POINTS);
    const how = draw.weighted<How>({ kill: 4, killAfter: 3, throw: THROWS.has(point) ? 3 : 0 });
    const left = draw.between(1, WHEN_EXPIRING.includes(point) ? 2 : 4);
    this.#trace(`armed ${point}: ${how}, at hit ${left}`);
    this.#armed.set(point, { left, how });
  }

  spoilD1(draw: Draw): void {
    this.#stage.control.d1 = draw.weighted({ well: 9, slow: 3, failing: 2, stalled: 2, late: 3, deaf: 2 });
  }

  /** From now on nothing goes wrong. */
  stop(): void {
    this.#armed.clear();
    this.#stage.control.d1 = "well";
  }
}
