import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogFiles, productFile, products } from "./support/catalog.ts";
import { Stage } from "./support/stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.strike());

describe("a catalogue pushed to a real Git server", () => {
  it("gives every file of a push of 1,000 one ADDED, dense RVs, and its end in status.applied", async () => {
    const remote = await stage.shop("acme");
    const watcher = stage.watch("acme");
    const files = catalogFiles({ products: 1_000 });
    const commit = await remote.commit(files, "Import the catalogue");
    const synced = await stage.sync("acme");
    expect(synced).toMatchObject({ admitted: files.length, rejected: 0 });
    const repository = await stage.get("acme", "repositories", "catalog");
    expect(repository.status).toMatchObject({ applied: { "refs/heads/main": commit } });
    const head = await stage.head("acme");
    await watcher.until(() => Number(watcher.rv) >= Number(head));
    expect(watcher.events.map(({ object }) => Number(object.metadata.resourceVersion))).toEqual(
      Array.from({ length: Number(head) - 1 }, (_, i) => i + 2),
    );
    const added = watcher.events.filter(
      ({ type, object }) => type === "ADDED" && (object.kind === "Product" || object.kind === "CategoryTaxonomy"),
    );
    expect(new Set(added.map(({ object }) => `${object.kind}/${object.metadata.name}`)).size).toBe(files.length);
    expect(added).toHaveLength(files.length);
    watcher.close();
  });

  it("tells an edit, a forced push, a branch and a tag by their own events, in order", async () => {
    const remote = await stage.shop("moves");
    const rows = products(20);
    const first = await remote.commit(
      rows.map((row) => productFile(row)),
      "Import",
    );
    await stage.sync("moves");
    const watcher = stage.watch("moves", { resourceVersion: await stage.head("moves") });
    await remote.commit(
      rows.slice(0, 10).map((row) => productFile(row, " (edited)")),
      "Edit ten",
    );
    await stage.sync("moves");
    await remote.commit(
      rows.slice(0, 3).map((row) => productFile(row, " (forced)")),
      "Rewrite",
      { onto: first },
    );
    await stage.sync("moves");
    await remote.git("branch", "feature", first);
    await stage.sync("moves");
    await remote.git("branch", "-D", "feature");
    await stage.sync("moves");
    await remote.tag("v1.0.0", first, "The first release");
    await stage.sync("moves");
    await remote.git("tag", "-d", "v1.0.0");
    await stage.sync("moves");
    const head = await stage.head("moves");
    await watcher.until(() => Number(watcher.rv) >= Number(head));
    const refEvents = watcher.gitEvents
      .filter(({ type }) => type.startsWith("dev.gitstore.git."))
      .map(
        ({ type, data }) => `${type.split(".").slice(3, -1).join(".")} ${String(data.ref)} ${String(data.objectType)}`,
      );
    expect(refEvents).toEqual([
      "branch.updated refs/heads/main null",
      "branch.force-pushed refs/heads/main null",
      "branch.created refs/heads/feature null",
      "branch.deleted refs/heads/feature null",
      "tag.created refs/tags/v1.0.0 annotated",
      "tag.deleted refs/tags/v1.0.0 null",
    ]);
    const modified = watcher.events.filter(({ type, object }) => type === "MODIFIED" && object.kind === "Product");
    expect(modified).toHaveLength(10 + 10);
    watcher.close();
  });
});
