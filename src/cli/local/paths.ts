import { join, resolve } from "node:path";

/** The checkout this file is in: where wrangler.toml, src/ and migrations/ are. */
export const PROJECT_ROOT = resolve(import.meta.dirname, "../../..");

/** Secrets of the local server, made on its first start; ignored by git. */
export const DEV_VARS = join(PROJECT_ROOT, ".dev.vars");

export const DEFAULT_PORT = 8787;

/** Where the local server keeps its objects and its D1 database. */
export function stateDir(env: NodeJS.ProcessEnv): string {
  return resolve(PROJECT_ROOT, env.GITSTORE_STATE_DIR || ".gitstore-state");
}

/**
 * For wrangler's and miniflare's processes: no metrics, no prompts, no look for updates, so that everything runs
 * without a network.
 */
export const OFFLINE_ENV = {
  CI: "1",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_WRITE_LOGS: "false",
  X_LOCAL_OBSERVABILITY: "false",
  NO_UPDATE_NOTIFIER: "1",
};
