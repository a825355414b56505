/**
 * `for await (const event of watch({ server, token, namespace, kinds }))`: every change of a namespace, in order, over
 * one socket that is renewed by itself. Ends by `signal`, by leaving the loop, or by throwing a `WatchError` that no
 * reconnect heals.
 */
import {
  initialState,
  type MachineState,
  type Next,
  onClose,
  onConnecting,
  onFrame,
  WatchError,
  type WatchEvent,
} from "./machine.ts";
import {
  protocolsFor,
  realTimers,
  type SocketConstructor,
  type SocketLike,
  type Timers,
  WatchSocket,
} from "./socket.ts";

export { WatchError, type WatchEvent } from "./machine.ts";

export interface WatchOptions {
  /** `https://edge.example`, or with a path, `https://edge.example/clusters/acme`. */
  server: string;
  /** A function is asked again when the server no longer takes the last one. */
  token: string | (() => string | Promise<string>);
  namespace: string;
  /** Kind, plural or `plural.group`; none: every kind but GitEvents. */
  kinds?: string[];
  /** Instead of the namespace's stream: the path of one collection. */
  path?: string;
  /** Strictly after this; absent or "0": the present state first. */
  resourceVersion?: string;
  /** False without a resourceVersion: from now, without the present state. */
  sendInitialEvents?: boolean;
  labelSelector?: string;
  fieldSelector?: string;
  /** Bytes the server may send unacknowledged, 64 KiB to 1 MiB. */
  window?: number;
  /**
   * When the resourceVersion is too old: throw (default), start again from the present state, or have the range made up
   * (`compact`): MODIFIED is then "is so now", DELETED "is not there, or does not match".
   */
  expired?: "fail" | "restart" | "compact";
  /** Makes the position durable on the server: what `done` reports is where a later process goes on. */
  watcher?: string;
  /** With `watcher`: wait while another connection of it works, instead of taking over. */
  standby?: boolean;
  /** Connections in a row that bring nothing before it throws; default: never. */
  giveUpAfter?: number;
  /** When the namespace or kind is not there: wait for it (default), or throw. */
  gone?: "wait" | "fail";
  signal?: AbortSignal;
  /** Told of every cut that is being healed. */
  onReconnect?: (cut: { why: string; afterMs: number; resourceVersion: string | undefined }) => void;
  /** For tests and runtimes without a global one. */
  WebSocket?: SocketConstructor;
  timers?: Timers;
  random?: () => number;
}

const DEFAULT_WINDOW = 256 * 1024;

/** A watch while it runs. */
export interface Watch extends AsyncGenerator<WatchEvent, void, undefined> {
  /**
   * Everything up to this RV is worked: the durable position of a named watcher. Only resume points (the RV of a
   * BOOKMARK or SYNCED) count; sent at most once a second, the newest wins.
   */
  done(resourceVersion: string): void;
  /** Where a new watch would go on from; undefined: from the initial state. */
  readonly resourceVersion: string | undefined;
  /** RVs that the server is ahead of what was delivered, as of its last frame. */
  readonly lag: number;
  /** Of a named watcher's working connection: for the `GitStore-Watcher` header of writes. */
  readonly epoch: number | undefined;
}

/** What one running watch shares between its loop and its handle. */
interface Session {
  state: MachineState;
  socket: WatchSocket | undefined;
  /** The newest position reported; sent again on a new connection. */
  done: string | undefined;
}

export function watch(options: WatchOptions): Watch {
  const session: Session = { state: initialState(options.resourceVersion), socket: undefined, done: undefined };
  return Object.defineProperties(run(options, session), {
    done: {
      value: (resourceVersion: string) => {
        if (options.watcher === undefined) throw new TypeError("done needs a named watcher: give watch() a `watcher`");
        session.done = resourceVersion;
        session.socket?.done(resourceVersion);
      },
    },
    resourceVersion: { get: () => session.state.resume },
    lag: { get: () => Math.max(0, session.state.head - session.state.delivered) },
    epoch: { get: () => session.state.epoch },
  }) as Watch;
}

async function* run(options: WatchOptions, session: Session): AsyncGenerator<WatchEvent, void, undefined> {
  const { signal, timers = realTimers } = options;
  let { state } = session;
  let socket: WatchSocket | undefined;
  const abort = () => socket?.close(1000, "aborted");
  signal?.addEventListener("abort", abort);
  try {
    while (!signal?.aborted) {
      state = onConnecting(state);
      session.state = state;
      socket = await connect(options, state, timers);
      session.socket = socket;
      let reported = false;
      let closed: { code: number; reason: string } | undefined;
      while (!closed) {
        const incoming = await socket.next();
        if (signal?.aborted) return;
        if (incoming.got === "close") {
          closed = incoming;
          break;
        }
        const step = onFrame(state, incoming.frame);
        if (!step.ok) {
          closed = { code: 1002, reason: step.fault };
          socket.close(closed.code, closed.reason);
          break;
        }
        // Acknowledged only when the reader asked for more: until then the server sends at most the window.
        state = step.state;
        session.state = state;
        // A report that the last connection may have lost; only once this one has begun, or it would be refused.
        if (!reported && session.done !== undefined && state.phase === "live") {
          socket.done(session.done);
          reported = true;
        }
        yield* step.events;
        socket.taken(incoming.frame.sent);
      }
      const cut = onClose(state, closed, closeOptions(options));
      state = cut.state;
      session.state = state;
      session.socket = undefined;
      await heal(cut.next, state, options, timers);
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    socket?.close(1000, "the reader left");
  }
}

function closeOptions({
  token,
  expired = "fail",
  gone = "wait",
  giveUpAfter = Number.POSITIVE_INFINITY,
}: WatchOptions) {
  return { expired, gone, giveUpAfter, canRenew: typeof token === "function" };
}

async function connect(options: WatchOptions, state: MachineState, timers: Timers): Promise<WatchSocket> {
  const token = typeof options.token === "string" ? options.token : await options.token();
  const Socket = options.WebSocket ?? (globalThis as unknown as { WebSocket?: SocketConstructor }).WebSocket;
  if (!Socket)
    throw new WatchError({ code: 501, message: "this runtime has no WebSocket: Node 22 or newer has, or pass one" });
  const socket: SocketLike = new Socket(watchUrl(options, state.resume), protocolsFor(token));
  const connection = new WatchSocket(socket, options.window ?? DEFAULT_WINDOW, timers);
  if (typeof options.token === "function") connection.keepFresh(token, options.token);
  return connection;
}

export function watchUrl(options: WatchOptions, resume: string | undefined): string {
  const base = new URL(options.server.replace(/\/+$/, ""));
  base.protocol = base.protocol === "https:" ? "wss:" : "ws:";
  const path = options.path ?? `/watch/v1/namespaces/${encodeURIComponent(options.namespace)}`;
  const query = new URLSearchParams();
  if (options.path !== undefined) query.set("watch", "1");
  for (const kind of options.kinds ?? []) query.append("kind", kind);
  if (resume !== undefined) query.set("resourceVersion", resume);
  else if (options.sendInitialEvents === false) query.set("sendInitialEvents", "false");
  for (const name of ["labelSelector", "fieldSelector"] as const) {
    const value = options[name];
    if (value) query.set(name, value);
  }
  if (options.watcher !== undefined) query.set("watcher", options.watcher);
  if (options.standby) query.set("standby", "1");
  if (options.expired === "compact") query.set("expired", "compact");
  if (options.window !== undefined) query.set("window", String(options.window));
  const text = query.toString();
  return `${base.href.replace(/\/+$/, "")}${path}${text === "" ? "" : `?${text}`}`;
}

async function heal(next: Next, state: MachineState, options: WatchOptions, timers: Timers): Promise<void> {
  if (next.do === "stop") throw next.error;
  const random = options.random ?? Math.random;
  const afterMs = next.do === "renew" ? 0 : next.minMs + Math.floor(random() * next.maxMs);
  options.onReconnect?.({ why: next.why, afterMs, resourceVersion: state.resume });
  if (afterMs > 0) await pause(afterMs, timers, options.signal);
}

async function pause(ms: number, timers: Timers, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      timers.clear(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = timers.set(done, ms);
    signal?.addEventListener("abort", done);
  });
}
