import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { tokenOf } from "../../worker/support/token.ts";
import { WorkerDial } from "./dial.ts";

let token: Promise<string> | undefined;

export const campaignDial = new WorkerDial(() => {
  // The campaign's clocks run a day and more ahead, so a token of an hour would have expired.
  token ??= tokenOf({ role: "admin", namespaces: ["*"] }, { ttlSeconds: 300 * 86_400 });
  return token;
});

const { REPLAY, TEST_MIGRATIONS, TRACE } = env as unknown as {
  REPLAY: D1Database;
  TEST_MIGRATIONS: Parameters<typeof applyD1Migrations>[1];
  TRACE: string;
};

/** Objects of seeds that are over would slow down every later one. */
export async function fresh(): Promise<void> {
  await reset();
  await applyD1Migrations(REPLAY, TEST_MIGRATIONS);
}

/**
 * Every fault is logged by those it hits, as it should be; what a reader wants is the summary. `TRACE=1` lets it all
 * out. Returns what prints all the same.
 */
export function quiet(): typeof console.log {
  const say = console.log.bind(console);
  if (!TRACE) for (const level of ["log", "info", "warn", "error"] as const) console[level] = () => undefined;
  return say;
}
