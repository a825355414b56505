/** etcd as a user has it: its own binary with its defaults, and its gRPC API over HTTP/2. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../e2e/support/freePort.ts";
import { fields, message } from "./protobuf.ts";

/** etcd's default `--max-txn-ops`. */
export const MAX_TXN_OPS = 128;

const START_MS = 10_000;

/** Of `Compare` in rpc.proto; its `result` is EQUAL where it is left out. */
const COMPARE = { target: 2, mod: 2, key: 3, modRevision: 6 };

/** Undefined where there is none on PATH. */
export function etcdVersion(): string | undefined {
  try {
    return /etcd Version: (\S+)/.exec(
      execFileSync("etcd", ["--version"], { stdio: ["ignore", "pipe", "ignore"] }).toString(),
    )?.[1];
  } catch {
    return undefined;
  }
}

export class Etcd {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #dir: string;

  private constructor(url: string, process: ChildProcess, dir: string) {
    this.url = url;
    this.#process = process;
    this.#dir = dir;
  }

  static async start(): Promise<Etcd> {
    const dir = mkdtempSync(join(tmpdir(), "bench-etcd-"));
    const [client, peer] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${client}`;
    const peers = `http://127.0.0.1:${peer}`;
    const args = ["--data-dir", dir, "--listen-client-urls", url, "--advertise-client-urls", url];
    args.push(
      "--listen-peer-urls",
      peers,
      "--initial-advertise-peer-urls",
      peers,
      "--initial-cluster",
      `default=${peers}`,
    );
    const child = spawn("etcd", [...args, "--logger", "zap", "--log-level", "error"], { stdio: "ignore" });
    const etcd = new Etcd(url, child, dir);
    // However the benchmark ends, etcd ends with it.
    process.once("exit", () => child.kill("SIGKILL"));
    const until = Date.now() + START_MS;
    while (!(await etcd.#healthy())) {
      if (Date.now() > until) throw new Error("etcd did not become healthy");
      await new Promise((done) => setTimeout(done, 50));
    }
    return etcd;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async stop(): Promise<void> {
    const gone = new Promise((done) => this.#process.once("exit", done));
    this.#process.kill("SIGKILL");
    await gone;
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #healthy(): Promise<boolean> {
    try {
      return ((await (await fetch(`${this.url}/health`)).json()) as { health: string }).health === "true";
    } catch {
      return false;
    }
  }
}

/** One HTTP/2 connection. */
export class EtcdClient {
  readonly #session: ClientHttp2Session;
  readonly #watches: NodeJS.ReadableStream[] = [];
  /** The newest revision that an event of a watch had. */
  revision = 0;
  #events = 0;
  #awaited: { isIt: () => boolean; resolve: () => void } | undefined;

  constructor(url: string) {
    this.#session = connect(url);
    // A connection cut by the server's end is seen by the calls on it.
    this.#session.on("error", () => undefined);
  }

  /** @returns the store's revision after it */
  put(key: string, value: string): Promise<number> {
    return this.#unary(
      "/etcdserverpb.KV/Put",
      message([
        [1, key],
        [2, value],
      ]),
    );
  }

  /** Puts where the key's `mod_revision` is this one; rejects where it is not. @returns the key's next one */
  async replace(key: string, modRevision: number, value: string): Promise<number> {
    const compare = message([
      [COMPARE.target, COMPARE.mod],
      [COMPARE.key, key],
      [COMPARE.modRevision, modRevision],
    ]);
    const put = message([
      [1, key],
      [2, value],
    ]);
    const txn = message([
      [1, compare],
      [2, message([[2, put]])],
    ]);
    let succeeded = false;
    const revision = await this.#unary("/etcdserverpb.KV/Txn", txn, (response) => {
      for (const field of fields(response)) if (field.number === 2) succeeded = field.value === 1;
    });
    if (!succeeded) throw new Error(`etcd: ${key} is not at ${modRevision}`);
    return revision;
  }

  /** All in one transaction; at most `MAX_TXN_OPS`. */
  putAll(entries: [key: string, value: string][]): Promise<number> {
    const ops = entries.map(([key, value]) =>
      message([
        [
          2,
          message([
            [1, key],
            [2, value],
          ]),
        ],
      ]),
    );
    return this.#unary("/etcdserverpb.KV/Txn", message(ops.map((op) => [2, op])));
  }

  /**
   * Watches every key from `prefix`'s first, strictly after `revision`.
   *
   * @returns once the server has confirmed it
   */
  watch(prefix: string, revision: number, onEvent: (value: Buffer) => void): Promise<void> {
    const stream = this.#open("/etcdserverpb.Watch/Watch");
    this.#watches.push(stream);
    const last = prefix.length - 1;
    const end = prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
    const create = message([
      [1, prefix],
      [2, end],
      [3, revision === 0 ? 0 : revision + 1],
    ]);
    stream.write(framed(message([[1, create]])));
    return new Promise((resolve, reject) => {
      stream.on("error", reject);
      onMessages(stream, (bytes) => {
        for (const { number, value } of fields(bytes)) {
          if (number === 3 && value === 1) resolve();
          if (number === 4 && value === 1) reject(new Error("etcd cancelled the watch"));
          if (number === 11 && typeof value !== "number") this.#event(value, onEvent);
        }
        if (this.#awaited?.isIt()) {
          this.#awaited.resolve();
          this.#awaited = undefined;
        }
      });
    });
  }

  /** Resolves when the watch has had an event of this revision, or of a later one. */
  reached(revision: number): Promise<void> {
    return this.#until(() => this.revision >= revision);
  }

  /** Resolves when the watches have had so many events. */
  received(events: number): Promise<void> {
    return this.#until(() => this.#events >= events);
  }

  #until(isIt: () => boolean): Promise<void> {
    if (isIt()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#awaited = { isIt, resolve };
    });
  }

  /** Stops reading its watches: a stalled client, which HTTP/2's flow control holds the server back for. */
  stall(): void {
    for (const stream of this.#watches) stream.pause();
  }

  close(): void {
    this.#session.destroy();
  }

  #event(event: Buffer, onEvent: (value: Buffer) => void): void {
    this.#events += 1;
    for (const keyValue of fields(event)) {
      if (keyValue.number !== 2 || typeof keyValue.value === "number") continue;
      for (const { number, value } of fields(keyValue.value)) {
        if (number === 3 && typeof value === "number") this.revision = value;
        if (number === 5 && typeof value !== "number") onEvent(value);
      }
    }
  }

  #open(path: string) {
    return this.#session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
  }

  #unary(path: string, body: Buffer, onResponse?: (response: Buffer) => void): Promise<number> {
    const stream = this.#open(path);
    return new Promise((resolve, reject) => {
      let revision = 0;
      let failure: string | undefined;
      stream.on("response", (headers) => {
        if (headers["grpc-status"] !== undefined && headers["grpc-status"] !== "0")
          failure = String(headers["grpc-message"]);
      });
      stream.on("trailers", (trailers) => {
        if (trailers["grpc-status"] !== "0") failure = String(trailers["grpc-message"]);
      });
      onMessages(stream, (bytes) => {
        onResponse?.(bytes);
        for (const header of fields(bytes)) {
          if (header.number !== 1 || typeof header.value === "number") continue;
          for (const { number, value } of fields(header.value))
            if (number === 3 && typeof value === "number") revision = value;
        }
      });
      stream.on("error", reject);
      stream.on("close", () => (failure === undefined ? resolve(revision) : reject(new Error(`etcd: ${failure}`))));
      stream.end(framed(body));
    });
  }
}

/** gRPC's frame: uncompressed, a length of four bytes. */
function framed(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** A message of megabytes comes in hundreds of chunks, which are joined once, when it is whole. */
function onMessages(stream: NodeJS.ReadableStream, onMessage: (bytes: Buffer) => void): void {
  let chunks: Buffer[] = [];
  let have = 0;
  let need = 5;
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    have += chunk.length;
    if (have < need) return;
    let bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    for (;;) {
      need = bytes.length < 5 ? 5 : 5 + bytes.readUInt32BE(1);
      if (bytes.length < need) break;
      onMessage(bytes.subarray(5, need));
      bytes = bytes.subarray(need);
    }
    chunks = [bytes];
    have = bytes.length;
  });
}
