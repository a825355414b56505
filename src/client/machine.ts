/**
 * The watch client as a state machine, pure: what a frame delivers, and what a cut asks for. It knows no socket and no
 * clock (docs: the contract's WebSocket protocol and its table of close codes).
 *
 *   opening --first frame--> live          an RV was given, or "from now"
 *   opening --snapshot page--> snapshot --end--> live
 *   any --cut--> waiting --> opening       from the last resume point; a cut snapshot starts again
 *   any --4400, 4403, 4408, or 4410 with expired "fail"--> stopped
 */
import type { Resource } from "../resource/types.ts";

export type ChangeType = "ADDED" | "MODIFIED" | "DELETED";

export type WatchEvent =
  /** One change. DELETED has the last object with the deletion's RV. */
  | { type: ChangeType; object: Resource; resourceVersion: string; compacted?: true }
  /** The state follows as ADDED events, and replaces what was known once SYNCED comes. May come again after a cut. */
  | { type: "SYNCING" }
  /** The state is complete at this RV: what was not in it is gone. Changes follow. */
  | { type: "SYNCED"; resourceVersion: string }
  /** Nothing at or below this RV comes any more: a place to resume from. */
  | { type: "BOOKMARK"; resourceVersion: string }
  /** What the server could not make up after a gap. */
  | { type: "LOST"; kinds: string[] }
  /** Another connection of this named watcher works; this one waits to take over. */
  | { type: "STANDBY" }
  /** This connection of the named watcher works now. Writes carry `GitStore-Watcher: <name>/<epoch>`. */
  | { type: "ACTIVE"; epoch: number };

export interface Frame {
  sent: number;
  head?: string;
  at?: number;
  prev?: string;
  rv?: string;
  events?: { type: ChangeType; object: Resource }[];
  partial?: true;
  snapshot?: true;
  end?: true;
  compacted?: true;
  lost?: string[];
  standby?: true;
  epoch?: number;
  error?: WatchStatus;
}

export interface WatchStatus {
  code: number;
  reason?: string;
  message?: string;
  details?: Record<string, unknown>;
}

export interface MachineState {
  phase: "opening" | "snapshot" | "live";
  /** The last resume point; undefined: from the initial state. */
  resume: string | undefined;
  /** The highest RV delivered: what comes again after a cut is dropped by it. */
  delivered: number;
  /** The `rv` that the next frame's `prev` must be; undefined until the connection has fixed its start. */
  chain: string | undefined;
  /** Connections in a row that ended before anything new came. */
  failures: number;
  /** What the server said was wrong, before it closed. */
  error: WatchStatus | undefined;
  /** The newest RV the server told of. */
  head: number;
  /** Of a named watcher's working connection. */
  epoch: number | undefined;
}

export function initialState(resourceVersion: string | undefined): MachineState {
  const resume = resourceVersion === "" || resourceVersion === "0" ? undefined : resourceVersion;
  const delivered = Number(resume ?? 0);
  return {
    phase: "opening",
    resume,
    delivered,
    chain: undefined,
    failures: 0,
    error: undefined,
    head: 0,
    epoch: undefined,
  };
}

/** A new connection: what was learnt stays, what belonged to the old connection goes. */
export function onConnecting(state: MachineState): MachineState {
  return { ...state, phase: "opening", chain: undefined, error: undefined, epoch: undefined };
}

export type FrameStep =
  | { ok: true; state: MachineState; events: WatchEvent[] }
  /** The server broke its promise: keep what is known, and resume from the last resume point. */
  | { ok: false; state: MachineState; fault: string };

export function onFrame(state: MachineState, frame: Frame): FrameStep {
  if (frame.error) return { ok: true, state: { ...state, error: frame.error }, events: [] };
  const known = { ...state, head: Math.max(state.head, Number(frame.head ?? 0)) };
  if (frame.standby) return { ok: true, state: known, events: [{ type: "STANDBY" }] };
  if (frame.rv === undefined) return fault(state, "a frame without rv");
  if (frame.epoch === undefined) return onWatched(known, frame, frame.rv);
  // A take-over starts where the watcher's durable position is, wherever this process had come to before.
  const working = { ...known, epoch: frame.epoch, ...(frame.prev === undefined ? {} : { chain: frame.prev }) };
  const step = onWatched(working, frame, frame.rv);
  return step.ok ? { ...step, events: [{ type: "ACTIVE", epoch: frame.epoch }, ...step.events] } : step;
}

function onWatched(state: MachineState, frame: Frame, rv: string): FrameStep {
  return frame.snapshot ? onSnapshot(state, frame, rv) : onChanges(state, frame, rv);
}

function onSnapshot(state: MachineState, frame: Frame, rv: string): FrameStep {
  const events: WatchEvent[] = state.phase === "snapshot" ? [] : [{ type: "SYNCING" }];
  for (const { type, object } of frame.events ?? []) events.push(change(type, object));
  if (!frame.end) return { ok: true, state: { ...state, phase: "snapshot" }, events };
  events.push({ type: "SYNCED", resourceVersion: rv });
  const delivered = Number(rv);
  return { ok: true, state: { ...state, phase: "live", resume: rv, delivered, chain: rv, failures: 0 }, events };
}

function onChanges(state: MachineState, frame: Frame, rv: string): FrameStep {
  if (state.phase === "snapshot") return fault(state, "changes before the end of the snapshot");
  // The first frame of a connection begins where it was asked to; every other one where the one before it ended.
  const expected = state.chain ?? state.resume;
  if (expected !== undefined && frame.prev !== expected) return fault(state, `prev is ${frame.prev}, not ${expected}`);
  if (frame.prev !== undefined && Number(rv) < Number(frame.prev))
    return fault(state, `rv ${rv} is below prev ${frame.prev}`);
  const events: WatchEvent[] = [];
  if (frame.lost && frame.lost.length > 0) events.push({ type: "LOST", kinds: frame.lost });
  let { delivered } = state;
  for (const { type, object } of frame.events ?? []) {
    const at = Number(object.metadata.resourceVersion);
    // Compacted ranges are made up as of now: their RVs are no log, so nothing of them is taken for a duplicate.
    if (!frame.compacted && at <= delivered) continue;
    if (!frame.compacted) delivered = at;
    events.push(frame.compacted ? { ...change(type, object), compacted: true } : change(type, object));
  }
  if (frame.partial) {
    // Only the last part is a resume point: until then a cut brings the whole transaction again.
    return { ok: true, state: { ...state, phase: "live", delivered, chain: frame.prev }, events };
  }
  delivered = Math.max(delivered, Number(rv));
  events.push({ type: "BOOKMARK", resourceVersion: rv });
  return { ok: true, state: { ...state, phase: "live", resume: rv, delivered, chain: rv, failures: 0 }, events };
}

function change(type: ChangeType, object: Resource): WatchEvent & { type: ChangeType } {
  return { type, object, resourceVersion: object.metadata.resourceVersion };
}

function fault(state: MachineState, text: string): FrameStep {
  return { ok: false, state, fault: text };
}

export type Next =
  /** Connect again. `maxMs` is the bound of a full jitter; `minMs` is waited in any case. */
  | { do: "connect"; minMs: number; maxMs: number; why: string }
  /** As connect, with another token. */
  | { do: "renew"; why: string }
  | { do: "stop"; error: WatchError };

export class WatchError extends Error {
  readonly status: WatchStatus;
  constructor(status: WatchStatus) {
    super(status.message ?? status.reason ?? `the watch ended with ${status.code}`);
    this.name = "WatchError";
    this.status = status;
  }
}

export interface CloseOptions {
  /** After 410: stop, or start again from the present state. */
  expired: "fail" | "restart" | "compact";
  /** Whether another token can be had. */
  canRenew: boolean;
  /** Give up after this many connections in a row that brought nothing. */
  giveUpAfter: number;
  /** After 4404: wait for the namespace to come (again), or stop. */
  gone: "wait" | "fail";
}

const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 30_000;
/** A namespace that is gone may come again; asking for it every few seconds helps nobody. */
const GONE_MIN_MS = 30_000;

export function onClose(
  state: MachineState,
  { code, reason }: { code: number; reason: string },
  options: CloseOptions,
): { state: MachineState; next: Next } {
  const failures = state.failures + 1;
  const next = nextOf({ ...state, failures }, code, reason, options);
  const restarts = code === 4410 && next.do === "connect";
  return { state: { ...state, failures, ...(restarts ? { resume: undefined, delivered: 0 } : {}) }, next };
}

function nextOf(state: MachineState, code: number, reason: string, options: CloseOptions): Next {
  const why = reason === "" ? `closed with ${code}` : `closed with ${code}: ${reason}`;
  const stop = (status: number, message: string): Next => ({
    do: "stop",
    error: new WatchError(state.error ?? { code: status, message: reason === "" ? message : reason }),
  });
  switch (code) {
    case 4400:
      return stop(400, "the server did not take the request");
    case 4403:
      return stop(403, "this token may not watch this");
    case 4408:
      return stop(409, "another connection of this watcher took over");
    case 4410:
      if (options.expired === "fail") return stop(410, "the resourceVersion is too old: list again");
      break;
    case 4401:
      if (!options.canRenew || state.failures > 3) return stop(401, "the token is not valid, or not any more");
      return { do: "renew", why };
    default:
      break;
  }
  if (code === 4404 && options.gone === "fail") return stop(404, "there is no such namespace or kind");
  if (state.failures > options.giveUpAfter) return stop(code === 4404 ? 404 : 503, `no connection: ${why}`);
  if (code === 4404) return { do: "connect", minMs: GONE_MIN_MS, maxMs: backoff(state.failures), why };
  const asked = code === 4503 ? /retryAfterMs=([0-9]{1,7})/.exec(reason)?.[1] : undefined;
  // The first reconnect is at once: a deploy cuts every socket, and the client that comes back first misses nothing.
  const maxMs = state.failures <= 1 ? 0 : backoff(state.failures - 1);
  return { do: "connect", minMs: Number(asked ?? 0), maxMs, why };
}

function backoff(failures: number): number {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures - 1));
}
