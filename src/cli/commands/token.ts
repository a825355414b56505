import { durationMs } from "../../auth/duration.ts";
import { ROLES } from "../../auth/roles.ts";
import { coreRegistry } from "../../resource/registry.ts";
import { type Command, choice, text, texts } from "../command.ts";
import { UsageError } from "../exit.ts";
import { type Io, warn } from "../io.ts";
import { localToken } from "../local/token.ts";

const DEFAULT_TTL = "1h";

export const tokenCreate: Command = {
  name: "token create",
  summary: "Makes a token, and prints it and nothing else.",
  usage: "--role ROLE --namespace NS [options]",
  options: {
    role: { type: "string", value: "ROLE", help: `What it may do: ${ROLES.join(", ")}.` },
    namespace: {
      type: "string",
      short: "n",
      multiple: true,
      value: "NS",
      help: 'Where; "*" for everywhere (an admin: the default).',
    },
    "status-of": { type: "string", multiple: true, value: "KIND", help: "A kind whose status a controller may write." },
    ttl: {
      type: "string",
      value: "DURATION",
      help: `How long it holds, such as 30m, 1h, 90d (default ${DEFAULT_TTL}).`,
    },
    sub: { type: "string", value: "SUBJECT", help: "Whose it is, such as user:alice (default user:ROLE)." },
  },
  arguments: { min: 0, max: 0 },
  examples: [
    "gitstorectl token create --role admin",
    "gitstorectl token create --role reader --namespace acme --ttl 30d --sub user:alice",
    "gitstorectl token create --role controller --namespace acme --status-of Product --sub serviceaccount:acme:inventory",
  ],
  notes:
    "It is signed here, with TOKEN_SIGNING_KEY of the environment or of the local server's .dev.vars; no server is asked.\n" +
    "An admin's token has the cluster scope (namespaces, metrics, revocations) whatever its namespaces are.",
  async run({ values, session, io }) {
    const role = choice(values, "role", ROLES);
    if (role === undefined) throw new UsageError(`token create needs --role: one of ${ROLES.join(", ")}`);
    const namespaces = texts(values, "namespace");
    if (namespaces.length === 0 && role !== "admin") {
      throw new UsageError(`token create --role ${role} needs --namespace NS, or --namespace '*' for every namespace`);
    }
    const kinds = texts(values, "status-of");
    if (kinds.length > 0 && role !== "controller") throw new UsageError("--status-of is for --role controller");
    const ttl = text(values, "ttl") ?? DEFAULT_TTL;
    const ttlMs = durationMs(ttl);
    if (ttlMs === undefined || ttlMs < 1_000)
      throw new UsageError(`--ttl is ${JSON.stringify(ttl)}: give a duration such as 30m, 1h, 90d`);
    const sub = text(values, "sub");
    const token = await localToken(session.signingVars(), {
      role,
      namespaces: namespaces.length === 0 ? ["*"] : namespaces,
      statusOf: kinds.map((kind) => pluralOf(kind, io)),
      ttlSeconds: Math.floor(ttlMs / 1000),
      ...(sub === undefined ? {} : { sub }),
    });
    io.out(`${token}\n`);
  },
};

/** Grants name plurals. A custom kind's is in its namespace's definitions, which are not asked: as kubectl guesses it. */
function pluralOf(word: string, io: Io): string {
  const core = coreRegistry.resolve(word);
  if (core) return core.plural;
  const lower = word.toLowerCase();
  if (word === lower) return lower.split(".")[0] ?? lower;
  const plural = /(s|x|ch|sh)$/.test(lower) ? `${lower}es` : lower.replace(/([^aeiou])y$/, "$1ie").concat("s");
  warn(io, `${word} is no core kind: taken as ${JSON.stringify(plural)}. Give its plural where that is another.`);
  return plural;
}
