import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { OFFLINE_ENV, PROJECT_ROOT } from "./paths.ts";

const run = promisify(execFile);

/** Bundles that nobody has asked for this long are removed by the next build. */
const KEPT_MS = 24 * 60 * 60_000;

/** Programs of their own beside the Worker: a change there asks for no new bundle. */
const NOT_IN_THE_WORKER = ["src/cli", "src/gateway"];

/** A directory with `worker.js`, as wrangler would upload it, and `settings.json` (`Settings`). */
export interface Bundle {
  dir: string;
  built: boolean;
}

/**
 * The Worker as one file, built by the same wrangler that deploys it, and kept under a hash of its sources: a start
 * without a change builds nothing, and test files that start servers share one build.
 *
 * @param main entry other than wrangler.toml's, relative to the checkout
 */
export async function bundleWorker(main?: string): Promise<Bundle> {
  const cache = join(PROJECT_ROOT, "dist/local");
  const dir = join(cache, hashOfSources(main));
  if (existsSync(dir)) return { dir, built: false };
  const building = join(cache, `.building-${randomUUID()}`);
  mkdirSync(building, { recursive: true });
  try {
    await Promise.all([compile(main, building), writeSettings(join(building, "settings.json"))]);
    publish(building, dir);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  removeOld(cache, dir);
  return { dir, built: true };
}

async function compile(main: string | undefined, outdir: string): Promise<void> {
  const wrangler = join(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "bin/wrangler.js");
  const entry = main === undefined ? [] : [main];
  await node([wrangler, "deploy", ...entry, "--dry-run", "--outdir", outdir]);
  const built = join(outdir, main === undefined ? "worker.js" : main.replace(/^.*\//, "").replace(/\.ts$/, ".js"));
  if (built !== join(outdir, "worker.js")) renameSync(built, join(outdir, "worker.js"));
}

async function writeSettings(output: string): Promise<void> {
  await node([join(import.meta.dirname, "settings.ts"), join(PROJECT_ROOT, "wrangler.toml"), output]);
}

async function node(args: string[]): Promise<void> {
  try {
    await run(process.execPath, args, { cwd: PROJECT_ROOT, env: { ...process.env, ...OFFLINE_ENV } });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`The Worker could not be built.\n${stdout ?? ""}${stderr ?? ""}`.trimEnd(), { cause: error });
  }
}

/** Two builds of the same sources may end together: the first one's directory stays. */
function publish(building: string, dir: string): void {
  try {
    renameSync(building, dir);
  } catch (error) {
    if (!existsSync(dir)) throw error;
  }
}

function removeOld(cache: string, current: string): void {
  for (const name of readdirSync(cache)) {
    const dir = join(cache, name);
    if (dir !== current && Date.now() - statSync(dir).mtimeMs > KEPT_MS) rmSync(dir, { recursive: true, force: true });
  }
}

function hashOfSources(main?: string): string {
  const hash = createHash("sha256");
  const files = ["wrangler.toml", "package-lock.json", ...filesIn("src"), ...filesIn("migrations")];
  if (main !== undefined) files.push(...filesIn(dirname(main)));
  for (const file of files.sort())
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(PROJECT_ROOT, file)))
      .update("\0");
  return hash
    .update(main ?? "")
    .digest("hex")
    .slice(0, 16);
}

function filesIn(dir: string): string[] {
  const entries = readdirSync(join(PROJECT_ROOT, dir), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(PROJECT_ROOT, join(entry.parentPath, entry.name)))
    .filter((file) => !NOT_IN_THE_WORKER.some((program) => file.startsWith(`${program}/`)));
}
