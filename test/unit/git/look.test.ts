import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { file, product, World } from "./support/world.ts";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world.stop());

describe("the first look", () => {
  it("applies every ref, with a baseline event for each, and the matching branch's files", async () => {
    const commit = await world.git.commit([file("products/a.md", product("a")), file("README.md", "# Hi")], "first");
    await world.git.tag("v1.0.0", commit, "one");
    await world.registerAndLook();
    expect(world.ledger.refEvents()).toEqual(["branch.created refs/heads/main", "tag.created refs/tags/v1.0.0"]);
    expect(world.ledger.products()).toEqual(["a"]);
    expect(world.ledger.product("a")?.metadata.revision).toBe(`main@sha1:${commit}`);
    expect(world.ledger.condition("catalog", "Ready")).toMatchObject({ status: "True", reason: "Synced" });
  });
});
