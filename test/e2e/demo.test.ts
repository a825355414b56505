import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");

let temporary: string;
let demo: ChildProcess | undefined;
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "gitstore-demo-test-"));
});
afterEach(() => {
  if (demo?.exitCode === null) demo.kill("SIGKILL");
  rmSync(temporary, { recursive: true, force: true });
});

/** `npm run demo` with a temporary directory of its own, so that what it leaves behind can be seen. */
function run(env: Record<string, string> = {}): {
  output(): string;
  until(text: string): Promise<void>;
  ended: Promise<number | null>;
} {
  const child = spawn(process.execPath, ["src/cli/demo/main.ts"], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  demo = child;
  let output = "";
  const ended = new Promise<number | null>((done) => child.once("close", done));
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const until = async (text: string) => {
    while (!output.includes(text)) {
      const more = new Promise<"more">((done) => child.stdout.once("data", () => done("more")));
      if ((await Promise.race([more, ended])) !== "more") throw new Error(`it ended before "${text}": ${output}`);
    }
  };
  return { output: () => output, until, ended };
}

/** Demo directories, and processes that work in one. */
function leftBehind(): string[] {
  const processes = execFileSync("ps", ["-eo", "args="]).toString().split("\n");
  const directories = readdirSync(temporary).filter((name) => name.startsWith("gitstore-demo-"));
  return [...directories, ...processes.filter((line) => line.includes(temporary))];
}

describe("npm run demo", () => {
  it("tells the whole story, ends by itself with exit code 0, and leaves nothing behind", async () => {
    const { output, ended } = run();
    expect(await ended, output()).toBe(0);
    expect(output()).toContain("ADDED Product");
    expect(output()).toContain("branch-force-pushed");
    expect(output()).toMatch(/remote: products\/\S+\.md:\d+:\d+: unknown field "titel"/);
    expect(output()).toContain("each once, in order, without a hole");
    expect(leftBehind()).toEqual([]);
  });

  it("cleans up and fails when it is told to end", async () => {
    const { output, until, ended } = run();
    await until("$ git push");
    demo?.kill("SIGTERM");
    expect(await ended).toBe(1);
    expect(output()).toContain("Ended by SIGTERM");
    expect(leftBehind()).toEqual([]);
  });

  it("cleans up when it is told to end while it starts", async () => {
    const { until, ended } = run();
    await until("Starting");
    demo?.kill("SIGTERM");
    expect(await ended).toBe(1);
    expect(leftBehind()).toEqual([]);
  });

  it("names what it needs and does not find", async () => {
    const bin = join(temporary, "bin");
    mkdirSync(bin);
    for (const tool of ["git", "curl"]) {
      symlinkSync(
        execFileSync("sh", ["-c", `command -v ${tool}`])
          .toString()
          .trim(),
        join(bin, tool),
      );
    }
    const { output, ended } = run({ PATH: bin });
    expect(await ended).toBe(1);
    expect(output()).toContain("The demo needs openssl");
  });
});
