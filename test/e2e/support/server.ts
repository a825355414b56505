import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freshVars, type Vars } from "../../../src/cli/local/devVars.ts";
import { type LocalServer, startServer } from "../../../src/cli/local/server.ts";
import { localToken } from "../../../src/cli/local/token.ts";
import { freePort } from "./freePort.ts";

export interface TestServerOptions {
  /** Over the fresh secrets of each server: limits, `OIDC_ISSUERS`, … */
  vars?: Vars;
  /** The Worker's entry where it is not wrangler.toml's, relative to the checkout. */
  main?: string;
}

/**
 * The whole server as `npm start` runs it, on a free port with state of its own. Files that start servers share one
 * build of the Worker, so that a start takes well under 2 s.
 */
export class TestServer {
  readonly vars: Vars;
  readonly stateDir: string;
  readonly #main: string | undefined;
  readonly #log: string;
  #server: LocalServer | undefined;
  #port = 0;

  private constructor(options: TestServerOptions) {
    this.vars = { ...freshVars(), ...options.vars };
    this.#main = options.main;
    this.stateDir = mkdtempSync(join(tmpdir(), "gitstore-e2e-"));
    this.#log = join(this.stateDir, "server.log");
  }

  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(options);
    await server.#start();
    return server;
  }

  get url(): string {
    return this.#running().url;
  }

  get port(): number {
    return this.#running().port;
  }

  /** Leads the process group that workerd is in. */
  get pid(): number {
    return this.#running().pid;
  }

  /** What the server has printed since it was first started. */
  get log(): string {
    return readFileSync(this.#log, "utf8");
  }

  admin(): Promise<string> {
    return localToken(this.vars, { role: "admin", namespaces: ["*"] });
  }

  token(request: Parameters<typeof localToken>[1]): Promise<string> {
    return localToken(this.vars, request);
  }

  /** As the administrator where no `token` is given; null: nobody. A body that is no string goes out as JSON. */
  async fetch(
    path: string,
    init: { method?: string; body?: unknown; token?: string | null; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const token = init.token === undefined ? await this.admin() : init.token;
    const body = init.body === undefined || typeof init.body === "string" ? init.body : JSON.stringify(init.body);
    return await fetch(`${this.url}${path}`, {
      method: init.method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...init.headers,
      },
      ...(body === undefined ? {} : { body }),
    });
  }

  /** `kill -9` of everything, workerd included. */
  async kill(): Promise<void> {
    await this.#running().kill();
    this.#server = undefined;
  }

  /** On the same state and port, after `kill`, or after an orderly stop. */
  async restart(): Promise<void> {
    await this.#server?.stop();
    await this.#start();
  }

  /** Ends it and forgets its state. */
  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const output = openSync(this.#log, "a");
    if (this.#port === 0) this.#port = await freePort();
    try {
      this.#server = await startServer({
        stateDir: this.stateDir,
        vars: this.vars,
        port: this.#port,
        output,
        ...(this.#main === undefined ? {} : { main: this.#main }),
      });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${this.log}`, { cause: error });
    } finally {
      closeSync(output);
    }
  }

  #running(): LocalServer {
    if (this.#server === undefined) throw new Error("The test's server is not running.");
    return this.#server;
  }
}
