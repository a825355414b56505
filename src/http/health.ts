/** For those who run it: `/healthz`, `/readyz`, `/version`, `/metrics`. A scrape wakes no sleeping namespace. */

import { authenticate } from "../auth/authenticate.ts";
import { allows } from "../auth/grants.ts";
import { configOf, type Env, ledgerOf, replaysOf } from "../config.ts";
import { log } from "../telemetry/log.ts";
import { type LedgerGauges, ledgerMetrics, type Metric, RequestCounter, renderMetrics } from "../telemetry/metrics.ts";
import { timeBox } from "../telemetry/timebox.ts";
import { type AppContext, authorize } from "./context.ts";
import { StatusError, unavailable } from "./status.ts";
import { versionInfo } from "./version.ts";
import { deliveries } from "./webhooks.ts";

/** D1 fails as a stall; a probe must not. */
const D1_TIMEOUT_MS = 2_000;
/** An outbox drains every 30 s; ten times that is a window that does not take its events. */
export const OUTBOX_AGE_LIMIT_MS = 300_000;
export const ALARM_OVERDUE_LIMIT_MS = 120_000;
/** A ledger says nothing while it sleeps, so what is older tells nothing about now. */
export const GAUGES_FRESH_MS = 600_000;

export const requests = new RequestCounter();

export interface Check {
  name: "config" | "d1" | "outbox" | "alarms";
  ok: boolean;
  /** Names variables, namespaces and figures: for those who may see metrics. */
  message?: string;
}

export function handleHealth(c: AppContext): Response {
  return c.text("ok");
}

export function handleVersion(c: AppContext): Response {
  return c.json(versionInfo());
}

/** Anyone may ask whether; what exactly is not ready is for those who may see metrics, and in the log. */
export async function handleReady(c: AppContext): Promise<Response> {
  const checks = await readiness(c.env, Date.now());
  const failed = checks.filter(({ ok }) => !ok);
  if (failed.length > 0) log("warn", "not ready", { requestId: c.get("requestId"), checks: failed });
  const detailed = await maySeeMetrics(c);
  const shown = checks.map((check) => (detailed ? check : { name: check.name, ok: check.ok }));
  const headers = failed.length > 0 ? { "retry-after": "5" } : undefined;
  return c.json(
    { status: failed.length > 0 ? "not ready" : "ready", checks: shown },
    failed.length > 0 ? 503 : 200,
    headers,
  );
}

async function maySeeMetrics(c: AppContext): Promise<boolean> {
  if (!configOf(c.env).ok) return false;
  const verified = await authenticate(c.req.raw, c.env, Date.now());
  return verified.ok && allows(verified.identity, { namespace: "*", resource: "metrics", verb: "get" });
}

export async function readiness(env: Env, now: number): Promise<Check[]> {
  const config = configOf(env);
  const checks: Check[] = [
    { name: "config", ok: config.ok, ...(config.ok ? {} : { message: config.problems.join("; ") }) },
  ];
  let gauges: PublishedGauges[];
  try {
    const unmigrated = await timeBox(findUnmigrated(env), D1_TIMEOUT_MS);
    if (unmigrated !== undefined) return [...checks, { name: "d1", ok: false, message: unmigrated }];
    gauges = await timeBox(readGauges(env.REPLAY), D1_TIMEOUT_MS);
    checks.push({ name: "d1", ok: true });
  } catch (error) {
    checks.push({
      name: "d1",
      ok: false,
      message: `D1 does not answer: ${error instanceof Error ? error.message : String(error)}`,
    });
    return checks;
  }
  const fresh = gauges.filter(({ at }) => now - at <= GAUGES_FRESH_MS).map(({ stats }) => stats);
  const late = fresh.filter(({ outboxAgeMs }) => outboxAgeMs > OUTBOX_AGE_LIMIT_MS);
  const overdue = fresh.filter(({ alarmOverdueMs }) => alarmOverdueMs > ALARM_OVERDUE_LIMIT_MS);
  checks.push(
    judge("outbox", late, ({ outboxAgeMs }) => `oldest unflushed event ${Math.round(outboxAgeMs / 1000)} s old`),
  );
  checks.push(judge("alarms", overdue, ({ alarmOverdueMs }) => `alarm ${Math.round(alarmOverdueMs / 1000)} s late`));
  return checks;
}

/** What migrations made, the newest last. A database without one of them is older than this code. */
export const D1_TABLES = [
  "spaces",
  "replay",
  "replay_befores",
  "audit",
  "revocations",
  "sessions",
  "gauges",
  "bounds",
  "uids",
];

/** Which database was not migrated, and what to run; undefined: none. */
async function findUnmigrated(env: Env): Promise<string | undefined> {
  for (const [index, db] of replaysOf(env).entries()) {
    const { results } = await db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all<{ name: string }>();
    const found = new Set(results.map(({ name }) => name));
    const missing = D1_TABLES.filter((name) => !found.has(name));
    if (missing.length === 0) continue;
    const binding = index === 0 ? "REPLAY" : `REPLAY_${index}`;
    const how = index === 0 ? "npm run db:migrate" : `npx wrangler d1 migrations apply ${binding} --remote`;
    return `D1 (${binding}) is not migrated, it has no table ${missing.join(", ")}: run ${how}`;
  }
  return undefined;
}

function judge(name: Check["name"], wrong: LedgerGauges[], tell: (gauges: LedgerGauges) => string): Check {
  if (wrong.length === 0) return { name, ok: true };
  const shown = wrong.slice(0, 5).map((gauges) => `${gauges.namespace}: ${tell(gauges)}`);
  const more = wrong.length > 5 ? `, and ${wrong.length - 5} more` : "";
  return { name, ok: false, message: `${shown.join(", ")}${more}` };
}

interface PublishedGauges {
  at: number;
  stats: LedgerGauges;
}

/** What ledgers last said of themselves, table `gauges`. */
async function readGauges(db: D1Database): Promise<PublishedGauges[]> {
  const { results } = await db.prepare("SELECT at, json FROM gauges ORDER BY ns").all<{ at: number; json: string }>();
  return results.map(({ at, json }) => ({ at, stats: JSON.parse(json) as LedgerGauges }));
}

/** Every ledger as it last said of itself; `?namespace=` asks that one now (and wakes it). */
export async function handleMetrics(c: AppContext): Promise<Response> {
  const namespace = c.req.query("namespace");
  await authorize(c, { kind: { group: "", plural: "metrics" }, verb: "get", namespace });
  const metrics =
    namespace === undefined
      ? await published(c.env, Date.now())
      : ledgerMetrics([await ledgerOf(c.env, namespace).stats()]);
  return new Response(renderMetrics([...metrics, requests.metric(), deliveries.metric()]), {
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
  });
}

async function published(env: Env, now: number): Promise<Metric[]> {
  try {
    const gauges = await timeBox(readGauges(env.REPLAY), D1_TIMEOUT_MS);
    const age: Metric = {
      name: "gitstore_gauges_age_seconds",
      type: "gauge",
      help: "How long ago the ledger published its gauges; a sleeping one publishes nothing.",
      samples: gauges.map(({ at, stats }) => ({
        labels: { namespace: stats.namespace },
        value: Math.max(0, now - at) / 1000,
      })),
    };
    return [...ledgerMetrics(gauges.map(({ stats }) => stats)), age];
  } catch (error) {
    log("error", "the gauges could not be read", { error });
    throw new StatusError(
      unavailable("the published gauges (D1) cannot be read: ask for one namespace with ?namespace=NS", 5),
    );
  }
}
