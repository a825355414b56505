import WebSocket from "ws";
import { type Api, collectionPath, type Query, queryText } from "./api.ts";
import { type Ended, Recording } from "./recording.ts";
import type { KindPath, WatchEvent } from "./types.ts";

/**
 * The faces of a watch: chunked HTTP; a WebSocket without a subprotocol; `gitstore.watch.v1` on a collection's path;
 * and the same on `/watch/v1`, where several kinds share a stream.
 */
export const TRANSPORTS = ["http", "plain", "frames", "multi"] as const;
export type Transport = (typeof TRANSPORTS)[number];
export const hasFrames = (transport: Transport): boolean => transport === "frames" || transport === "multi";

export const PROTOCOL = "gitstore.watch.v1";
export const BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io.";

export interface OpenOptions {
  transport?: Transport;
  query?: Query;
  /** The collection's kind; the writer's where it is left out. `multi` asks for it as `kind=`; null there: for no kind. */
  kind?: KindPath | null;
  /** Instead of the path that transport, kind and namespace give. */
  path?: string;
  token?: string | null;
  /** Of an HTTP watch, beside its own. */
  headers?: Record<string, string>;
  /** What a WebSocket offers, instead of what its transport does. */
  protocols?: string[];
  /** False: frames are not acknowledged but by `acknowledge`. */
  ack?: boolean;
}

export interface Opening {
  api: Api;
  namespace: string;
  kind: KindPath;
  signal: AbortSignal;
}

/** A watch that records. Everything it waits for ends with the case's own time. */
export class Watch extends Recording {
  readonly transport: Transport;
  /** Once it is known how the server took it: a stream, a socket, or what it answered instead. */
  readonly opened: Promise<void>;
  /** The HTTP answer: of the stream, or of an upgrade that was not made. */
  status = 0;
  headers = new Headers();
  /** The body of an HTTP refusal. */
  body = "";
  /** The subprotocol that the server chose. */
  protocol = "";
  ack: boolean;
  readonly #signal: AbortSignal;
  readonly #leave: () => void;
  #say: (text: string | Uint8Array) => void = () => undefined;
  #close: () => void = () => this.#leave();
  #waiting = new Set<() => void>();

  constructor(opening: Opening, options: OpenOptions) {
    const transport = options.transport ?? "frames";
    const query: Query = { ...options.query };
    super(startsWithState(query) && !hasFrames(transport));
    this.transport = transport;
    this.ack = options.ack ?? true;
    this.#signal = opening.signal;
    const target = `${opening.api.server}${pathOf(opening, options, transport)}${queryText(
      transport === "multi" ? { kind: kindWord(opening, options), ...query } : { watch: 1, ...query },
    )}`;
    const { connection = "", ...authorization } = opening.api.headers(options.token);
    if (transport === "http") {
      const controller = new AbortController();
      this.#leave = () => controller.abort();
      this.opened = this.#openHttp(target, { connection, ...authorization, ...options.headers }, controller.signal);
    } else {
      const protocols = options.protocols ?? (transport === "plain" ? [] : [PROTOCOL]);
      const socket = new WebSocket(target.replace(/^http/, "ws"), protocols, {
        headers: authorization,
        perMessageDeflate: false,
      });
      this.#leave = () => socket.terminate();
      this.#say = (text) => socket.send(text);
      this.#close = () => socket.close(1000, "done");
      this.opened = this.#openSocket(socket);
    }
    this.opened.catch(() => undefined);
  }

  async #openHttp(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<void> {
    const response = await fetch(url, { headers, signal });
    this.status = response.status;
    this.headers = response.headers;
    if (response.status !== 200 || !response.body) {
      this.body = await response.text();
      this.#end({ code: 0, reason: `HTTP ${response.status}` });
      return;
    }
    void this.#read(response.body);
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for await (const chunk of body) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) this.takeLine(line);
        this.#wake();
      }
      if (rest !== "") this.violations.push(`the stream ended inside a line: ${rest.slice(0, 100)}`);
      this.#end({ code: 0, reason: "" });
    } catch (error) {
      this.#end({ code: 0, reason: `cut: ${error instanceof Error ? error.message : String(error)}` });
    }
  }

  #openSocket(socket: WebSocket): Promise<void> {
    socket.on("message", (data, binary) => {
      if (binary) this.violations.push("a binary message: JSON comes in text frames");
      const text = data.toString();
      if (this.protocol === PROTOCOL) this.takeFrame(text);
      else this.takeLine(text);
      const sent = this.frames.at(-1)?.sent;
      if (this.ack && this.protocol === PROTOCOL && sent !== undefined && socket.readyState === WebSocket.OPEN)
        this.acknowledge(sent);
      this.#wake();
    });
    socket.on("close", (code, reason) => this.#end({ code, reason: reason.toString() }));
    return new Promise((resolve) => {
      socket.on("upgrade", (response) => {
        this.status = response.statusCode ?? 0;
      });
      socket.on("open", () => {
        this.protocol = socket.protocol;
        resolve();
      });
      socket.on("unexpected-response", (_, response) => {
        this.status = response.statusCode ?? 0;
        this.headers = new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
        let rest = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          const lines = (rest + chunk).split("\n");
          rest = lines.pop() ?? "";
          if (this.status === 200) for (const line of lines) this.takeLine(line);
          else this.body += chunk;
          this.#wake();
        });
        response.on("error", () => undefined);
        response.on("close", () => this.#end({ code: 0, reason: `HTTP ${this.status}` }));
        this.#signal.addEventListener("abort", () => response.destroy());
        resolve();
      });
      socket.on("error", (error) => {
        if (this.status === 0) this.body = error.message;
        resolve();
      });
    });
  }

  #end(ended: Ended): void {
    this.ended ??= ended;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Resolves once `done` holds; fails when the watch has ended without it, or the case's time is over. */
  async until(done: () => boolean, what: string): Promise<void> {
    for (;;) {
      if (done()) return;
      if (this.ended) throw new Error(`${what}: it did not come before the watch ended; got ${this.describe()}`);
      if (this.#signal.aborted) throw new Error(`${what}: it did not come in time; got ${this.describe()}`);
      await this.#change();
    }
  }

  /** The end, however it comes. */
  async untilEnd(what = "the end of the watch"): Promise<Ended> {
    while (!this.ended) {
      if (this.#signal.aborted) throw new Error(`${what}: it did not come in time; got ${this.describe()}`);
      await this.#change();
    }
    return this.ended;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        this.#signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      this.#signal.addEventListener("abort", wake, { once: true });
    });
  }

  untilEvents(count: number): Promise<void> {
    return this.until(() => this.events.length >= count, `${count} events`);
  }

  /** Until an event at this RV, or a frame or a bookmark that covers it. */
  untilRv(rv: number | string): Promise<void> {
    return this.until(() => Number(this.resumePoint) >= Number(rv), `what covers rv ${rv}`);
  }

  async event(done: (event: WatchEvent) => boolean, what: string): Promise<WatchEvent> {
    await this.until(() => this.events.some(done), what);
    return this.events.find(done) as WatchEvent;
  }

  send(text: string | Uint8Array): void {
    this.#say(text);
  }

  acknowledge(sent = this.frames.at(-1)?.sent ?? 0): void {
    this.#say(JSON.stringify({ ack: sent }));
  }

  /** Everything that the server had sent before it saw this has come when it resolves: a socket keeps its order. */
  async ping(): Promise<void> {
    const pongs = (): number => this.texts.filter((text) => text === "pong").length;
    const before = pongs();
    this.#say("ping");
    await this.until(() => pongs() > before, "pong");
  }

  /** Leaves as one that has what it wanted: close code 1000. */
  close(): void {
    this.#close();
  }

  /** Leaves without a word, as a client does that is gone. */
  cut(): void {
    this.#leave();
  }
}

/** As a Kubernetes server reads it: absent or "0" is the state first, unless the client says it wants none. */
function startsWithState(query: Query): boolean {
  const initial = query.sendInitialEvents;
  if (initial !== undefined) return String(initial) === "true" || String(initial) === "1";
  const rv = query.resourceVersion;
  return rv === undefined || rv === "" || String(rv) === "0";
}

function pathOf(opening: Opening, options: OpenOptions, transport: Transport): string {
  if (options.path !== undefined) return options.path;
  if (transport === "multi") return `/watch/v1/namespaces/${opening.namespace}`;
  return collectionPath(options.kind ?? opening.kind, opening.namespace);
}

function kindWord(opening: Opening, options: OpenOptions): string | undefined {
  if (options.query?.kind !== undefined || options.kind === null) return undefined;
  const kind = options.kind ?? opening.kind;
  return `${kind.plural}.${kind.group}`;
}
