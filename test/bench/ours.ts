/** This project's server as the benchmarks use it. */
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import type { TreeFile } from "../../src/cli/demo/catalog.ts";
import type { Vars } from "../../src/cli/local/devVars.ts";
import type { ApiWrite, PushChunk, PushHeader, PushResult } from "../../src/ledger/api.ts";
import { parseFile } from "../../src/resource/parse.ts";
import { coreRegistry } from "../../src/resource/registry.ts";
import { TestServer } from "../e2e/support/server.ts";
import { inParallel, stamp } from "./stats.ts";
import { SENT, Watcher } from "./watcher.ts";

/** What an object of 1 KB has beside its padding. */
const PADDING_BYTES = 600;

/** Objects carry one of so many labels in turn. */
export const SHARES = 100;

export class Ours {
  readonly server: TestServer;
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #versions = new Map<string, string>();
  readonly #moves = new Map<string, { oid: string | null; move: number; uid: string }>();

  private constructor(server: TestServer, token: string) {
    this.server = server;
    this.#token = token;
  }

  static async start(vars: Vars = {}): Promise<Ours> {
    const server = await TestServer.start({ main: "test/bench/worker.ts", vars });
    return new Ours(server, await server.admin());
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.server.stop();
  }

  get token(): string {
    return this.#token;
  }

  /** Memory of workerd and of nothing else, in MB. */
  residentMb(): number {
    return processMb(this.workerdPid());
  }

  workerdPid(): number {
    const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && isWorkerd(name, this.server.pid));
    if (pid === undefined) throw new Error("workerd does not run");
    return Number(pid);
  }

  async namespace(name: string): Promise<void> {
    await this.#must("POST", "/apis/gitstore.dev/v1beta1/namespaces", {
      apiVersion: "gitstore.dev/v1beta1",
      kind: "Namespace",
      metadata: { name },
      spec: {},
    });
  }

  /** A Repository as `repo add` makes it. @returns a secret for its hooks */
  async repository(namespace: string, name: string, url: string): Promise<string> {
    const path = `/apis/gitstore.dev/v1beta1/namespaces/${namespace}/repositories`;
    const resource = { apiVersion: "gitstore.dev/v1beta1", kind: "Repository", metadata: { name } };
    await this.#must("POST", path, { ...resource, spec: { url, provider: "git", poll: "off" } });
    const issued = await this.#must("POST", `${path}/${name}/rotate-secret`, { additional: true });
    return (JSON.parse(issued) as { secret: string }).secret;
  }

  /** A Repository that no repository object follows, for pushes that come by `push`. */
  async ledgerRepository(namespace: string): Promise<void> {
    const name = "catalog";
    const resource = {
      apiVersion: "gitstore.dev/v1beta1",
      kind: "Repository",
      metadata: { name },
      spec: { url: "https://git.example.com/catalog.git", provider: "git", poll: "off" },
    };
    const write: ApiWrite = { operation: "CREATE", kind: "Repository.gitstore.dev", name, resource, actor: "bench" };
    const made = (await this.call(namespace, { call: "write", write })) as { ok: boolean; value: { object: string } };
    const { uid } = (JSON.parse(made.value.object) as { metadata: { uid: string } }).metadata;
    this.#moves.set(namespace, { oid: null, move: 0, uid });
  }

  /** One commit of one object of about 1 KB, through the HTTP API. @returns the RV after it */
  async put(namespace: string, name: string): Promise<number> {
    const path = `/apis/release.gitstore.dev/v1beta1/namespaces/${namespace}/channels`;
    return await this.#write(namespace, "PUT", `${path}/${name}`, name);
  }

  async createChannels(namespace: string, count: number): Promise<void> {
    const path = `/apis/release.gitstore.dev/v1beta1/namespaces/${namespace}/channels`;
    await inParallel(count, 64, async (i) => {
      await this.#write(namespace, "POST", path, `c-${i}`);
    });
  }

  /** A PUT has to say which version it replaces, so each answer's is kept. */
  async #write(namespace: string, method: string, path: string, name: string): Promise<number> {
    const key = `${namespace}/${name}`;
    const object = channel(name);
    const resourceVersion = this.#versions.get(key);
    const text = await this.#must(method, path, { ...object, metadata: { ...object.metadata, resourceVersion } });
    const written = (JSON.parse(text) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
    this.#versions.set(key, written);
    return Number(written);
  }

  /** `count` writes by RPC inside the Worker, 64 at a time. @returns ms */
  async writesByRpc(namespace: string, count: number): Promise<number> {
    const writes: ApiWrite[] = Array.from({ length: count }, (_, i) => {
      const name = `c-${i % 64}`;
      return {
        operation: "UPDATE",
        kind: "Channel.release.gitstore.dev",
        name,
        resource: channel(name, String(i)),
        actor: "bench",
      };
    });
    const began = performance.now();
    const { refused } = (await this.call(namespace, { call: "writes", writes, width: 64 })) as { refused: number };
    if (refused > 0) throw new Error(`${refused} of ${count} writes were refused`);
    return performance.now() - began;
  }

  /** Whether the ledger has slept since a time (ms): its object is another one then. */
  async hasSlept(namespace: string, since: number): Promise<boolean> {
    const { startedAt } = (await this.call(namespace, { call: "stats" })) as { startedAt: number };
    return startedAt > since;
  }

  /** One push of these files (at most 999) as one transaction, as a repository object applies it. @returns the RV after it */
  push(namespace: string, files: TreeFile[]): Promise<number> {
    return this.preparePush(namespace, files)();
  }

  /** Reads the files and writes the request down, so that only what the server does is left to be timed. */
  preparePush(namespace: string, files: TreeFile[]): () => Promise<number> {
    const state = this.#moves.get(namespace);
    if (state === undefined) throw new Error(`${namespace} has no repository for pushes`);
    const next = oid(namespace, state.move + 1);
    const text = JSON.stringify({ call: "applyPush", chunk: chunkOf(namespace, files, { ...state, next }) });
    this.#moves.set(namespace, { ...state, oid: next, move: state.move + 1 });
    return async () => {
      const result = JSON.parse(await this.#must("POST", `/bench/${namespace}`, text)) as PushResult;
      if (result.result !== "applied") throw new Error(`the push was not applied: ${JSON.stringify(result)}`);
      return Number(result.rv);
    };
  }

  watch(namespace: string, options: Omit<Parameters<typeof Watcher.open>[1], "token">): Promise<Watcher> {
    return Watcher.open(`${this.server.url}/watch/v1/namespaces/${namespace}`, { ...options, token: this.#token });
  }

  /** @returns the answer's body, parsed; anything but a 2xx fails */
  async request(method: string, path: string, body?: unknown): Promise<unknown> {
    return JSON.parse(await this.#must(method, path, body ?? ""));
  }

  async call(namespace: string, call: unknown): Promise<unknown> {
    return JSON.parse(await this.#must("POST", `/bench/${namespace}`, call));
  }

  #must(method: string, path: string, body: unknown): Promise<string> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const headers = {
      Authorization: `Bearer ${this.#token}`,
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(text),
    };
    return new Promise((resolve, reject) => {
      const sent = request(`${this.server.url}${path}`, { method, headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const answer = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) < 300) resolve(answer);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer.slice(0, 300)}`));
        });
      });
      sent.on("error", (error: NodeJS.ErrnoException) => {
        // The server closes a connection that was idle for 5 s, and a busy client may write to it before it hears.
        if (sent.reusedSocket && error.code === "ECONNRESET") resolve(this.#must(method, path, text));
        else reject(error);
      });
      sent.end(text);
    });
  }
}

/** An object of about 1 KB that carries the time it was sent at; `unique` keeps two writes of a millisecond apart. */
function channel(name: string, unique = "") {
  const labels = { "bench/share": String(Number(name.slice("c-".length)) % SHARES) };
  const annotations = {
    "bench/sent": `${SENT}${stamp()}|`,
    "bench/pad": unique.padEnd(PADDING_BYTES, "x"),
  };
  return {
    apiVersion: "release.gitstore.dev/v1beta1",
    kind: "Channel",
    metadata: { name, labels, annotations },
    spec: {},
  };
}

function chunkOf(
  namespace: string,
  files: TreeFile[],
  at: { uid: string; oid: string | null; move: number; next: string },
): PushChunk {
  const upserts = files.map((file, i) => {
    const outcome = parseFile(file.path, file.text ?? "", { namespace, registry: coreRegistry });
    if (outcome.outcome !== "resource") throw new Error(`${file.path} is no resource`);
    return {
      op: "upsert" as const,
      path: file.path,
      blob: oid(`${namespace}/${file.path}`, at.move * 10_000 + i),
      candidate: outcome.candidate,
    };
  });
  const time = "2026-01-01T00:00:00Z";
  const who = { name: "Bench", email: "bench@example.com", time };
  const push: PushHeader = {
    repository: { uid: at.uid, name: "catalog" },
    ref: "refs/heads/main",
    refType: "branch",
    old: at.oid,
    new: at.next,
    peeled: at.next,
    objectType: null,
    move: at.move + 1,
    forced: false,
    commit: { sha: at.next, tree: at.next, message: "bench", author: who, committer: who },
    actor: { name: "Bench", email: null, id: null, provider: "git" },
    observedVia: "hook",
    policy: { branches: ["main"], releaseTags: ["v[0-9]*"], matched: true },
    time,
  };
  return {
    push,
    seq: 0,
    final: true,
    parsed: upserts.map(({ path, blob, candidate }) => ({
      kind: candidate.resource.kind,
      name: candidate.identity.name,
      path,
      blob,
    })),
    ops: upserts,
    index: upserts.map(({ path, blob, candidate }) => ({ path, oid: blob, identity: candidate.identity })),
    changed: { files: files.length, resources: files.length, deleted: 0 },
  };
}

function oid(of: string, move: number): string {
  return Buffer.from(`${move}/${of}`).toString("hex").padEnd(40, "0").slice(0, 40);
}

function isWorkerd(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [, , processGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(processGroup) === group && stat.includes("(workerd)");
  } catch {
    // It ended meanwhile.
    return false;
  }
}

/** Resident memory of one process, in MB. */
export function processMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}
