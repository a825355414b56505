/**
 * Holds the Worker's bundle, as `wrangler deploy --dry-run --outdir dist/worker` wrote it, to a budget: each KiB is
 * parsed whenever an isolate starts, and dependencies grow unseen.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const KIB = 1024;
/**
 * Ten percent above what there is. 932 and 234 KiB before GraphQL; graphql-js and graphql-yoga, unminified, brought it to
 * 1,868 and 434. The platform takes 3 MiB compressed on its smallest plan.
 */
export const BUDGET = { raw: 2_050 * KIB, gzip: 480 * KIB };

/** What is uploaded: everything but source maps and wrangler's note. */
function uploaded(dir: string): Buffer[] {
  const files = readdirSync(dir).filter((name) => !name.endsWith(".map") && name !== "README.md");
  return files.map((name) => readFileSync(join(dir, name)));
}

function sizes(files: Buffer[]): { raw: number; gzip: number } {
  return {
    raw: files.reduce((sum, bytes) => sum + bytes.length, 0),
    gzip: files.reduce((sum, bytes) => sum + gzipSync(bytes).length, 0),
  };
}

const dir = resolve(import.meta.dirname, "../dist/worker");
let files: Buffer[] = [];
try {
  files = uploaded(dir);
} catch {
  // Told below, like an empty directory.
}
if (files.length === 0) {
  console.error("There is no bundle in dist/worker: run `npx wrangler deploy --dry-run --outdir dist/worker` first.");
  process.exit(1);
}
const found = sizes(files);
const over = (["raw", "gzip"] as const).filter((what) => found[what] > BUDGET[what]);
for (const what of ["raw", "gzip"] as const) {
  console.log(`${what.padEnd(4)} ${(found[what] / KIB).toFixed(1).padStart(8)} KiB of ${BUDGET[what] / KIB} KiB`);
}
if (over.length > 0) {
  console.error(
    `The bundle is over its budget (${over.join(", ")}). See what grew with \`npx esbuild --analyze\`, or raise BUDGET in .ci/bundle-size.ts with the reason.`,
  );
  process.exit(1);
}
