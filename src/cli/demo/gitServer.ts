/** A real Git server over HTTP: `git http-backend`, the CGI program that comes with git, behind node:http. */
import { spawn } from "node:child_process";
import { timingSafeEqual } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { GIT_ENV, Repository } from "./repository.ts";

/** A CGI header block is a few hundred bytes; more is not one. */
const MAX_HEADER_BYTES = 64 * 1024;

export interface GitServerOptions {
  /** Repositories are `<root>/<name>.git`. */
  root: string;
  port?: number;
  /** User names and passwords. A known user is `REMOTE_USER` to hooks. */
  users?: Record<string, string>;
  /** Whether reading needs a user too; pushing always does where there are users. */
  privateRead?: boolean;
  /** For hooks, beside git's own. */
  env?: Record<string, string>;
}

export interface ServedRequest {
  method: string;
  /** With the query. */
  path: string;
  headers: IncomingMessage["headers"];
  status: number;
}

export class GitServer {
  /** Every request so far, in the order of their answers. */
  readonly requests: ServedRequest[] = [];
  /** Answers every request with this status while it is set: an outage. */
  failWith: number | undefined;
  readonly #options: GitServerOptions;
  readonly #server: Server;

  private constructor(options: GitServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#handle(request, response));
  }

  static async start(options: GitServerOptions): Promise<GitServer> {
    mkdirSync(options.root, { recursive: true });
    const server = new GitServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where a client finds a repository; with a user, that user's name and password are in it. */
  url(name: string, user?: string): string {
    const password = user === undefined ? undefined : this.#options.users?.[user];
    const who = user === undefined ? "" : `${encodeURIComponent(user)}:${encodeURIComponent(password ?? "")}@`;
    return `http://${who}127.0.0.1:${this.port}/${name}.git`;
  }

  /** An empty repository that takes pushes, and answers partial fetches as the hosted providers do. */
  async create(name: string): Promise<Repository> {
    const repository = await Repository.create(this.dir(name));
    for (const setting of ["http.receivepack", "uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"]) {
      await repository.git("config", setting, "true");
    }
    return repository;
  }

  remove(name: string): void {
    rmSync(this.dir(name), { recursive: true, force: true });
  }

  dir(name: string): string {
    return join(this.#options.root, `${name}.git`);
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    await closed;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    response.on("close", () => {
      const { method = "", url = "", headers } = request;
      this.requests.push({ method, path: url, headers, status: response.statusCode });
    });
    if (this.failWith !== undefined) {
      refuse(response, this.failWith, "The Git server is out of order.\n");
      return;
    }
    const user = this.#user(request);
    const writes = /\/git-receive-pack$|[?&]service=git-receive-pack(&|$)/.test(request.url ?? "");
    const needsUser = this.#options.users !== undefined && (writes || this.#options.privateRead === true);
    if (needsUser && user === undefined) {
      response.setHeader("WWW-Authenticate", 'Basic realm="git"');
      refuse(response, 401, "A user name and a password are needed.\n");
    } else this.#backend(request, response, user);
  }

  #user(request: IncomingMessage): string | undefined {
    const [scheme, credentials] = (request.headers.authorization ?? "").split(" ");
    if (scheme?.toLowerCase() !== "basic" || credentials === undefined) return undefined;
    const decoded = Buffer.from(credentials, "base64").toString();
    const user = decoded.slice(0, decoded.indexOf(":"));
    const expected = Buffer.from(`${user}:${this.#options.users?.[user]}`);
    const given = Buffer.from(decoded);
    const known = Object.hasOwn(this.#options.users ?? {}, user) && expected.length === given.length;
    return known && timingSafeEqual(expected, given) ? user : undefined;
  }

  #backend(request: IncomingMessage, response: ServerResponse, user: string | undefined): void {
    const child = spawn("git", ["http-backend"], { env: { ...this.#environment(request, user) } });
    child.once("error", (error) => refuse(response, 500, `git http-backend did not start: ${error.message}\n`));
    child.stderr.pipe(process.stderr, { end: false });
    // A client that leaves, or git that stops reading early, ends the other side and is no failure of this server.
    child.stdin.on("error", () => undefined);
    response.on("close", () => {
      if (!response.writableFinished) child.kill();
    });
    request.pipe(child.stdin);
    let head: Buffer = Buffer.alloc(0);
    const onHead = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0 && head.length <= MAX_HEADER_BYTES) return;
      child.stdout.off("data", onHead);
      if (end < 0) {
        refuse(response, 502, "git http-backend gave no header.\n");
        return;
      }
      writeHead(response, head.subarray(0, end).toString());
      response.write(head.subarray(end + 4));
      child.stdout.pipe(response);
    };
    child.stdout.on("data", onHead);
    child.once("close", () => {
      if (!response.headersSent) refuse(response, 502, "git http-backend ended without an answer.\n");
    });
  }

  /** The CGI variables, RFC 3875 §4.1, and git's own. */
  #environment(request: IncomingMessage, user: string | undefined): NodeJS.ProcessEnv {
    const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
    const { headers } = request;
    const given: Record<string, string | undefined> = {
      CONTENT_TYPE: headers["content-type"],
      CONTENT_LENGTH: headers["content-length"],
      HTTP_CONTENT_ENCODING: headers["content-encoding"],
      GIT_PROTOCOL: headers["git-protocol"] as string | undefined,
      REMOTE_USER: user,
    };
    return {
      ...process.env,
      ...GIT_ENV,
      ...this.#options.env,
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      GIT_PROJECT_ROOT: this.#options.root,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: request.method ?? "GET",
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: search.slice(1),
      REMOTE_ADDR: request.socket.remoteAddress ?? "127.0.0.1",
    };
  }
}

function writeHead(response: ServerResponse, head: string): void {
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
    if (name.toLowerCase() === "status") response.statusCode = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end(message);
}
