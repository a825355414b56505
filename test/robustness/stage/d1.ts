import { type Window, WindowUnavailable } from "../../../src/ledger/window.ts";
import type { Control } from "./control.ts";

const SLOW_MS = 3;

/** D1 as the campaign wants it. What is given up on rejects as the time-out would have it, without the wait. */
export function unreliable(real: Window, read: () => Control): Window {
  return new Proxy(real, {
    get(target, key: keyof Window) {
      const call = (window: Window, args: unknown[]): Promise<unknown> =>
        (window[key] as (...args: unknown[]) => Promise<unknown>).apply(window, args);
      return async (...args: unknown[]): Promise<unknown> => {
        const control = read();
        const mode = control.d1;
        if (mode !== "well") control.spoiled?.(mode);
        if (key === "prune" && mode !== "failing" && mode !== "stalled") await control.beforePrune?.(Number(args[0]));
        if (mode === "slow") await scheduler.wait(SLOW_MS);
        switch (mode) {
          case "well":
          case "slow": {
            const answer = await call(target, args);
            if (key === "read" && (answer as unknown[]).length > 0) control.replays += 1;
            return answer;
          }
          case "failing":
            throw new WindowUnavailable("D1 fails, as the campaign asked");
          case "stalled":
            await scheduler.wait(SLOW_MS);
            throw new WindowUnavailable("D1 did not answer in time, as the campaign asked");
          case "late":
            // Through a window of the test's own: the object may be gone by then, its request to D1 is not.
            control.late.push((window) => call(window, args));
            await scheduler.wait(SLOW_MS);
            throw new WindowUnavailable("D1 did not answer in time, and will do it yet");
          case "deaf":
            await call(target, args);
            throw new WindowUnavailable("D1 did it, and its answer was lost");
        }
      };
    },
  });
}
