/**
 * The Worker with a D1 that fails while a test says so (`POST /test/d1?failing=true`), or stalls (`?stalled=true`): a
 * stalled call answers once the stall is over, long after whoever made it gave up. `GET /test/d1?ns=` is what it holds.
 */
import type { Env } from "../../src/config.ts";
import { Ledger as RealLedger } from "../../src/watch/ledger.ts";
import worker from "../../src/worker.ts";
import { IN_SPACE, RV } from "./support/replay.ts";

export { RepositoryObject } from "../../src/git/repository.ts";

/** One isolate runs the Worker and its objects, so that all of them see it. */
let failing = false;
let stalled = false;
const STALL_STEP_MS = 50;

async function call<T>(work: () => Promise<T>): Promise<T> {
  if (failing) throw new Error("D1_ERROR: Network connection lost.");
  while (stalled) await scheduler.wait(STALL_STEP_MS);
  return await work();
}

const CALLS: ReadonlySet<string | symbol> = new Set(["all", "first", "run", "raw"]);
const real = new WeakMap<object, D1PreparedStatement>();

function statement(prepared: D1PreparedStatement): D1PreparedStatement {
  const proxy = new Proxy(prepared, {
    get(target, key) {
      const value = Reflect.get(target, key) as (...args: unknown[]) => unknown;
      if (key === "bind") return (...args: unknown[]) => statement(target.bind(...args));
      if (!CALLS.has(key)) return value;
      return (...args: unknown[]) => call(async () => await value.apply(target, args));
    },
  });
  real.set(proxy, prepared);
  return proxy;
}

function unreliable(db: D1Database): D1Database {
  return new Proxy(db, {
    get(target, key) {
      if (key === "prepare") return (query: string) => statement(target.prepare(query));
      if (key !== "batch") return Reflect.get(target, key);
      return (statements: D1PreparedStatement[]) =>
        call(() => target.batch(statements.map((one) => real.get(one) ?? one)));
    },
  });
}

const wrapped = new WeakMap<object, Env>();

function withFaults(env: Env): Env {
  let found = wrapped.get(env);
  if (!found) {
    found = { ...env, REPLAY: unreliable(env.REPLAY) };
    wrapped.set(env, found);
  }
  return found;
}

export class Ledger extends RealLedger {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, withFaults(env));
  }
}

/** RVs of a namespace's events, as often as they are there. */
async function held(env: Env, namespace: string): Promise<Response> {
  const query = env.REPLAY.prepare(`SELECT ${RV} AS rv FROM replay WHERE ${IN_SPACE} ORDER BY key`).bind(namespace);
  const { results } = await query.all<{ rv: number }>();
  return Response.json(results.map(({ rv }) => rv));
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/test/d1") {
      if (request.method === "GET") return await held(env, url.searchParams.get("ns") ?? "");
      failing = url.searchParams.get("failing") === "true";
      stalled = url.searchParams.get("stalled") === "true";
      return Response.json({ failing, stalled });
    }
    return worker.fetch(request, withFaults(env), ctx);
  },
};
