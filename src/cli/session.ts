/** Which server, and as whom: the option, then the environment, then, for a server on this machine, `.dev.vars`. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Client } from "../client/http.ts";
import { text, type Values } from "./command.ts";
import { Failure, UsageError } from "./exit.ts";
import type { Io } from "./io.ts";
import { parse, type Vars } from "./local/devVars.ts";
import { DEFAULT_PORT, DEV_VARS } from "./local/paths.ts";
import { localToken } from "./local/token.ts";

/** Long enough for a command; a watch asks for a new one when it ends. */
const LOCAL_TOKEN_SECONDS = 3_600;

export class Session {
  readonly server: string;
  readonly #values: Values;
  readonly #io: Io;
  #client: Client | undefined;

  constructor(values: Values, io: Io) {
    this.#values = values;
    this.#io = io;
    this.server = serverOf(values, io.env);
  }

  get client(): Client {
    this.#client ??= new Client({ server: this.server, token: () => this.token() });
    return this.#client;
  }

  /** Whether another token can be had when this one has ended. */
  get renewable(): boolean {
    return this.#given() === undefined;
  }

  /** The one that was given, or an administrator's made here, which holds so long. */
  async token(ttlSeconds = LOCAL_TOKEN_SECONDS): Promise<string> {
    const given = this.#given();
    if (given !== undefined) return given;
    const vars = this.signingVars();
    return await localToken(vars, {
      role: "admin",
      namespaces: ["*"],
      sub: "user:local-admin",
      ttlSeconds,
    });
  }

  /** With `TOKEN_SIGNING_KEY`: from the environment, or the local server's `.dev.vars`. */
  signingVars(): Vars {
    const { TOKEN_SIGNING_KEY } = this.#io.env;
    if (TOKEN_SIGNING_KEY) return { TOKEN_SIGNING_KEY };
    if (!isLocal(this.server)) {
      throw new Failure(
        `there is no token for ${this.server}`,
        "Give one with --token or GITSTORE_TOKEN; to make one here, set TOKEN_SIGNING_KEY to the server's.",
      );
    }
    const path = devVarsPath(this.#io.cwd);
    const vars = path === undefined ? {} : parse(readFileSync(path, "utf8"));
    if (!vars.TOKEN_SIGNING_KEY) {
      throw new Failure(
        path === undefined ? "there is no .dev.vars here" : `${path} has no TOKEN_SIGNING_KEY`,
        "npm start makes one on its first start. Or give a token with --token or GITSTORE_TOKEN.",
      );
    }
    return vars;
  }

  #given(): string | undefined {
    return text(this.#values, "token") || this.#io.env.GITSTORE_TOKEN || undefined;
  }
}

function serverOf(values: Values, env: Io["env"]): string {
  const server = text(values, "server") || env.GITSTORE_SERVER || `http://127.0.0.1:${env.PORT || DEFAULT_PORT}`;
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new UsageError(
      `the server is ${JSON.stringify(server)}: give an http or https URL, such as https://edge.example`,
    );
  }
  return server.replace(/\/+$/, "");
}

export function isLocal(server: string): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(new URL(server).hostname);
}

/** Of the directory the command runs in, or of one above it; else of the checkout that this program is in. */
function devVarsPath(cwd: string): string | undefined {
  for (let dir = cwd; ; dir = dirname(dir)) {
    const path = join(dir, ".dev.vars");
    if (existsSync(path)) return path;
    if (dirname(dir) === dir) break;
  }
  return existsSync(DEV_VARS) ? DEV_VARS : undefined;
}
