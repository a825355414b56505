import { random } from "../../worker/support/random.ts";

/** All chance of a campaign, from one seed, drawn in the driver's own order: a seed tells the same story again. */
export class Draw {
  readonly #next: (below: number) => number;

  constructor(seed: number) {
    this.#next = random(seed * 2_654_435_761 + 1);
    for (let i = 0; i < 8; i++) this.#next(2); // neighbouring seeds begin alike
  }

  below(count: number): number {
    return this.#next(count);
  }

  /** From `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.#next(most - least + 1);
  }

  chance(percent: number): boolean {
    return this.#next(100) < percent;
  }

  one<T>(list: readonly T[]): T {
    const chosen = list[this.#next(list.length)];
    if (chosen === undefined) throw new Error("there is nothing to choose from");
    return chosen;
  }

  /** A key, by weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.#next(entries.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    throw new Error("there is nothing to choose from");
  }
}
