/**
 * Cloudflare's API, as far as `wrangler d1` and `wrangler deploy` of a Worker with a D1 database ask it: there is no
 * account to run them against. The database is a real SQLite, so that migrations really have to hold.
 */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";

const UUID = "11111111-1111-4111-8111-111111111111";
const OFF = { code: 10007, message: "This Worker does not exist on your account." };
const NO_DATABASE = { code: 7404, message: "The database was not found." };

export interface Uploaded {
  bindings: { name: string; type: string; [key: string]: unknown }[];
}

interface Query {
  sql: string;
  params?: SQLInputValue[];
}

export class FakeCloudflare {
  /** What was changed, in order. */
  readonly changes: string[] = [];
  database: { name: string; sqlite: DatabaseSync } | undefined;
  uploaded: Uploaded | undefined;
  readonly #server = createServer((request, response) => {
    void this.#answer(request).then(({ status, body }) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)),
    );
  });

  static async start(): Promise<FakeCloudflare> {
    const fake = new FakeCloudflare();
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  /** For wrangler: this API, and no account of whoever runs the tests. */
  get env(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    return {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}/client/v4`,
      CLOUDFLARE_API_TOKEN: "a-token",
      CLOUDFLARE_ACCOUNT_ID: "an-account",
    };
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.database?.sqlite.close();
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const [path = ""] = (request.url ?? "").replace("/client/v4/accounts/an-account", "").split("?");
    const result = this.#route(request.method ?? "GET", path, Buffer.concat(chunks).toString("latin1"));
    return "error" in result
      ? { status: result.error === OFF || result.error === NO_DATABASE ? 404 : 400, body: failed(result.error) }
      : { status: 200, body: { success: true, errors: [], messages: [], result: result.result } };
  }

  #route(method: string, path: string, body: string): { result: unknown } | { error: typeof OFF } {
    const shown = this.database && { uuid: UUID, name: this.database.name, version: "production" };
    if (path === "/d1/database" && method === "GET") return { result: shown ? [shown] : [] };
    if (path === "/d1/database" && method === "POST") {
      const { name } = JSON.parse(body) as { name: string };
      if (this.database) return { error: { code: 7502, message: `Database with name '${name}' already exists` } };
      this.database = { name, sqlite: new DatabaseSync(":memory:") };
      this.changes.push(`create ${name}`);
      return { result: { uuid: UUID, name } };
    }
    if (path.startsWith("/d1/database/")) {
      const [, , , which, what] = path.split("/");
      if (!this.database || (which !== UUID && which !== this.database.name)) return { error: NO_DATABASE };
      return what === "query" ? this.#query(JSON.parse(body) as Query) : { result: shown };
    }
    if (path.startsWith("/workers/scripts/gitstore-edge") && method === "PUT") {
      const [, metadata = "{}"] = /name="metadata"\r\n\r\n(.*?)\r\n--/s.exec(body) ?? [];
      this.uploaded = JSON.parse(metadata) as Uploaded;
      this.changes.push("deploy");
      return { result: { id: "gitstore-edge", startup_time_ms: 1, deployment_id: "d", etag: "e" } };
    }
    if (/^\/workers\/(scripts|services)\//.test(path) && method === "GET" && !path.endsWith("/subdomain"))
      return this.#script(path);
    return { result: { subdomain: "acme", enabled: true, previews_enabled: true } };
  }

  #script(path: string): { result: unknown } | { error: typeof OFF } {
    if (!this.uploaded) return { error: OFF };
    if (path.endsWith("/secrets"))
      return { result: this.uploaded.bindings.filter(({ type }) => type === "secret_text") };
    if (path.endsWith("/settings")) return { result: { bindings: this.uploaded.bindings } };
    if (path.endsWith("/deployments")) return { result: { deployments: [] } };
    return { result: { id: "gitstore-edge", default_environment: { script: { last_deployed_from: "wrangler" } } } };
  }

  #query({ sql, params = [] }: Query): { result: unknown } | { error: typeof OFF } {
    const { sqlite } = this.database ?? { sqlite: new DatabaseSync(":memory:") };
    const [, made] = /INSERT INTO "?d1_migrations"?.*'([^']+\.sql)'/s.exec(sql) ?? [];
    try {
      const several = sql.replace(/--.*$/gm, "").trim().replace(/;$/, "").includes(";");
      if (several) sqlite.exec(sql);
      const results = several ? [] : sqlite.prepare(sql).all(...params);
      if (made !== undefined) this.changes.push(`migrate ${made}`);
      return { result: [{ results, success: true, meta: {} }] };
    } catch (error) {
      return { error: { code: 7500, message: error instanceof Error ? error.message : String(error) } };
    }
  }
}

function failed(error: typeof OFF): unknown {
  return { success: false, errors: [error], messages: [], result: null };
}
