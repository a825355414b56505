/** What the regressions share: single changes, and what a watch that nothing disturbs is told, to compare with. */
import { expect } from "vitest";
import { must, productText, type TestLedger } from "../../support/ledger.ts";
import { type WatchedEvent, type Watcher, type WatcherOptions, watch } from "../../support/watcher.ts";

export const PRODUCT = "Product.catalog.gitstore.dev";
export const CHANNEL = "Channel.release.gitstore.dev";
export const GIT_EVENT = "GitEvent.events.gitstore.dev";
export const KINDS = [PRODUCT, CHANNEL, GIT_EVENT, "Repository.gitstore.dev"];

export const many = (from: number, count: number, size = 1): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `p${from + i}.md`,
      productText(`p${from + i}`, `T ${"x".repeat(from % 3)}`) + "x".repeat(size),
    ]),
  );

/** One object changed through the API: a transaction of one RV, so that the floor can stand exactly on it. */
export async function write(
  ledger: TestLedger,
  operation: "CREATE" | "UPDATE" | "DELETE",
  name: string,
  v = "1",
): Promise<number> {
  const resource = {
    apiVersion: "release.gitstore.dev/v1beta1",
    kind: "Channel",
    metadata: { name, labels: { v } },
    spec: {},
  };
  const written = await must(
    ledger.stub.write({
      operation,
      kind: CHANNEL,
      name,
      actor: "test",
      ...(operation === "DELETE" ? {} : { resource }),
    }),
  );
  return Number(written.rv);
}

export const told = ({ type, object }: WatchedEvent): string =>
  `${type} ${object.kind}/${object.metadata.name}@${object.metadata.resourceVersion}`;
export const rvOf = ({ object }: WatchedEvent): number => Number(object.metadata.resourceVersion);

/** What a watch of this kind is told from an RV on, read in peace, with a last object so that all has come. */
export async function reference(ledger: TestLedger, options: WatcherOptions = {}): Promise<WatchedEvent[]> {
  const last = await write(ledger, "CREATE", `reference-${crypto.randomUUID()}`);
  const watcher = await watch(ledger, { kinds: KINDS, ...options });
  await watcher.untilRv(last);
  watcher.close();
  return watcher.events;
}

export function assertOnceInOrder(watcher: Watcher): void {
  const rvs = watcher.events.map(rvOf);
  expect(rvs).toEqual([...new Set(rvs)].sort((a, b) => a - b));
}

/** With a frame that says `rv`, everything that matches up to it has come: no later, and no sooner said. */
export function assertNeverAhead(watcher: Watcher, all: readonly WatchedEvent[]): void {
  const seen: string[] = [];
  for (const frame of watcher.frames) {
    seen.push(...frame.events.map(told));
    if (frame.partial || frame.snapshot) continue;
    const due = all.filter((event) => rvOf(event) <= Number(frame.rv) && rvOf(event) > Number(watcher.frames[0]?.prev));
    expect(seen, `the frame of ${frame.rv}`).toEqual(due.map(told));
  }
}

/** Leaves nothing to come: what the watcher has then is all it gets. */
export async function settle(ledger: TestLedger, watchers: readonly Watcher[]): Promise<void> {
  const last = await write(ledger, "CREATE", `last-${crypto.randomUUID()}`);
  for (const watcher of watchers) await watcher.untilRv(last);
}
