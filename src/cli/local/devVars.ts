import { randomBytes } from "node:crypto";
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from "node:fs";

export type Vars = Record<string, string>;

/** What a local server cannot run without. Each is random, or a switch that only a local server may set. */
export function freshVars(random: (bytes: number) => Buffer = randomBytes): Vars {
  return {
    TOKEN_SIGNING_KEY: `k1:${random(32).toString("base64url")}`,
    SEALING_KEY: random(32).toString("base64url"),
    // Git servers on http or on this machine: never set where others can register repositories.
    ALLOW_PRIVATE_GIT: "true",
    GRAPHQL_INTROSPECTION: "true",
  };
}

/**
 * Reads `.dev.vars`; makes it (mode 600) where it is missing, and adds what it lacks. What it already says stays: a new
 * signing key would end every token given out.
 */
export function ensureDevVars(path: string): { vars: Vars; created: boolean } {
  const text = readIfThere(path);
  const vars = parse(text ?? "");
  const missing = Object.entries(freshVars()).filter(([name]) => !vars[name]);
  if (text === undefined) {
    const header = "# Secrets of the local server, made on its first start. Ignored by git.\n";
    // "wx": of two first starts at once the second fails here instead of replacing the first one's keys.
    writeFileSync(path, header + lines(missing), { mode: 0o600, flag: "wx" });
  } else if (missing.length > 0) {
    appendFileSync(path, (text === "" || text.endsWith("\n") ? "" : "\n") + lines(missing));
    chmodSync(path, 0o600);
  }
  return { vars: { ...vars, ...Object.fromEntries(missing) }, created: text === undefined };
}

/** `NAME=value` lines as wrangler reads them: `#` comments, `export`, and one pair of quotes around a value. */
export function parse(text: string): Vars {
  const vars: Vars = {};
  for (const line of text.split("\n")) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    const [, name, value] = match ?? [];
    if (name !== undefined && value !== undefined) vars[name] = unquote(value);
  }
  return vars;
}

function unquote(value: string): string {
  const quoted = /^(["'`])(.*)\1$/s.exec(value);
  return quoted?.[2] ?? value.replace(/\s+#.*$/, "");
}

function lines(vars: [string, string][]): string {
  return vars.map(([name, value]) => `${name}=${value}\n`).join("");
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
