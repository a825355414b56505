import { CLUSTER_LEDGER } from "../ledger/api.ts";
import { GIT_EVENT } from "../ledger/entry.ts";
import { LedgerObject, type Watching } from "../ledger/ledger.ts";
import { LedgerSource } from "../ledger/source.ts";
import { first } from "../ledger/sql.ts";
import type { KindKey } from "../resource/types.ts";
import { errorText } from "./encode.ts";
import { WatchEngine } from "./engine.ts";
import { tend } from "./housekeeping.ts";
import { beginSession, decodeOpen, OPEN_HEADER, type WatchOpen } from "./open.ts";
import { protocolHeaders } from "./refuse.ts";
import type { WatchSocket } from "./sending.ts";
import { PLAIN_WINDOW, type SessionState } from "./session.ts";
import { FrameCache } from "./source.ts";
import { closeReason, type Ending, endingOf } from "./status.ts";

/** How long a watch from a future RV waits for it: silence would hide events, so then it is told. */
const FUTURE_WAIT_MS = 3_000;
const FUTURE_STEP_MS = 50;

/** A hibernating WebSocket as the engine sees it: the attachment is the session, and a dead peer is no exception. */
function wrap(socket: WebSocket): WatchSocket {
  return {
    send(text) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      try {
        socket.send(text);
        return true;
      } catch {
        return false; // closed between the check and the send
      }
    },
    close(code, reason) {
      try {
        socket.close(code, reason);
      } catch {
        // The peer went first; what matters is that the session is forgotten.
      }
    },
    save: (state) => socket.serializeAttachment(state),
    load: () => (socket.deserializeAttachment() as SessionState | null) ?? undefined,
  };
}

/** The namespace's ledger with its watch: what `worker.ts` exports as the class behind `LEDGER`. */
export class Ledger extends LedgerObject {
  protected override watch(): Watching {
    const { ctx, core, store, alarmClock } = this;
    // Any number of pings costs nothing: the runtime answers without waking the object.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    const sockets = new WeakMap<WebSocket, WatchSocket>();
    const wrapped = (socket: WebSocket): WatchSocket => {
      let known = sockets.get(socket);
      if (!known) {
        known = wrap(socket);
        sockets.set(socket, known);
      }
      return known;
    };
    const source = new LedgerSource(store, core.window, () => core.namespace);
    const now = (): number => this.now();
    const engine = new WatchEngine(
      source,
      new FrameCache(source),
      {
        sockets: () => ctx.getWebSockets().map(wrapped),
        yieldTurn: () => ctx.storage.sync(),
        hold: (promise) => ctx.waitUntil(promise),
        wake: (at) => alarmClock.wake(at),
      },
      now,
      store.faults,
    );

    const accept = async (open: WatchOpen): Promise<Response> => {
      const { 0: client, 1: server } = new WebSocketPair();
      const refuse = (ending: Ending): Response => {
        const { status, close, reason } = endingOf(ending);
        server.accept();
        server.send(errorText(open.enc, status));
        server.close(close, closeReason(reason));
        return new Response(null, { status: 101, webSocket: client, headers: protocolHeaders(open.enc) });
      };
      if (!core.serving) return refuse({ why: "gone", message: "no such namespace" });
      if (open.enc === "events" && open.start.from === "state" && stateBytes(open) > PLAIN_WINDOW)
        return new Response(null, { status: 413 });
      const rv =
        open.start.from === "rv" ? open.start.rv : open.start.from === "state" ? (open.start.notOlderThan ?? 0) : 0;
      if (rv > store.head) {
        const until = now() + FUTURE_WAIT_MS;
        while (store.head < rv && now() < until) await scheduler.wait(FUTURE_STEP_MS);
        if (store.head < rv) return refuse({ why: "future", requested: rv, head: store.head });
      }
      ctx.acceptWebSocket(server);
      const session = beginSession(open, store.head, snapshotKinds(open), now());
      engine.open(wrapped(server), session);
      return new Response(null, { status: 101, webSocket: client, headers: protocolHeaders(open.enc) });
    };

    /** Bytes of the initial state, before selectors. */
    const stateBytes = (open: WatchOpen): number =>
      snapshotKinds(open)
        .map(
          (kind) =>
            first<{ n: number | null }>(
              ctx.storage.sql,
              "SELECT sum(v.bytes) AS n FROM heads h JOIN versions v ON v.rv = h.rv WHERE h.kind = ?",
              kind,
            )?.n ?? 0,
        )
        .reduce((sum, bytes) => sum + bytes, 0);

    const scope = (): string => (core.namespace === CLUSTER_LEDGER ? "Cluster" : "Namespaced");
    const snapshotKinds = (open: WatchOpen): KindKey[] => {
      if (open.filter.kinds) return open.filter.kinds;
      const kinds = core.kinds.registry().all();
      const shown = kinds.filter((kind) => kind.key !== GIT_EVENT && kind.owner !== "client" && kind.scope === scope());
      return [...new Set(shown.map((kind) => kind.key))]; // a custom kind is there once for each version it serves
    };

    return {
      async upgrade(request) {
        const header = request.headers.get(OPEN_HEADER);
        if (header === null) return new Response("a ledger takes watch upgrades from the Worker only", { status: 400 });
        return accept(decodeOpen(header));
      },
      message(socket, text) {
        if (typeof text === "string") engine.receive(wrapped(socket), text);
        else {
          for (const live of engine.sessions()) {
            if (live.socket === wrapped(socket))
              engine.finish(live, { why: "badFrame", message: "client frames are text, not binary" });
          }
        }
      },
      closed: (socket) => engine.closed(wrapped(socket)),
      committed: (entries) => engine.committed(entries),
      tend: (at) => tend(engine, at, store.head).at,
      closeAll(who) {
        let closed = 0;
        for (const live of [...engine.sessions()]) {
          const { sub, jti } = live.state;
          if (
            who !== "namespace" &&
            !((who.sub !== undefined && who.sub === sub) || (who.jti !== undefined && who.jti === jti))
          )
            continue;
          engine.finish(
            live,
            who === "namespace"
              ? { why: "gone", message: "the namespace was deleted" }
              : { why: "unauthorized", message: "the token was revoked" },
          );
          closed += 1;
        }
        return closed;
      },
      stats() {
        let connected = 0;
        let parked = 0;
        for (const live of engine.sessions()) {
          connected += 1;
          if (live.state.parkedAt > 0) parked += 1;
        }
        return { connected, parked, counters: { ...engine.counters } };
      },
    };
  }
}
