import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { bundleWorker } from "./bundle.ts";
import type { Vars } from "./devVars.ts";
import type { FromServe, ToServe } from "./messages.ts";
import { OFFLINE_ENV } from "./paths.ts";
import { recordUse, refuseIfUsed, releaseState } from "./state.ts";

/** A server that has not gone by itself this long after it was asked to is killed. `npm start` promises 5 s. */
const STOP_MS = 3_500;

export interface ServerOptions {
  stateDir: string;
  vars: Vars;
  host?: string;
  /** Default 0: any free one. */
  port?: number;
  /** The Worker's entry where it is not wrangler.toml's, relative to the checkout. */
  main?: string;
  /** Where the server's output goes: this process's own, a file descriptor, or nowhere. */
  output?: "inherit" | "ignore" | number;
}

export interface LocalServer {
  /** Without a slash at its end. */
  url: string;
  port: number;
  /** Leads the process group that workerd is in. */
  pid: number;
  /** In order; resolves when every process of it is gone. */
  stop(): Promise<void>;
  /** As `kill -9` of the whole process group; resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when the server has ended, whatever ended it. */
  exited: Promise<void>;
}

/** Builds the Worker where its sources changed, and serves it with local Durable Objects and a local D1. */
export async function startServer(options: ServerOptions): Promise<LocalServer> {
  const { dir: bundle } = await bundleWorker(options.main);
  mkdirSync(options.stateDir, { recursive: true });
  const host = options.host ?? "127.0.0.1";
  const port = options.port ?? 0;
  await refuseIfUsed(options.stateDir, host, port);
  const child = spawn(process.execPath, [join(import.meta.dirname, "serve.ts")], {
    // A group of its own: see serve.ts.
    detached: true,
    stdio: ["ignore", options.output ?? "inherit", options.output ?? "inherit", "ipc"],
    env: { ...process.env, ...OFFLINE_ENV },
  });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  const ended = exited.then(() => {
    signalGroup(child, "SIGKILL");
    releaseState(options.stateDir, child.pid);
  });
  const pid = child.pid ?? 0;
  try {
    const ready = firstAnswer(child);
    send(child, { serve: { bundle, stateDir: options.stateDir, host, port, vars: options.vars } });
    const url = await ready;
    const bound = Number(new URL(url).port);
    recordUse(options.stateDir, { pid, host, port: bound });
    return { url, port: bound, pid, exited: ended, stop: () => stop(child, ended), kill: () => kill(child, ended) };
  } catch (error) {
    await kill(child, ended);
    throw error;
  }
}

function firstAnswer(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      reject(new Error(`The server ended while starting (${signal ?? `exit code ${code}`}).`)),
    );
    child.once("message", (message: FromServe) => {
      if ("url" in message) resolve(message.url);
      else reject(new Error(`The server could not start: ${message.failed}`));
    });
  });
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  send(child, { stop: true });
  const late = setTimeout(() => signalGroup(child, "SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(late);
}

async function kill(child: ChildProcess, ended: Promise<void>): Promise<void> {
  signalGroup(child, "SIGKILL");
  await ended;
}

/** A group whose last process has gone is no error: gone is what was wanted. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function send(child: ChildProcess, message: ToServe): void {
  // A server that died meanwhile is noticed by its exit, not by a message that did not arrive.
  if (child.connected) child.send(message, () => undefined);
}
