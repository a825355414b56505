/**
 * Run as a process of its own while a bundle is built: writes how to run the Worker (its bindings and migrations, as
 * wrangler.toml has them) as JSON. Loading wrangler takes over a second, so a start never does.
 *
 *     node settings.ts <wrangler.toml> <output.json>
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig, unstable_splitSqlQuery } from "wrangler";

export interface Settings {
  name: string;
  /** Miniflare's options of one Worker, without its code and without a secret. */
  worker: Record<string, unknown>;
  databases: { binding: string; migrations: Migration[] }[];
}

export interface Migration {
  name: string;
  statements: string[];
}

export function settings(configPath: string): Settings {
  const config = unstable_readConfig({ config: configPath });
  const { workerOptions } = unstable_getMiniflareWorkerOptions(configPath);
  return {
    name: config.name ?? "gitstore-edge",
    // Its bindings hold `.dev.vars` and process.env too: secrets, which must not lie in a cache.
    worker: { ...workerOptions, bindings: config.vars },
    databases: config.d1_databases.map((database: { binding: string; migrations_dir?: string }) => ({
      binding: database.binding,
      migrations: database.migrations_dir ? migrations(resolve(dirname(configPath), database.migrations_dir)) : [],
    })),
  };
}

function migrations(dir: string): Migration[] {
  const files = readdirSync(dir).filter((name) => name.endsWith(".sql"));
  return files
    .sort()
    .map((name) => ({ name, statements: unstable_splitSqlQuery(readFileSync(join(dir, name), "utf8")) }));
}

const [, script, configPath, output] = process.argv;
if (script && configPath && output && import.meta.url === pathToFileURL(script).href) {
  writeFileSync(output, JSON.stringify(settings(configPath)));
}
