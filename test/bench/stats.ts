/** Milliseconds on a clock that only goes forward. */
export const now = (): number => performance.now();

/** Nearest-rank percentile, `q` from 0 to 1; NaN of nothing. */
export function percentile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

export interface Latency {
  p50: number;
  p99: number;
  count: number;
}

export function latency(values: readonly number[]): Latency {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99), count: values.length };
}

let stamped = 0;

/** When something is sent, as text: no two of them are the same, so that what comes is told apart by it. */
export function stamp(): string {
  stamped = Math.max(now(), stamped + 0.001);
  return stamped.toFixed(3);
}

/** How long until the last of those who watch has what was sent. */
export class LastSockets {
  /** ms from sending to the last socket, of everything that all have. */
  readonly times: number[] = [];
  readonly #watchers: number;
  readonly #lacking = new Map<number, number>();

  constructor(watchers: number) {
    this.#watchers = watchers;
  }

  /** One of them has what was sent then. */
  delivered(sentAt: number): void {
    const lacking = (this.#lacking.get(sentAt) ?? this.#watchers) - 1;
    if (lacking > 0) this.#lacking.set(sentAt, lacking);
    else {
      this.#lacking.delete(sentAt);
      this.times.push(now() - sentAt);
    }
  }
}

/**
 * Starts `work(i)` on a beat, whether or not the one before has ended: a server that falls behind must not slow down
 * what it is measured by.
 *
 * @returns when all have ended
 */
export async function onBeat(perSecond: number, count: number, work: (i: number) => Promise<void>): Promise<void> {
  const began = now();
  const under: Promise<void>[] = [];
  for (let i = 0; i < count; i++) {
    const wait = began + (i * 1_000) / perSecond - now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    under.push(work(i));
  }
  await Promise.all(under);
}

/** Runs `work(i)` for i = 0 … count-1, at most `width` at a time. */
export async function inParallel(count: number, width: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}

/** Rejects with `what` when a promise takes longer: a benchmark that hangs tells nothing. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
