import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Of the server that uses a state directory: two on one state would each have a ledger of every namespace. */
export interface StateUser {
  pid: number;
  host: string;
  port: number;
}

/** How long a server that was just killed may need to let go of its port. */
const PATIENCE_MS = 2_000;

export class Refused extends Error {}

/**
 * Makes sure that no other server uses this state or this port.
 *
 * @throws Refused saying who is in the way and how to go on
 */
export async function refuseIfUsed(dir: string, host: string, port: number): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const inTheWay = (await stateUser(dir)) ?? (await portUser(host, port));
    if (inTheWay === undefined) return;
    if (Date.now() > until) throw new Refused(inTheWay);
    await sleep(100);
  }
}

export function recordUse(dir: string, user: StateUser): void {
  writeFileSync(file(dir), `${JSON.stringify(user)}\n`);
}

export function releaseState(dir: string, pid: number | undefined): void {
  if (pid !== undefined && read(dir)?.pid === pid) rmSync(file(dir), { force: true });
}

async function stateUser(dir: string): Promise<string | undefined> {
  const user = read(dir);
  // A process id is given out again; only a server that also answers on its port is the one that was written down.
  if (user === undefined || !isAlive(user.pid) || !(await answers(user.host, user.port))) return undefined;
  return `The state in ${dir} is in use by the server on http://${user.host}:${user.port} (process ${user.pid}). Stop it, or keep another state: GITSTORE_STATE_DIR=<directory> npm start`;
}

function portUser(host: string, port: number): Promise<string | undefined> {
  if (port === 0) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(portMessage(error, host, port)));
    probe.listen(port, host, () => probe.close(() => resolve(undefined)));
  });
}

function portMessage(error: NodeJS.ErrnoException, host: string, port: number): string {
  const another = "Choose another: PORT=8788 npm start";
  if (error.code === "EADDRINUSE") return `Port ${port} on ${host} is taken by another program. ${another}`;
  if (error.code === "EACCES") return `Port ${port} is not allowed to this user. ${another}`;
  return `Port ${port} on ${host} cannot be opened: ${error.message}. ${another}`;
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const done = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function read(dir: string): StateUser | undefined {
  try {
    return JSON.parse(readFileSync(file(dir), "utf8")) as StateUser;
  } catch {
    // Missing, or cut by a crash: nobody can be asked, so the port decides.
    return undefined;
  }
}

function file(dir: string): string {
  return join(dir, "server.json");
}
