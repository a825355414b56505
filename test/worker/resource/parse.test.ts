import { describe, expect, it } from "vitest";
import { parseFile } from "../../../src/resource/parse.ts";
import { compilePattern } from "../../../src/resource/pattern/match.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";

// The YAML library has another build for Workers than for Node, and this one is what runs in production.
describe("parsing inside workerd", () => {
  const parse = (spec: string) =>
    parseFile(
      "a.md",
      `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata: {name: a}\nspec:\n  ${spec}\n---\nbody`,
      { namespace: "acme", registry: coreRegistry },
    );

  it("reads a plain scalar by its source text", () => {
    expect(parse("title: 1.10")).toMatchObject({
      outcome: "resource",
      candidate: {
        resource: { spec: { title: "1.10" }, body: "body" },
        // sha256sum of [null,null,{"body":"body","spec":{"title":"1.10"}}]: digests are stored, and compared for years.
        digest: "dacca9eed10fa1ae1c2a402d5a1db7f044a9216dad9fbb1e71aa97f240077a11",
      },
    });
  });

  it("bounds a file of brackets, and a pattern that would backtrack", () => {
    expect(parse(`tags: ${"[".repeat(90_000)}`).outcome).toBe("invalid");
    expect(parse(`tags: [${",".repeat(90_000)}]`).outcome).toBe("invalid");
    expect(compilePattern("^(a+)+$").test(`${"a".repeat(5000)}!`)).toBe(false);
  });
});
