import { type Env, requireConfig } from "../config.ts";
import type { Retention } from "./outbox.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 3_600_000;

export function retentionOf(env: Partial<Env>): Retention {
  const config = requireConfig(env);
  return {
    tailEvents: config.TAIL_EVENTS,
    tailMs: config.TAIL_MINUTES * MINUTE_MS,
    windowMs: config.WINDOW_DAYS * DAY_MS,
    windowEvents: config.WINDOW_EVENTS,
    auditMs: config.AUDIT_DAYS * DAY_MS,
    tailMaxBytes: config.TAIL_MAX_BYTES,
    replayMaxBytes: config.REPLAY_MAX_BYTES,
    tombstoneMs: config.TOMBSTONE_DAYS * DAY_MS,
  };
}
