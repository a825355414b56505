/** Bindings, vars and secrets, read once and validated with every mistake named. */
import * as z from "zod/mini";
import { type OidcIssuer, oidcIssuers } from "./auth/issuers.ts";
import { parseSigningKeys, type SigningKey } from "./auth/keys.ts";
import type { RepositoryApi } from "./git/api.ts";
import type { LedgerStub } from "./ledger/api.ts";

export interface Env {
  LEDGER: DurableObjectNamespace;
  REPOSITORY: DurableObjectNamespace;
  REPLAY: D1Database;
  TOKEN_SIGNING_KEY: string;
  SEALING_KEY: string;
  [name: string]: unknown;
}

/** The stub of a namespace's ledger. The name alone addresses it; an unopened one answers NoNamespace. */
export function ledgerOf(env: Pick<Env, "LEDGER">, namespace: string): LedgerStub {
  return env.LEDGER.get(env.LEDGER.idFromName(namespace)) as unknown as LedgerStub;
}

/**
 * The D1 database that holds a namespace's replay window. `REPLAY`, and where one is not enough `REPLAY_1`, `REPLAY_2`, …
 * beside it, share the namespaces by a hash of the name (FNV-1a, 32 bits). Adding one moves namespaces: their windows
 * begin anew there, and older cursors are expired, which `expired=compact` heals.
 */
export function replayOf(env: Pick<Env, "REPLAY">, namespace: string): D1Database {
  const databases = replaysOf(env);
  let hash = 0x811c9dc5;
  for (let i = 0; i < namespace.length; i++) hash = Math.imul(hash ^ namespace.charCodeAt(i), 0x01000193) >>> 0;
  return databases[hash % databases.length] ?? env.REPLAY;
}

/** All of them: for look-ups that do not know the namespace. */
export function replaysOf(env: Pick<Env, "REPLAY">): D1Database[] {
  const bindings = env as Record<string, unknown>;
  const databases = [env.REPLAY];
  for (let i = 1; bindings[`REPLAY_${i}`] !== undefined; i++) databases.push(bindings[`REPLAY_${i}`] as D1Database);
  return databases;
}

/** The stub of a repository's object. `/` is in no name, so no two repositories share one. */
export function repositoryOf(env: Pick<Env, "REPOSITORY">, namespace: string, name: string): RepositoryApi {
  return env.REPOSITORY.get(env.REPOSITORY.idFromName(`${namespace}/${name}`)) as unknown as RepositoryApi;
}

const MIB = 1024 * 1024;

/** `wrangler.toml` gives numbers or strings, `.dev.vars` and secrets strings only. */
const integer = (fallback: number, min: number, max: number) => {
  const error = `give a whole number from ${min} to ${max}; leave it out for ${fallback}`;
  const text = z.pipe(
    z.union([z.number({ error }), z.string({ error })], { error }),
    z.transform((value) => (value === "" ? fallback : Number(value))),
  );
  const inRange = (value: number) => Number.isSafeInteger(value) && value >= min && value <= max;
  return z.prefault(z.pipe(text, z.number({ error }).check(z.refine(inRange, { error }))), fallback);
};

const flag = (fallback: boolean) =>
  z.prefault(
    z.pipe(
      z.union([z.boolean(), z.enum(["true", "false", ""])], {
        error: `give "true" or "false"; leave it out for ${fallback}`,
      }),
      z.transform((value) => (value === "" ? fallback : value === true || value === "true")),
    ),
    fallback,
  );

/** A parser that throws with a message for the operator, as a schema. The value itself is never in the message. */
const parsed = <T>(parse: (value: unknown) => T) =>
  z.pipe(
    z.unknown(),
    z.transform((value: unknown, context) => {
      try {
        return parse(value);
      } catch (error) {
        context.issues.push({
          code: "custom",
          message: error instanceof Error ? error.message : "invalid",
          input: undefined,
        });
        return z.NEVER;
      }
    }),
  );

const schema = z.object({
  TOKEN_SIGNING_KEY: parsed(parseSigningKeys),
  SEALING_KEY: parsed(sealingKey),
  OIDC_ISSUERS: z.optional(parsed(oidcIssuers)),

  /** The newest events that stay in the ledger: a resume within them needs nothing else. */
  TAIL_EVENTS: integer(10_000, 1, 10_000_000),
  TAIL_MINUTES: integer(10, 0, 10_080),
  /** Pruning goes on past this even if D1 has nothing of it: then the ledger's floor rises. */
  TAIL_MAX_BYTES: integer(1024 * MIB, MIB, 8 * 1024 * MIB),
  /** The replay window in D1: at least so many days, and so many events more while there is room. */
  WINDOW_DAYS: integer(7, 1, 400),
  WINDOW_EVENTS: integer(100_000, 0, 100_000_000),
  /** Of one D1 database, whose hard limit is 10 GB. */
  REPLAY_MAX_BYTES: integer(8_000_000_000, MIB, 10_000_000_000),
  /** Rejections, releases and promotions. */
  AUDIT_DAYS: integer(400, 1, 36_500),
  TOMBSTONE_DAYS: integer(90, 1, 36_500),

  GIT_FETCH_MAX_BYTES: integer(32 * MIB, MIB, 8 * 1024 * MIB),
  GIT_FETCH_MAX_OBJECTS: integer(200_000, 1, 100_000_000),
  /** Signed deliveries of one repository: so many at once, then so many a minute. What is refused is found by a look. */
  WEBHOOK_BURST: integer(1_000, 1, 1_000_000),
  WEBHOOKS_PER_MINUTE: integer(120, 1, 1_000_000),
  /** http and private addresses as Git remotes: for `npm start` and tests. */
  ALLOW_PRIVATE_GIT: flag(false),

  /** Introspection of the GraphQL schema, and GraphiQL at /graphql: for development. */
  GRAPHQL_INTROSPECTION: flag(false),
  /** A subscription that would replay more is told to list again: a namespace has at most so many objects. */
  GRAPHQL_REPLAY_EVENTS: integer(1_000_000, 1, 100_000_000),
  /** Lets a PATCH of a status without `resourceVersion` through, for clients that cannot send one. */
  STATUS_PATCH_UNCONDITIONAL: flag(false),
  WATCHERS_PER_LEDGER: integer(4_000, 1, 32_000),
  /** A token's longest life, for those minted here. */
  TOKEN_MAX_TTL_DAYS: integer(400, 1, 3_650),
});

export interface Config extends Omit<z.infer<typeof schema>, "OIDC_ISSUERS" | "TOKEN_SIGNING_KEY"> {
  TOKEN_SIGNING_KEY: SigningKey[];
  OIDC_ISSUERS: OidcIssuer[];
}

export type ConfigResult = { ok: true; config: Config } | { ok: false; problems: string[] };

const BINDINGS = { LEDGER: "durable_objects", REPOSITORY: "durable_objects", REPLAY: "d1_databases" } as const;
const cache = new WeakMap<object, ConfigResult>();

/** Reads all of it once per environment. A problem names the variable and the fix, and never shows a value. */
export function configOf(env: Partial<Env>): ConfigResult {
  const known = cache.get(env);
  if (known) return known;
  const result = read(env);
  cache.set(env, result);
  return result;
}

/** As {@link configOf}, for code that is only reached where the configuration holds. */
export function requireConfig(env: Partial<Env>): Config {
  const result = configOf(env);
  if (result.ok) return result.config;
  throw new Error(`the configuration is wrong: ${result.problems.join("; ")}`);
}

function read(env: Partial<Env>): ConfigResult {
  const problems: string[] = [];
  for (const [binding, section] of Object.entries(BINDINGS)) {
    if (env[binding] === undefined)
      problems.push(`${binding}: this binding is missing: add it under ${section} in wrangler.toml`);
  }
  const result = schema.safeParse(env);
  if (!result.success) {
    for (const issue of result.error.issues) problems.push(`${issue.path.join(".")}: ${issue.message}`);
    return { ok: false, problems };
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config: { ...result.data, OIDC_ISSUERS: result.data.OIDC_ISSUERS ?? [] } };
}

/** 32 bytes, base64url: what the repository objects seal their secrets with. */
function sealingKey(value: unknown): string {
  const how =
    "set a secret of at least 32 random bytes in base64url (openssl rand -base64 32 | tr '+/' '-_' | tr -d '=')";
  if (typeof value !== "string" || value === "") throw new Error(`this secret is missing: ${how}`);
  if (!/^[A-Za-z0-9_-]+={0,2}$/.test(value)) throw new Error(`this is not base64url: ${how}`);
  if (Math.floor((value.replace(/=+$/, "").length * 3) / 4) < 32)
    throw new Error(`this is shorter than 32 bytes: ${how}`);
  return value;
}
