import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SPECIAL_RESOURCES, VERBS } from "../../../src/auth/grants.ts";
import { ROLES } from "../../../src/auth/roles.ts";
import { COMMANDS } from "../../../src/cli/run.ts";

const read = (name: string) => readFileSync(`docs/${name}`, { encoding: "utf8" });

describe("the documentation", () => {
  it("has every command", () => {
    const text = read("cli.md");
    for (const { name } of COMMANDS) expect(text).toContain(`\`${name} `);
  });

  it("has every role, verb and special resource", () => {
    const text = read("identity.md");
    for (const role of ROLES) expect(text).toContain(`| ${role} |`);
    for (const verb of VERBS) expect(text).toMatch(new RegExp(`\`verbs\`: .*${verb}`));
    for (const resource of SPECIAL_RESOURCES) expect(text).toMatch(new RegExp(`Special resources: .*\`${resource}\``));
  });
});
