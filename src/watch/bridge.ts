import { bookmarkEvent } from "./encode.ts";
import type { WatchAnswer } from "./http.ts";

export interface BridgeOptions {
  /** The collection's kind, for BOOKMARK objects. */
  of: { apiVersion: string; kind: string } | null;
  bookmarks: boolean;
  initialEnd: boolean;
  timeoutMs: number;
  /** For the few who ask for Tables or metadata: it parses, which costs what is said below. */
  present?: (lines: string) => string;
}

/** After so much silence a blank line: a reader that left is noticed only by a write that fails. */
export const BLANK_MS = 15_000;
export const BOOKMARK_MS = 60_000;
const TICK_MS = 5_000;
/** The ledger closes as planned; where something failed an ERROR came before. */
const DRAINING = 4503;

interface LineHead {
  sent?: number;
  rv?: string;
  partial?: boolean;
  snapshot?: boolean;
  end?: boolean;
  error?: { code: number; message: string; reason: string };
}

const encoder = new TextEncoder();

/**
 * A chunked response fed by a ledger's socket. Frames are a header line and NDJSON, passed on as they are (parsing them
 * here cost 1 GB of garbage with 100 slow readers). A frame is acknowledged once the reader's stream has taken it: the
 * stream's own back-pressure becomes the ledger's credit.
 */
export async function bridge(socket: WebSocket, options: BridgeOptions): Promise<WatchAnswer> {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const state = { rv: "", whole: true, wroteAt: Date.now(), bookmarkAt: Date.now(), over: false };
  let queue: Promise<void> = Promise.resolve();
  let tick: ReturnType<typeof setInterval> | undefined;
  const first = Promise.withResolvers<LineHead>();

  const finish = (): void => {
    if (state.over) return;
    state.over = true;
    clearInterval(tick);
    writer.close().catch(() => undefined);
    try {
      socket.close(1000, "the reader's stream ended");
    } catch {
      // It is closed already.
    }
  };
  const write = async (text: string): Promise<void> => {
    await writer.write(encoder.encode(options.present && text !== "\n" ? options.present(text) : text));
    state.wroteAt = Date.now();
  };
  const bookmark = (initialEnd: boolean): string =>
    options.of && state.rv !== "" ? `${bookmarkEvent(options.of, Number(state.rv), initialEnd)}\n` : "";

  const take = async (text: string): Promise<void> => {
    if (state.over) return;
    const newline = text.indexOf("\n");
    const head = JSON.parse(text.slice(0, newline)) as LineHead;
    first.resolve(head);
    if (head.error) {
      await write(`{"type":"ERROR","object":${JSON.stringify(head.error)}}\n`);
      return finish();
    }
    const lines = text.slice(newline + 1);
    state.rv = head.rv ?? state.rv;
    state.whole = !head.partial && (!head.snapshot || head.end === true);
    if (lines !== "") await write(lines);
    if (head.snapshot && head.end && options.initialEnd) await write(bookmark(true));
    if (head.sent !== undefined) socket.send(`{"ack":${head.sent}}`);
  };
  const enqueue = (work: () => Promise<void>): void => {
    queue = queue.then(work).catch(finish);
  };

  socket.accept();
  socket.addEventListener("message", (event) => {
    if (typeof event.data === "string") {
      const text = event.data;
      enqueue(() => take(text));
    }
  });
  socket.addEventListener("close", ({ code }) => {
    first.resolve({});
    enqueue(async () => {
      if (code === DRAINING && options.bookmarks && state.whole && !state.over) await write(bookmark(false));
      finish();
    });
  });
  socket.addEventListener("error", () => {
    first.resolve({});
    enqueue(async () => finish());
  });

  const endAt = Date.now() + options.timeoutMs;
  const onTick = async (): Promise<void> => {
    if (state.over) return;
    const now = Date.now();
    if (now >= endAt) {
      // One bookmark before a planned end, so that the next watch starts from here and not from the last match.
      if (options.bookmarks && state.whole) await write(bookmark(false));
      return finish();
    }
    if (options.bookmarks && state.whole && now - state.bookmarkAt >= BOOKMARK_MS) {
      state.bookmarkAt = now;
      const text = bookmark(false);
      if (text !== "") await write(text);
    } else if (now - state.wroteAt >= BLANK_MS) await write("\n");
  };
  // Not behind the queue: a write that is blocked on a reader would hold the next tick, and that is as it should be.
  tick = setInterval(() => enqueue(onTick), Math.min(TICK_MS, Math.max(250, options.timeoutMs)));

  const head = await first.promise;
  if (head.error && head.error.code !== 410) {
    finish();
    return { answer: "refused", status: head.error };
  }
  return {
    answer: "response",
    response: new Response(readable, { headers: { "content-type": "application/json", "cache-control": "no-store" } }),
  };
}
