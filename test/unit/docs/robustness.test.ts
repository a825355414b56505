import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { D1_MODES, POINTS } from "../../robustness/campaign/points.ts";
import { CHECKS } from "../../robustness/checks/index.ts";

const page = readFileSync(new URL("../../../docs/robustness.md", import.meta.url), "utf8");

describe("docs/robustness.md", () => {
  it("names every fault point, every state of D1 and every check", () => {
    for (const point of POINTS) expect(page).toContain(`\`${point}\``);
    for (const mode of D1_MODES) expect(page).toMatch(new RegExp(`\\b${mode}\\b`));
    const told = page.toLowerCase();
    // A log that is not well formed is the model's own finding.
    for (const check of Object.keys(CHECKS)) if (check !== "wellFormed") expect(told).toContain(check.toLowerCase());
  });
});
