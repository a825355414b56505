import { encodeOpen, OPEN_HEADER, type WatchOpen } from "../../../src/watch/open.ts";
import type { TestLedger } from "./ledger.ts";

export interface WatchedEvent {
  type: string;
  object: {
    kind: string;
    metadata: { name: string; resourceVersion: string; labels?: Record<string, string> };
    [key: string]: unknown;
  };
}

export interface ReceivedFrame {
  sent: number;
  prev?: string;
  rv: string;
  head: string;
  at: number;
  events: WatchedEvent[];
  snapshot?: boolean;
  end?: boolean;
  partial?: boolean;
  compacted?: true;
}

export interface WatcherOptions {
  start?: WatchOpen["start"];
  kinds?: string[] | null;
  label?: string;
  field?: string;
  window?: number;
  enc?: WatchOpen["enc"];
  /** Acknowledge each frame as it comes; false: never. */
  ack?: boolean;
  of?: WatchOpen["of"];
  bookmarks?: boolean;
  initialEnd?: boolean;
  exp?: number;
  expired?: WatchOpen["expired"];
  watcher?: WatchOpen["watcher"];
  sub?: string;
  jti?: string;
}

/** A real client socket on the ledger, in the form the Worker would have opened it. */
export class Watcher {
  readonly socket: WebSocket;
  readonly frames: ReceivedFrame[] = [];
  readonly texts: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  error: { code: number; reason: string; message: string } | undefined;
  ack: boolean;
  #waiters: (() => void)[] = [];

  constructor(socket: WebSocket, ack: boolean) {
    this.socket = socket;
    this.ack = ack;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", (event) => {
        resolve({ code: event.code, reason: event.reason });
        this.#wake();
      });
    });
    socket.addEventListener("message", (event) => {
      const text = String(event.data);
      this.texts.push(text);
      if (text !== "pong" && text.startsWith("{")) {
        const frame = JSON.parse(text.split("\n")[0] ?? "") as ReceivedFrame & {
          error?: { code: number; reason: string; message: string };
        };
        if (frame.error) this.error = frame.error;
        else if (frame.sent !== undefined) {
          this.frames.push(frame);
          if (this.ack) this.acknowledge(frame.sent);
        }
      }
      this.#wake();
    });
    socket.accept();
  }

  acknowledge(sent = this.frames.at(-1)?.sent ?? 0): void {
    // What comes behind its own close is not answered.
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ ack: sent }));
  }

  get events(): WatchedEvent[] {
    return this.frames.flatMap((frame) => frame.events ?? []);
  }

  /** `TYPE name@rv` of every event, in order. */
  get told(): string[] {
    return this.events.map(({ type, object }) => `${type} ${object.metadata.name}@${object.metadata.resourceVersion}`);
  }

  get lastRv(): string {
    return this.frames.at(-1)?.rv ?? "0";
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /** Resolves when `done` holds; checked after each message. The test's own time-out is the limit. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  async untilRv(rv: number | string): Promise<void> {
    await this.until(() =>
      this.frames.some(
        (frame) => !frame.partial && Number(frame.rv) >= Number(rv) && (!frame.snapshot || frame.end === true),
      ),
    );
  }

  close(): void {
    this.socket.close(1000, "done");
  }
}

export async function watch(ledger: TestLedger, options: WatcherOptions = {}): Promise<Watcher> {
  const open: WatchOpen = {
    enc: options.enc ?? "frames",
    filter: { kinds: options.kinds ?? null, label: options.label ?? "", field: options.field ?? "" },
    window: options.window ?? 256 * 1024,
    start: options.start ?? { from: "rv", rv: 1 },
    of: options.of ?? null,
    bookmarks: options.bookmarks ?? false,
    initialEnd: options.initialEnd ?? false,
    expired: options.expired ?? "fail",
    watcher: options.watcher ?? null,
    timeoutMs: 0,
    sub: options.sub ?? "user:test",
    jti: options.jti ?? "",
    exp: options.exp ?? 0,
  };
  const response = await ledger.stub.fetch(
    new Request("https://ledger/watch", { headers: { upgrade: "websocket", [OPEN_HEADER]: encodeOpen(open) } }),
  );
  if (!response.webSocket) throw new Error(`no socket: ${response.status}`);
  return new Watcher(response.webSocket, options.ack ?? true);
}
