import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";

const { problem } = createRequire(import.meta.url)("../../.ci/need-node.cjs") as {
  problem(version: string): string | undefined;
};

describe("the check before each script", () => {
  it("lets a Node pass that runs TypeScript", () => {
    expect(problem("22.18.0")).toBeUndefined();
    expect(problem("24.21.0")).toBeUndefined();
  });

  it("refuses an older one, naming it and how to get a newer", () => {
    for (const version of ["20.20.2", "22.17.1"]) {
      expect(problem(version)).toContain(`runs on ${version}`);
      expect(problem(version)).toContain("npm rebuild node");
    }
  });
});
