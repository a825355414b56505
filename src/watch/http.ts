import type { Identity } from "../auth/identity.ts";
import { type Env, ledgerOf } from "../config.ts";
import type { KindDef } from "../resource/kind.ts";
import { parseFieldSelector, parseLabelSelector, selectableFieldsOf } from "../resource/selectors.ts";
import { bridge } from "./bridge.ts";
import { encodeOpen, OPEN_HEADER, type WatchOpen } from "./open.ts";
import { encodingOf, isUpgrade } from "./refuse.ts";
import type { Encoding } from "./session.ts";
import { type ParameterError, type WatchParameters, watchParameters } from "./start.ts";
import { statusGrants } from "./statusRequest.ts";

export interface WatchRequest {
  request: Request;
  env: Env;
  identity: Identity;
  /** The ledger's name: a namespace, or the cluster's. */
  namespace: string;
  /** The kinds to watch; empty: all but GitEvents. */
  kinds: KindDef[];
  query: URLSearchParams;
  /** `/apis/…`, where Kubernetes' own rules hold, or `/watch/v1`. */
  strict: boolean;
  /** What lines of events go out as over HTTP: rows of a Table, metadata alone. Absent: as they are. */
  present?: (lines: string) => string;
}

export type WatchAnswer =
  | { answer: "response"; response: Response }
  | { answer: "parameter"; error: ParameterError }
  /** The ledger refused before anything was streamed; `status` is a Kubernetes Status. */
  | { answer: "refused"; status: { code: number; message: string; reason: string } };

const MAX_SELECTOR_CHARS = 4_096;
/** Kubernetes' own: a watch without `timeoutSeconds` ends after 30 to 60 minutes, spread so that none come back at once. */
const MIN_TIMEOUT_S = 1_800;

/**
 * Opens a watch for an authorised caller. Nothing of the request but what is validated here reaches the ledger; HTTP
 * streams end in this stateless Worker, which bridges to the ledger's hibernating socket, so an idle ledger sleeps.
 */
export async function watchCollection(watch: WatchRequest): Promise<WatchAnswer> {
  const upgrade = isUpgrade(watch.request);
  const enc: Encoding = upgrade ? encodingOf(watch.request) : "lines";
  const parameters = watchParameters(watch.query, watch.strict && enc !== "frames", enc === "frames");
  if (!parameters.ok) return { answer: "parameter", error: parameters.error };
  const selectors = checkSelectors(watch);
  if (selectors) return { answer: "parameter", error: selectors };
  const open = openOf(watch, parameters.value, enc);
  if (upgrade) {
    const response = await connect(watch, open);
    // The initial state alone is more than a socket without acknowledgements may be sent: HTTP has back-pressure.
    if (response.status !== 413) return { answer: "response", response };
  }
  const upstream = await connect(watch, { ...open, enc: "lines" });
  const socket = upstream.webSocket;
  if (!socket) throw new Error(`the ledger answered a watch with ${upstream.status}`);
  return bridge(socket, {
    of: open.of,
    bookmarks: open.bookmarks,
    initialEnd: open.initialEnd,
    timeoutMs: (parameters.value.timeoutSeconds ?? MIN_TIMEOUT_S * (1 + Math.random())) * 1000,
    ...(watch.present ? { present: watch.present } : {}),
  });
}

async function connect(watch: WatchRequest, open: WatchOpen): Promise<Response> {
  const headers = { upgrade: "websocket", [OPEN_HEADER]: encodeOpen(open) };
  return ledgerOf(watch.env, watch.namespace).fetch(new Request("https://ledger/watch", { headers }));
}

function checkSelectors(watch: WatchRequest): ParameterError | undefined {
  for (const field of ["labelSelector", "fieldSelector"]) {
    const text = watch.query.get(field) ?? "";
    if (text.length > MAX_SELECTOR_CHARS)
      return {
        code: 400,
        field,
        message: `a selector is at most ${MAX_SELECTOR_CHARS} characters, found ${text.length}`,
      };
  }
  const label = parseLabelSelector(watch.query.get("labelSelector") ?? "");
  if (!label.ok) return { code: 400, field: "labelSelector", message: label.message };
  const kinds = watch.kinds;
  const allowed =
    kinds.length === 0
      ? ["metadata.name", "metadata.namespace", "status.phase"]
      : [...new Set(kinds.flatMap((kind) => selectableFieldsOf(kind)))];
  const field = parseFieldSelector(watch.query.get("fieldSelector") ?? "", allowed);
  return field.ok ? undefined : { code: 400, field: "fieldSelector", message: field.message };
}

function openOf(watch: WatchRequest, parameters: WatchParameters, enc: Encoding): WatchOpen {
  const only = watch.kinds.length === 1 ? watch.kinds[0] : undefined;
  return {
    enc,
    filter: {
      kinds: watch.kinds.length === 0 ? null : watch.kinds.map((kind) => kind.key),
      label: watch.query.get("labelSelector") ?? "",
      field: watch.query.get("fieldSelector") ?? "",
    },
    window: parameters.window,
    start: parameters.start,
    of: only ? { apiVersion: `${only.group}/${only.version}`, kind: only.kind } : null,
    bookmarks: parameters.bookmarks,
    initialEnd: parameters.initialEnd,
    expired: parameters.expired,
    watcher: parameters.watcher,
    timeoutMs: enc === "lines" ? 0 : (parameters.timeoutSeconds ?? 0) * 1000,
    ...(enc === "frames" ? { writes: statusGrants(watch.identity.grants, watch.namespace) } : {}),
    sub: watch.identity.sub,
    jti: watch.identity.jti ?? "",
    exp: watch.identity.exp,
  };
}
