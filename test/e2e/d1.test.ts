/** A push through a webhook, from beginning to end, while D1 is away. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogFiles } from "./support/catalog.ts";
import { Sender, waitFor } from "./support/deliveries.ts";
import { Stage } from "./support/stage.ts";

const MAIN = "refs/heads/main";
const COUNT = 1_000;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set({ main: "test/worker/faultyWorker.ts" });
});
afterAll(() => stage.strike());

const held = (namespace: string): Promise<number[]> => stage.must<number[]>(`/test/d1?ns=${namespace}`);
const set = (query: string) => stage.must(`/test/d1?${query}`, { method: "POST" });

describe("while D1 is away for the whole of a push", () => {
  it.each(["failing", "stalled"])(
    "(%s) webhook, push, reads and live watchers go on; afterwards D1 holds every event once",
    async (mode) => {
      const namespace = `d1-${mode}`;
      const remote = await stage.shop(namespace);
      const sender = await Sender.of(stage, namespace);
      const before = await stage.get(namespace, "repositories", "catalog");
      const old = (before.status as { applied: Record<string, string> }).applied[MAIN] ?? null;
      const watcher = stage.watch(namespace);
      await watcher.until(() => watcher.frames.length > 0);

      await set(`${mode}=true`);
      const start = Number(await stage.head(namespace));
      const files = catalogFiles({ products: COUNT });
      const commit = await remote.commit(files, "Import the catalogue");
      expect(await sender.hook([{ ref: MAIN, old, new: commit }])).toMatchObject({ status: 202 });
      const { metadata } = await waitFor(
        () => stage.get(namespace, "repositories", "catalog"),
        ({ status }) => (status as { applied: Record<string, string> }).applied[MAIN] === commit,
      );
      // The commit's end, and what the look wrote after it.
      await watcher.until(() => Number(watcher.rv) >= Number(metadata.resourceVersion));
      const added = watcher.events.filter(({ type, object }) => type === "ADDED" && object.kind !== "GitEvent");
      expect(new Set(added.map(({ object }) => `${object.kind}/${object.metadata.name}`)).size).toBe(added.length);
      expect(added.length).toBeGreaterThanOrEqual(files.length);
      expect((await stage.server.fetch("/readyz")).status).toBe(503);
      expect((await held(namespace)).filter((rv) => rv > start)).toEqual([]);

      await set("failing=false");
      const head = Number(await stage.head(namespace));
      const all = Array.from({ length: head - 1 }, (_, i) => i + 2);
      const rows = await waitFor(
        () => held(namespace),
        (rvs) => rvs.length >= all.length,
      );
      expect(rows).toEqual(all);
      await watcher.until(() => Number(watcher.rv) >= head);
      expect(watcher.events.map(({ object }) => Number(object.metadata.resourceVersion))).toEqual(all);
      watcher.close();
    },
    240_000,
  );
});
