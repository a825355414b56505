/** `npm run deploy`, by wrangler itself, against Cloudflare's API as it asks for it. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseSigningKeys } from "../../src/auth/keys.ts";
import { OFFLINE_ENV } from "../../src/cli/local/paths.ts";
import { page, ROOT } from "../unit/docs/pages.ts";
import { FakeCloudflare } from "./support/fakeCloudflare.ts";
import { RUNBOOKS } from "./support/runbooks.ts";

const TIMEOUT_MS = 300_000;
const MIGRATIONS = readdirSync(join(ROOT, "migrations")).sort();
const CONFIG = page("wrangler.toml");

let home: string;
let secrets: string;
let cloudflare: FakeCloudflare;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "gitstore-deploy-"));
  secrets = join(home, "secrets.env");
  cloudflare = await FakeCloudflare.start();
});
afterAll(() => {
  cloudflare.stop();
  rmSync(home, { recursive: true, force: true });
});

function run(command: string): Promise<{ code: number; out: string }> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(CLOUDFLARE|CF|WRANGLER)_|proxy$/i.test(name));
  const env = {
    ...Object.fromEntries(inherited),
    ...OFFLINE_ENV,
    ...cloudflare.env,
    XDG_CONFIG_HOME: home,
    HOME: home,
  };
  return new Promise((resolve) => {
    execFile("bash", ["-c", command], { cwd: ROOT, env, maxBuffer: 16 * 1_048_576 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: out + err }),
    );
  });
}

/** The secrets as they were uploaded. */
function secretsOf({ uploaded }: FakeCloudflare): Record<string, unknown> {
  const secret = (uploaded?.bindings ?? []).filter(({ type }) => type === "secret_text");
  return Object.fromEntries(secret.map(({ name, text }) => [name, text]));
}

function tablesOf(migration: string): string[] {
  return [...page(`migrations/${migration}`).matchAll(/^CREATE TABLE (\w+)/gm)].map(([, table = ""]) => table);
}

describe("npm run deploy", () => {
  it(
    "makes the database the first time, migrates it, and only then deploys; the checkout stays as it is",
    async () => {
      const [made, deploy] = RUNBOOKS.deploy.commands.filter((line) => line.includes("secrets.env"));
      const command = `set -e; ${made}; ${deploy}`.replaceAll("secrets.env", secrets);
      const { code, out } = await run(command);
      expect([code, cloudflare.changes], out).toEqual([
        0,
        ["create gitstore-edge-replay", ...MIGRATIONS.map((name) => `migrate ${name}`), "deploy"],
      ]);
      expect(cloudflare.uploaded?.bindings).toContainEqual(
        expect.objectContaining({ name: "REPLAY", type: "d1", id: "11111111-1111-4111-8111-111111111111" }),
      );
      const { TOKEN_SIGNING_KEY, SEALING_KEY } = secretsOf(cloudflare);
      expect(parseSigningKeys(TOKEN_SIGNING_KEY)).toMatchObject([{ kid: "k1" }]);
      expect(Buffer.from(String(SEALING_KEY), "base64url")).toHaveLength(32);
      expect(page("wrangler.toml")).toBe(CONFIG);
    },
    TIMEOUT_MS,
  );

  it(
    "later makes nothing, applies what is new, and deploys after it",
    async () => {
      cloudflare.changes.length = 0;
      const last = MIGRATIONS.at(-1) ?? "";
      const undo = tablesOf(last).map((table) => `DROP TABLE ${table};`);
      cloudflare.database?.sqlite.exec(`${undo.join(" ")} DELETE FROM d1_migrations WHERE name = '${last}'`);
      const { code, out } = await run("npm run deploy");
      expect([code, cloudflare.changes], out).toEqual([0, [`migrate ${last}`, "deploy"]]);
    },
    TIMEOUT_MS,
  );

  it(
    "deploys nothing where a migration fails",
    async () => {
      cloudflare.changes.length = 0;
      const last = MIGRATIONS.at(-1) ?? "";
      cloudflare.database?.sqlite.exec(`DELETE FROM d1_migrations WHERE name = '${last}'`);
      const { code, out } = await run("npm run deploy");
      expect(out).toContain(`table ${tablesOf(last)[0]} already exists`);
      expect([code === 0, cloudflare.changes]).toEqual([false, []]);
    },
    TIMEOUT_MS,
  );
});
