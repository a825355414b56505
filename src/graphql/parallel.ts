/** A Worker's request has six connections at once; more wait in the platform's queue, or are refused. */
export const AT_ONCE = 6;

/** `work` on every item, a few at a time, results in the items' order. */
export async function inBatches<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  atOnce: number = AT_ONCE,
): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += atOnce) {
    results.push(...(await Promise.all(items.slice(from, from + atOnce).map(work))));
  }
  return results;
}
