/** `/admin/revocations`: tokens and subjects that are refused before they expire. */
import * as z from "zod/mini";
import { D1Revocations, type Revocation, revocationsOf } from "../auth/revocations.ts";
import { ledgersWithSessions, pruneSessions } from "../auth/sessions.ts";
import { ledgerOf, requireConfig } from "../config.ts";
import { log } from "../telemetry/log.ts";
import { timeBox } from "../telemetry/timebox.ts";
import { readOptions } from "./body.ts";
import { type AppContext, authorize } from "./context.ts";
import { badRequest, StatusError, unavailable } from "./status.ts";

const REVOCATIONS = { group: "", plural: "revocations" };
/** A revocation that D1 did not take is not in force elsewhere, so the caller has to know. */
const D1_TIMEOUT_MS = 5_000;
const DAY_MS = 86_400_000;

/** A subject of an OIDC issuer begins with the issuer. */
const text = z.string().check(z.minLength(1), z.maxLength(1024));
const bodySchema = z.strictObject({
  jti: z.optional(text),
  sub: z.optional(text),
  until: z.optional(z.string()),
  reason: z.optional(z.string().check(z.maxLength(1024))),
});

const FORM = 'give {"jti"} or {"sub"}, and "until" (RFC 3339) and "reason" where you like';

export async function createRevocation(c: AppContext): Promise<Response> {
  const identity = await authorize(c, { kind: REVOCATIONS, verb: "create" });
  const now = Date.now();
  const { revocation, reason } = parseRevocation(
    await readOptions(c.req.raw),
    now,
    requireConfig(c.env).TOKEN_MAX_TTL_DAYS,
  );
  const store = new D1Revocations(c.env.REPLAY);
  await orUnavailable(store.save(revocation, identity.sub, reason, now));
  revocationsOf(c.env).add(revocation);
  log("info", "revoked", { requestId: c.get("requestId"), by: identity.sub, [revocation.kind]: revocation.value });
  const closed = await closeSockets(c, revocation, now);
  c.executionCtx.waitUntil(pruneSessions(c.env, now).catch(() => undefined));
  const { kind, value, until } = revocation;
  return c.json({ [kind]: value, until: new Date(until).toISOString(), closed }, 201);
}

export function parseRevocation(
  body: unknown,
  now: number,
  maxTtlDays: number,
): { revocation: Revocation; reason: string } {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) throw new StatusError(badRequest(`the revocation is malformed: ${FORM}`));
  const { jti, sub, until, reason = "" } = parsed.data;
  const value = jti ?? sub;
  if (value === undefined || (jti !== undefined && sub !== undefined))
    throw new StatusError(badRequest(`one of jti and sub is needed: ${FORM}`));
  // No token of this installation lives longer, so after this there is none left to refuse.
  const end = until === undefined ? now + maxTtlDays * DAY_MS : Date.parse(until);
  if (!Number.isFinite(end) || end <= now)
    throw new StatusError(badRequest(`until: must be a time in the future: ${FORM}`));
  return { revocation: { kind: jti === undefined ? "sub" : "jti", value, until: end }, reason };
}

/** Sockets of the revoked, in the ledgers where they were registered when they connected. */
async function closeSockets(c: AppContext, { kind, value }: Revocation, now: number): Promise<number> {
  const who = kind === "jti" ? { jti: value } : { sub: value };
  const ledgers = await orUnavailable(ledgersWithSessions(c.env, who, now));
  const results = await Promise.allSettled(ledgers.map((namespace) => ledgerOf(c.env, namespace).revoke(who)));
  let closed = 0;
  for (const [index, result] of results.entries()) {
    if (result.status === "fulfilled") closed += result.value.closed;
    else
      log("error", "a ledger could not be told of a revocation", { namespace: ledgers[index], error: result.reason });
  }
  if (results.some((result) => result.status === "rejected")) {
    throw new StatusError(
      unavailable("it is revoked, but a ledger could not be told to close its sockets: repeat the request", 1),
    );
  }
  return closed;
}

export async function listRevocations(c: AppContext): Promise<Response> {
  await authorize(c, { kind: REVOCATIONS, verb: "list" });
  const list = await orUnavailable(new D1Revocations(c.env.REPLAY).load(Date.now()));
  return c.json({
    items: list.map(({ kind, value, until }) => ({ [kind]: value, until: new Date(until).toISOString() })),
  });
}

/** Lets a subject, or a token, in again. */
export async function deleteRevocation(c: AppContext): Promise<Response> {
  await authorize(c, { kind: REVOCATIONS, verb: "delete" });
  const kind = c.req.param("kind");
  const value = c.req.param("value") ?? "";
  if (kind !== "jti" && kind !== "sub")
    throw new StatusError(badRequest("the path is /admin/revocations/{jti|sub}/{value}"));
  const lifted = await orUnavailable(new D1Revocations(c.env.REPLAY).lift(kind, value));
  revocationsOf(c.env).remove(kind, value);
  return c.json({ [kind]: value, lifted });
}

async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await timeBox(work, D1_TIMEOUT_MS);
  } catch (error) {
    log("error", "D1 did not answer about revocations", { error });
    throw new StatusError(unavailable("the list of revocations (D1) does not answer: repeat the request", 5));
  }
}
