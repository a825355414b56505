/** The parameters of get and list, and what they mean together (Kubernetes' ValidateListOptions and its list table). */
import { badRequest, invalidListOptions, type Status } from "./status.ts";

/** A state to list at. */
export type ListState =
  | { at: "newest" }
  /** Not older than this RV: wait for it, then newest. */
  | { at: "notOlderThan"; rv: number }
  /** Exactly this RV. */
  | { at: "exact"; rv: number };

export interface ListOptions {
  state: ListState;
  /** 0: no limit was given; the whole list is streamed. */
  limit: number;
  /** Names strictly greater. */
  after?: string;
  /** From a `continue` token: what expires is then the token. */
  continued: boolean;
  labelSelector?: string;
  fieldSelector?: string;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; status: Status };

const refuse = (status: Status) => ({ ok: false as const, status });

/** A positive integer below 2^53 without leading zeros; 0 for `""` and `"0"`. Undefined where it is none of these. */
export function parseResourceVersion(text: string | null): number | undefined {
  if (text === null || text === "" || text === "0") return 0;
  if (!/^[1-9][0-9]{0,15}$/.test(text)) return undefined;
  const rv = Number(text);
  return Number.isSafeInteger(rv) ? rv : undefined;
}

export function parseListOptions(query: URLSearchParams): Parsed<ListOptions> {
  const rv = query.get("resourceVersion") ?? "";
  const match = query.get("resourceVersionMatch") ?? "";
  const token = query.get("continue") ?? "";

  if ((query.get("sendInitialEvents") ?? "") !== "") {
    return refuse(invalidListOptions("sendInitialEvents", "Forbidden", "sendInitialEvents is forbidden for list"));
  }
  if (match !== "") {
    const problem = matchProblem(rv, match, token);
    if (problem) return refuse(problem);
  }
  const limit = parseLimit(query.get("limit"));
  if (limit === undefined) {
    return refuse(
      badRequest(`limit: Invalid value: ${JSON.stringify(query.get("limit"))}: must be a whole number from 0`),
    );
  }
  const version = parseResourceVersion(rv);
  if (version === undefined) {
    return refuse(
      badRequest(
        `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(rv)}: must be a whole number`,
      ),
    );
  }
  const selectors = selectorsOf(query);
  if (token !== "") {
    if (version !== 0) return refuse(badRequest("specifying resource version is not allowed when using continue"));
    const position = decodeContinue(token);
    if (!position) return refuse(badRequest("continue key is not valid: it was not made by this server, or is cut"));
    const state: ListState = position.rv === -1 ? { at: "newest" } : { at: "exact", rv: position.rv };
    return { ok: true, value: { state, limit, after: position.after, continued: true, ...selectors } };
  }
  return { ok: true, value: { state: stateOf(version, match, limit), limit, continued: false, ...selectors } };
}

/* list, RV=n, no match, limit: Exact; without limit: NotOlderThan. "0" is any state, and ours is always the newest. */
function stateOf(version: number, match: string, limit: number): ListState {
  if (version === 0) return { at: "newest" };
  if (match === "Exact" || (match === "" && limit > 0)) return { at: "exact", rv: version };
  return { at: "notOlderThan", rv: version };
}

function matchProblem(rv: string, match: string, token: string): Status | undefined {
  const field = "resourceVersionMatch";
  if (rv === "") {
    return invalidListOptions(
      field,
      "Forbidden",
      "resourceVersionMatch is forbidden unless resourceVersion is provided",
    );
  }
  if (token !== "") {
    return invalidListOptions(field, "Forbidden", "resourceVersionMatch is forbidden when continue is provided");
  }
  if (match !== "Exact" && match !== "NotOlderThan") {
    return invalidListOptions(
      field,
      "NotSupported",
      `${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan", ""`,
    );
  }
  if (match === "Exact" && rv === "0") {
    return invalidListOptions(field, "Forbidden", `resourceVersionMatch "exact" is forbidden for resourceVersion "0"`);
  }
  return undefined;
}

function parseLimit(text: string | null): number | undefined {
  if (text === null || text === "") return 0;
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

function selectorsOf(query: URLSearchParams): { labelSelector?: string; fieldSelector?: string } {
  const labelSelector = query.get("labelSelector");
  const fieldSelector = query.get("fieldSelector");
  return { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}) };
}

/** Kubernetes' own form, opaque to clients. `rv` -1: go on at the newest state. */
export function encodeContinue(position: { rv: number; after: string }): string {
  const text = JSON.stringify({ v: "meta.k8s.io/v1", rv: position.rv, start: position.after });
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export function decodeContinue(token: string): { rv: number; after: string } | undefined {
  try {
    const parsed: unknown = JSON.parse(atob(token.replace(/-/g, "+").replace(/_/g, "/")));
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const { v, rv, start } = parsed as Record<string, unknown>;
    if (v !== "meta.k8s.io/v1" || typeof start !== "string" || start === "" || start.length > 512) return undefined;
    if (typeof rv !== "number" || !Number.isSafeInteger(rv) || (rv !== -1 && rv < 1)) return undefined;
    return { rv, after: start };
  } catch {
    return undefined;
  }
}

/** Whether `?watch=` asks for one; undefined for a value that is no boolean of Go's `strconv.ParseBool`. */
export function parseBoolean(text: string | null): boolean | undefined {
  if (text === null || text === "") return false;
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  return ["0", "f", "F", "false", "FALSE", "False"].includes(text) ? false : undefined;
}
