/** How a subscription reaches a ledger's watch: through the stateless Worker's own door, as HTTP streams do. */
import { registerSession } from "../../auth/sessions.ts";
import { ledgerOf, requireConfig } from "../../config.ts";
import type { KindDef } from "../../resource/kind.ts";
import { encodeOpen, OPEN_HEADER, type WatchOpen } from "../../watch/open.ts";
import type { GraphContext } from "../context.ts";
import { LedgerStream, type StreamStart, WINDOW_BYTES } from "./stream.ts";

export interface Watched {
  /** The ledger's name. */
  ledger: string;
  kind: KindDef;
  labelSelector?: string | undefined;
}

/** The caller is authorised. */
export function streamOf(
  graph: GraphContext,
  watched: Watched,
  start: StreamStart,
  wake: () => void,
  options?: { patient?: boolean },
): LedgerStream {
  const { c, env, identity } = graph;
  c.executionCtx.waitUntil(registerSession(env, watched.ledger, identity, Date.now()));
  const dial = async (from: StreamStart): Promise<WebSocket> => {
    const headers = { upgrade: "websocket", [OPEN_HEADER]: encodeOpen(openOf(graph, watched, from)) };
    const request = new Request("https://ledger/watch", { headers });
    const { status, webSocket } = await ledgerOf(env, watched.ledger).fetch(request);
    if (!webSocket) throw new Error(`the ledger answered a watch with ${status}`);
    return webSocket;
  };
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const maxReplay = requireConfig(env).GRAPHQL_REPLAY_EVENTS;
  return new LedgerStream(start, { dial, wake, wait, random: Math.random }, { ...options, maxReplay });
}

function openOf({ identity }: GraphContext, { kind, labelSelector }: Watched, start: StreamStart): WatchOpen {
  return {
    // Lines are parsed as they are taken, one at a time: parsing frames whole cost 1 GB with 100 slow readers.
    enc: "lines",
    filter: { kinds: [kind.key], label: labelSelector ?? "", field: "" },
    window: WINDOW_BYTES,
    start,
    of: null,
    bookmarks: false,
    initialEnd: false,
    expired: "fail",
    watcher: null,
    timeoutMs: 0,
    sub: identity.sub,
    jti: identity.jti ?? "",
    exp: identity.exp,
  };
}
