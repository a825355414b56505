import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** A file of the tree, and what it tries to import: the way through the house, and the doors that are shut. */
const allowed: [file: string, imports: string][] = [
  ["src/worker.ts", "./watch/ledger.ts"],
  ["src/http/kube/list.ts", "../../watch/session.ts"],
  ["src/http/kube/get.ts", "../../ledger/api.ts"],
  ["src/git/remote/refs.ts", "../../ledger/api.ts"],
  ["src/git/webhooks/github.ts", "../../auth/tokens.ts"],
  ["src/release/hydrate.ts", "../git/remote/pack.ts"],
  ["src/watch/engine.ts", "../ledger/log.ts"],
  ["src/watch/ledger.ts", "../ledger/ledger.ts"],
  ["src/ledger/admit.ts", "../admission/admit.ts"],
  ["src/admission/admit.ts", "../resource/types.ts"],
  ["src/controller/queue.ts", "../client/watch.ts"],
  ["src/controller/hosts/edge/object.ts", "../../../ledger/api.ts"],
  ["src/cli/main.ts", "../client/watch.ts"],
  ["src/config.ts", "./ledger/api.ts"],
];
const refused: [file: string, imports: string][] = [
  ["src/resource/names.ts", "../admission/types.ts"],
  ["src/resource/names.ts", "../config.ts"],
  ["src/admission/admit.ts", "../ledger/api.ts"],
  ["src/ledger/log.ts", "../watch/engine.ts"],
  ["src/ledger/ledger.ts", "../watch/engine.ts"],
  ["src/ledger/push/apply.ts", "../../git/api.ts"],
  ["src/watch/engine.ts", "../http/app.ts"],
  ["src/git/plan.ts", "../ledger/store.ts"],
  ["src/git/remote/refs.ts", "../../watch/engine.ts"],
  ["src/release/plan.ts", "../ledger/ledger.ts"],
  ["src/http/kube/list.ts", "../../ledger/list.ts"],
  ["src/http/app.ts", "../cli/main.ts"],
  ["src/graphql/resolvers/watch.ts", "../../worker.ts"],
  ["src/client/watch.ts", "../watch/frames.ts"],
  ["src/controller/queue.ts", "../ledger/api.ts"],
  ["src/controller/builtin/publication.ts", "../../telemetry/log.ts"],
  ["src/auth/tokens.ts", "../ledger/api.ts"],
  ["src/telemetry/log.ts", "../resource/types.ts"],
  ["src/cli/demo/main.ts", "../../ledger/api.ts"],
  ["src/cli/demo/main.ts", "../../../test/e2e/support/server.ts"],
  ["src/config.ts", "./ledger/ledger.ts"],
];

const dirs: string[] = [];
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

/** Lints a tree of such files under the project's own rules; answers `file <- import` of each that was refused. */
async function lint(files: [string, string][]): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), "import-rules-"));
  dirs.push(dir);
  const config = { extends: [join(root, ".ci/import-rules.json")], linter: { rules: { preset: "none" } } };
  writeFileSync(join(dir, "biome.json"), JSON.stringify(config));
  const places = new Map<string, string[]>();
  for (const [file, imports] of files) places.set(file, [...(places.get(file) ?? []), imports]);
  for (const [file, imports] of places) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), imports.map((path) => `import type { X } from "${path}";\n`).join(""));
  }
  const found: string[] = [];
  for (const { category, location } of await biome(dir)) {
    expect(category).toBe("lint/style/noRestrictedImports");
    const file = location.path;
    found.push(`${file} <- ${places.get(file)?.[location.start.line - 1]}`);
  }
  return found.sort();
}

interface Diagnostic {
  category: string;
  location: { path: string; start: { line: number } };
}

function biome(cwd: string): Promise<Diagnostic[]> {
  const bin = join(root, "node_modules/.bin/biome");
  const args = ["lint", "--reporter=json", "--max-diagnostics=none", "."];
  return new Promise((done, failed) => {
    execFile(bin, args, { cwd }, (error, stdout, stderr) => {
      if (stdout === "") failed(error ?? new Error(`biome printed nothing; on stderr: ${stderr}`));
      else done((JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics);
    });
  });
}

describe("the import rules", () => {
  it("are part of the project's lint", () => {
    const config = JSON.parse(readFileSync(join(root, "biome.json"), "utf8")) as { extends: string[] };
    expect(config.extends).toContain("./.ci/import-rules.json");
  });

  it("let every layer import what is below it", async () => {
    expect(await lint(allowed)).toEqual([]);
  });

  it("refuse an import from above, from beside, or past a ledger's door", async () => {
    expect(await lint(refused)).toEqual(refused.map(([file, imports]) => `${file} <- ${imports}`).sort());
  });
});
