/** `npm start`: the whole server on this machine, until Ctrl-C or SIGTERM. */
import { relative } from "node:path";
import { ensureDevVars } from "./local/devVars.ts";
import { DEFAULT_PORT, DEV_VARS, PROJECT_ROOT, stateDir } from "./local/paths.ts";
import { type LocalServer, startServer } from "./local/server.ts";

/** How often `npm start` looks whether npm is still there. */
const PARENT_CHECK_MS = 500;

function readPort(text: string | undefined): number {
  if (text === undefined || text === "") return DEFAULT_PORT;
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 1 && port <= 65_535)) throw new Error(`PORT is "${text}"; it must be a number from 1 to 65535.`);
  return port;
}

function banner(server: LocalServer, state: string, created: boolean): string {
  const shown = (path: string) => relative(PROJECT_ROOT, path) || path;
  return [
    `gitstore-edge is ready: ${server.url}`,
    `  state    ${shown(state)}`,
    `  secrets  ${shown(DEV_VARS)}${created ? " (made just now)" : ""}`,
    "  token    npm run --silent ctl -- token create --role admin",
    "  stop     Ctrl-C, or SIGTERM",
    "",
  ].join("\n");
}

async function main(): Promise<void> {
  const port = readPort(process.env.PORT);
  const state = stateDir(process.env);
  const { vars, created } = ensureDevVars(DEV_VARS);
  const stopped = firstSignal();
  const server = await Promise.race([startServer({ stateDir: state, vars, port }), stopped]);
  // Its process sees this one end, and ends.
  if (server === "stop") return;
  process.stdout.write(banner(server, state, created));
  const why = await Promise.race([stopped, server.exited.then(() => "exited" as const)]);
  if (why === "exited") throw new Error("The server ended by itself; what it printed above says why.");
  await server.stop();
}

/** A signal, or npm's end: `npm` killed with SIGKILL passes nothing on, and the server would stay for ever. */
function firstSignal(): Promise<"stop"> {
  return new Promise((resolve) => {
    const stop = () => resolve("stop");
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, stop);
    if (process.env.npm_lifecycle_event !== undefined) {
      const parent = process.ppid;
      setInterval(() => process.ppid !== parent && stop(), PARENT_CHECK_MS).unref();
    }
  });
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
