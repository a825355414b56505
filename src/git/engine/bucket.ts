/** A token bucket: a burst at once, then so many a minute. In memory: an object that was evicted was not busy. */
import type { Clock } from "../storage.ts";

export interface Rate {
  burst: number;
  perMinute: number;
}

export class TokenBucket {
  readonly #rate: () => Rate;
  readonly #clock: Clock;
  #tokens: number | undefined;
  #at = 0;

  constructor(rate: () => Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Takes one. @returns 0, or, where there is none, the milliseconds until there will be one */
  take(): number {
    const { burst, perMinute } = this.#rate();
    const now = this.#clock();
    const refilled = (Math.max(0, now - this.#at) * perMinute) / 60_000;
    this.#tokens = Math.min(burst, (this.#tokens ?? burst) + refilled);
    this.#at = now;
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) * 60_000) / perMinute);
    this.#tokens -= 1;
    return 0;
  }
}
