/** The limit of a push (contract, events: 100,000 changed files), with a tree that really has more. */
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, expect, it } from "vitest";
import { MAX_CHANGED_FILES } from "../../../src/git/engine/branch.ts";
import { file, product, World } from "./support/world.ts";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world.stop());

it("a push of more than 100,000 files is FetchTooLarge as a whole, nothing of it applied, and its sync fails with it", async () => {
  const first = await world.git.commit([file("a.md", product("a"))], "first");
  await world.registerAndLook();
  const dir = world.server.dir("catalog");
  const git = (args: string[], input = "") =>
    execFileSync("git", args, { cwd: dir, input, maxBuffer: 64 * 1_048_576 })
      .toString()
      .trim();
  const blob = git(["hash-object", "-w", "--stdin"], "# no resource\n");
  const lines = Array.from({ length: MAX_CHANGED_FILES + 1 }, (_, i) => `100644 blob ${blob}\t${i}.md`);
  const tree = git(["mktree"], `${lines.join("\n")}\n`);
  const identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
  git(["update-ref", "refs/heads/main", git([...identity, "commit-tree", tree, "-p", first, "-m", "too many"])]);
  const asked = await world.engine.sync({});
  await world.wake();
  const state = asked.ok ? await world.engine.syncState(asked.value.sync) : asked;
  expect(state).toMatchObject({
    ok: true,
    value: { state: "failed", message: expect.stringContaining("at most 100000 are applied in one push") },
  });
  expect(world.ledger.applied("refs/heads/main")).toBe(first);
}, 120_000);
