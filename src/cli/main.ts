/** gitstorectl. */
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "./run.ts";

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
process.once("SIGTERM", () => stop.abort());
// `gitstorectl watch … | head`: nobody reads on, which is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  stop.abort();
  process.exit(0);
});

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  outIsTerminal: process.stdout.isTTY === true,
  errIsTerminal: process.stderr.isTTY === true,
  signal: stop.signal,
  now: Date.now,
  sleep: async (ms) => {
    await sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined);
  },
});
