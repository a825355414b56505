import type { FaultPoint } from "../../../src/ledger/sql.ts";
import { type Window, WindowUnavailable } from "../../../src/ledger/window.ts";

/** What a test does to one ledger. Objects run in the test's own isolate, so a map reaches them. */
export interface Controls {
  /** Called at each named point; throws to fail there. */
  hit?: (point: FaultPoint) => void;
  /** D1 as the ledger sees it. */
  d1?: "failing" | "stalled";
  clockAheadMs?: number;
  /** No repository object is told of this ledger's repositories. */
  alone?: boolean;
}

const controls = new Map<string, Controls>();

export function controlsOf(name: string): Controls {
  let found = controls.get(name);
  if (!found) {
    found = {};
    controls.set(name, found);
  }
  return found;
}

/** A window that fails at once, or, stalled, as the time-out would have it fail, without the wait. */
export function faultyWindow(real: Window, read: () => Controls): Window {
  return new Proxy(real, {
    get(target, key: keyof Window) {
      const value = target[key] as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]): Promise<unknown> => {
        const mode = read().d1;
        if (mode === "failing") return Promise.reject(new WindowUnavailable("D1 fails, as the test asked"));
        if (mode === "stalled")
          return scheduler
            .wait(5)
            .then(() => Promise.reject(new WindowUnavailable("D1 did not answer in time, as the test asked")));
        return value.apply(target, args);
      };
    },
  });
}
