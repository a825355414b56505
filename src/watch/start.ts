import type { WatchOpen } from "./open.ts";
import { DEFAULT_WINDOW, MAX_WINDOW, MIN_WINDOW } from "./session.ts";

export interface WatchParameters {
  start: WatchOpen["start"];
  bookmarks: boolean;
  initialEnd: boolean;
  window: number;
  expired: "fail" | "compact";
  watcher: { name: string; standby: boolean } | null;
  /** Seconds after which the server ends the watch as planned. */
  timeoutSeconds: number | undefined;
}

export interface ParameterError {
  field: string;
  /** 400 where the value cannot be read, 422 where it is read and not allowed. */
  code: 400 | 422;
  message: string;
}

export type ParsedParameters = { ok: true; value: WatchParameters } | { ok: false; error: ParameterError };

const WATCHER_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const refuse = (code: ParameterError["code"], field: string, message: string): ParsedParameters => ({
  ok: false,
  error: { code, field, message },
});

function flag(text: string | null): boolean | undefined | null {
  if (text === null || text === "") return undefined;
  if (["1", "true", "True", "t"].includes(text)) return true;
  return ["0", "false", "False", "f"].includes(text) ? false : null;
}

/** An RV that may be resumed from; `"0"` and absence have meanings of their own. */
function readVersion(text: string | null): number | undefined | null {
  if (text === null || text === "" || text === "0") return undefined;
  if (!/^[1-9][0-9]*$/.test(text)) return null;
  const rv = Number(text);
  return Number.isSafeInteger(rv) ? rv : null;
}

/**
 * Where a watch begins: Kubernetes' table of 18 rows, as facts kubernetes-watch.md §A.3 has it. `strict` is the kube
 * path without our protocol, where `sendInitialEvents` and `resourceVersionMatch` come together or not at all. `ours`: over our protocol.
 */
export function watchParameters(query: URLSearchParams, strict: boolean, ours: boolean): ParsedParameters {
  const rv = readVersion(query.get("resourceVersion"));
  if (rv === null)
    return refuse(
      422,
      "resourceVersion",
      `${JSON.stringify(query.get("resourceVersion"))} is no resourceVersion: give a positive decimal integer, as a list or a watch told it`,
    );
  const initial = flag(query.get("sendInitialEvents"));
  if (initial === null) return refuse(400, "sendInitialEvents", "give true or false");
  const bookmarks = flag(query.get("allowWatchBookmarks"));
  if (bookmarks === null) return refuse(400, "allowWatchBookmarks", "give true or false");
  const match = query.get("resourceVersionMatch") ?? "";
  if (match !== "" && initial === undefined)
    return refuse(
      422,
      "resourceVersionMatch",
      "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
    );
  if (match !== "" && match !== "NotOlderThan")
    return refuse(
      422,
      "resourceVersionMatch",
      `${JSON.stringify(match)} is not supported for watch: give NotOlderThan`,
    );
  if (strict && initial !== undefined && match === "")
    return refuse(
      422,
      "resourceVersionMatch",
      "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
    );
  const expired = query.get("expired") ?? "fail";
  if (expired !== "fail" && expired !== "compact")
    return refuse(400, "expired", `${JSON.stringify(expired)} is not supported: give fail or compact`);
  const standby = flag(query.get("standby"));
  if (standby === null) return refuse(400, "standby", "give 1 or 0");
  const name = query.get("watcher");
  if (name !== null && !WATCHER_NAME.test(name))
    return refuse(400, "watcher", "a watcher's name is a DNS label: at most 63 of a-z, 0-9 and -");
  if (standby && name === null) return refuse(400, "standby", "standby needs a watcher's name");
  if (!ours && (name !== null || expired !== "fail")) {
    const field = name === null ? "expired" : "watcher";
    return refuse(400, field, `${field} needs the WebSocket subprotocol gitstore.watch.v1`);
  }
  const window = integer(query.get("window"), DEFAULT_WINDOW);
  if (window === null || window < MIN_WINDOW || window > MAX_WINDOW)
    return refuse(400, "window", `give bytes from ${MIN_WINDOW} to ${MAX_WINDOW}`);
  const timeoutSeconds = query.has("timeoutSeconds") ? integer(query.get("timeoutSeconds"), 0) : undefined;
  if (timeoutSeconds === null) return refuse(400, "timeoutSeconds", "give whole seconds");
  return {
    ok: true,
    value: {
      start: startOf(rv, initial),
      bookmarks: bookmarks ?? false,
      initialEnd: initial === true && bookmarks === true,
      window,
      expired,
      watcher: name === null ? null : { name, standby: standby ?? false },
      timeoutSeconds,
    },
  };
}

function startOf(rv: number | undefined, initial: boolean | undefined): WatchOpen["start"] {
  if (initial === true) return { from: "state", ...(rv === undefined ? {} : { notOlderThan: rv }) };
  if (rv !== undefined) return { from: "rv", rv };
  return initial === false ? { from: "now" } : { from: "state", asked: false };
}

function integer(text: string | null, fallback: number): number | null {
  if (text === null || text === "") return fallback;
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : null;
}
