import { CLUSTER_LEDGER } from "../ledger/api.ts";
import { GIT_EVENT } from "../ledger/entry.ts";
import { LedgerObject } from "../ledger/ledger.ts";
import { LedgerSource } from "../ledger/source.ts";
import { first } from "../ledger/sql.ts";
import { NamedWatchers } from "../ledger/watchers.ts";
import type { Watching } from "../ledger/watching.ts";
import type { KindKey } from "../resource/types.ts";
import { type Attachment, AttachmentWriter, fitSocket, sessionOf } from "./attachment.ts";
import { errorText } from "./encode.ts";
import { WatchEngine } from "./engine.ts";
import { compileFilter, type Filter } from "./filter.ts";
import { frameTarget } from "./frames.ts";
import { tend } from "./housekeeping.ts";
import { isLeaseSocket, isLeaseWatch, LEASE_TAG, LeaseWatches } from "./leases.ts";
import { beginSession, decodeOpen, OPEN_HEADER, type WatchOpen } from "./open.ts";
import { protocolHeaders } from "./refuse.ts";
import { renew } from "./renew.ts";
import type { WatchSocket } from "./sending.ts";
import { PLAIN_WINDOW, type SessionState } from "./session.ts";
import { FrameCache } from "./source.ts";
import { closeReason, type Ending, endingOf } from "./status.ts";
import { answerStatus, refuseStatus } from "./statusRequest.ts";

/** How long a watch from a future RV waits for it: silence would hide events, so then it is told. */
const FUTURE_WAIT_MS = 3_000;
const FUTURE_STEP_MS = 50;
const TOO_LARGE =
  "the watch's kinds and selectors are together more than a connection can keep: ask for less, or over two connections";
const KIND_BYTES = "SELECT sum(v.bytes) AS n FROM heads h JOIN versions v ON v.rv = h.rv WHERE h.kind = ?";

interface HibernatingSocket extends WatchSocket {
  raw: WebSocket;
}

const raw = (socket: WatchSocket): WebSocket => (socket as HibernatingSocket).raw;

/** A hibernating WebSocket as the engine sees it: the attachment is the session, and a dead peer is no exception. */
function wrap(socket: WebSocket): HibernatingSocket {
  const attachments = new AttachmentWriter();
  return {
    raw: socket,
    send(text) {
      // Asking for `readyState` first would cost a tenth of a broadcast; a peer that is going is told of by `closed`.
      try {
        socket.send(text);
        return true;
      } catch {
        return false; // it is closed on our side
      }
    },
    close(code, reason) {
      try {
        socket.close(code, reason);
      } catch {
        // The peer went first; what matters is that the session is forgotten.
      }
    },
    save: (state) => socket.serializeAttachment(attachments.of(state)),
    load() {
      const attachment = socket.deserializeAttachment() as Attachment | null;
      // Anything else is of an older version; deploys cut sockets, so there is none.
      return Array.isArray(attachment) ? sessionOf(attachment) : undefined;
    },
  };
}

/** In [0, 1). */
function fraction(random: (bytes: number) => Uint8Array): number {
  return random(4).reduce((sum, byte) => (sum + byte) / 256, 0);
}

/** The namespace's ledger with its watch: what `worker.ts` exports as the class behind `LEDGER`. */
export class Ledger extends LedgerObject {
  protected override watch(): Watching {
    const { ctx, env, core, store, leases, alarmClock } = this;
    // Any number of pings costs nothing: the runtime answers without waking the object.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    const leaseSockets = new WeakMap<WebSocket, boolean>();
    /** By the attachment: a socket's tags are gone once the runtime has released it, which `closed` may come after. */
    const ofLeases = (socket: WebSocket): boolean => {
      let known = leaseSockets.get(socket);
      if (known === undefined) {
        known = isLeaseSocket(socket);
        leaseSockets.set(socket, known);
      }
      return known;
    };
    const leaseWatches = new LeaseWatches(
      leases,
      {
        accept: (socket) => ctx.acceptWebSocket(socket, [LEASE_TAG]),
        all: () => ctx.getWebSockets(LEASE_TAG),
      },
      () => core.namespace,
    );
    const sockets = new WeakMap<WebSocket, WatchSocket>();
    const wrapped = (socket: WebSocket): WatchSocket => {
      let known = sockets.get(socket);
      if (!known) {
        known = wrap(socket);
        sockets.set(socket, known);
      }
      return known;
    };
    const scope = (): string => (core.namespace === CLUSTER_LEDGER ? "Cluster" : "Namespaced");
    const stateKinds = (kinds: Iterable<KindKey> | null): KindKey[] => {
      if (kinds) return [...kinds];
      const all = core.kinds.registry().all();
      const shown = all.filter((kind) => kind.key !== GIT_EVENT && kind.owner !== "client" && kind.scope === scope());
      return [...new Set(shown.map((kind) => kind.key))]; // a custom kind is there once for each version it serves
    };
    const source = new LedgerSource<Filter>(
      store,
      core.window,
      () => core.namespace,
      (filter) => stateKinds(filter.kinds),
    );
    const named = new NamedWatchers(store);
    const now = (): number => this.now();
    const engine = new WatchEngine(
      source,
      new FrameCache(source),
      {
        sockets: () =>
          ctx
            .getWebSockets()
            .filter((socket) => !ofLeases(socket))
            .map(wrapped),
        yieldTurn: () => ctx.storage.sync(),
        hold: (promise) => ctx.waitUntil(promise),
        wake: (at) => alarmClock.wake(at),
        kindNames: (key) =>
          core.kinds.get(key) ?? {
            group: key.slice(key.indexOf(".") + 1),
            version: "v1",
            kind: key.split(".")[0] ?? key,
          },
        takeOver: (sub, name) => named.takeOver(sub, name),
        advance: (sub, name, position) => named.advance(sub, name, position),
        isResumePoint: (rv) => store.endsTransaction(rv),
        pingedAt: (socket) => ctx.getWebSocketAutoResponseTimestamp(raw(socket))?.getTime() ?? 0,
        renew: (state, token) => renew(env, core, state, token, now()),
        answerStatus: (state, input) =>
          answerStatus(
            {
              namespace: core.namespace,
              registry: core.kinds.registry(),
              now: now(),
              updateStatus: (write) => this.updateStatus(write),
            },
            state,
            input,
          ),
        refuseStatus,
      },
      now,
      store.faults,
    );

    const accept = async (open: WatchOpen): Promise<Response> => {
      const { 0: client, 1: server } = new WebSocketPair();
      const refuse = (ending: Exclude<Ending, { why: "ended" }>): Response => {
        const { status, close, reason } = endingOf(ending);
        server.accept();
        server.send(errorText(open.enc, status));
        server.close(close, closeReason(reason));
        return new Response(null, { status: 101, webSocket: client, headers: protocolHeaders(open.enc) });
      };
      if (!core.serving) return refuse({ why: "gone", message: "no such namespace" });
      if (isLeaseWatch(open)) {
        const refusal = leaseWatches.open(open, server, now());
        if (refusal) return refuse(refusal);
        const due = leaseWatches.tend(now());
        if (due !== undefined) alarmClock.wake(due);
        return new Response(null, { status: 101, webSocket: client, headers: protocolHeaders(open.enc) });
      }
      if (open.enc === "events" && open.start.from === "state" && stateBytes(open) > PLAIN_WINDOW)
        return new Response(null, { status: 413 });
      const rv =
        open.start.from === "rv" ? open.start.rv : open.start.from === "state" ? (open.start.notOlderThan ?? 0) : 0;
      if (rv > store.head) {
        const until = now() + FUTURE_WAIT_MS;
        while (store.head < rv && now() < until) await scheduler.wait(FUTURE_STEP_MS);
        if (store.head < rv) return refuse({ why: "future", requested: rv, head: store.head });
      }
      const begin = (from: WatchOpen): SessionState =>
        beginSession(from, store.head, stateKinds(open.filter.kinds), now());
      if (!fitSocket(begin(open))) return refuse({ why: "badFrame", message: TOO_LARGE });
      const bound = bind(open);
      if (!bound.ok) return refuse({ why: "badFrame", message: bound.message });
      ctx.acceptWebSocket(server);
      const session = begin(bound.open);
      fitSocket(session);
      if (open.watcher) employ(session, open.watcher, wrapped(server));
      engine.open(wrapped(server), session);
      return new Response(null, { status: 101, webSocket: client, headers: protocolHeaders(open.enc) });
    };

    /** Binds a named watcher to its query, and a start that names nothing to the watcher's own position. */
    const bind = (open: WatchOpen): { ok: true; open: WatchOpen } | { ok: false; message: string } => {
      if (!open.watcher) return { ok: true, open };
      const { filter, start } = open;
      const query = JSON.stringify({
        kinds: filter.kinds ? [...filter.kinds].sort() : null,
        labelSelector: filter.label,
        fieldSelector: filter.field,
      });
      const binding = named.bind(open.sub, open.watcher.name, query, start.from === "rv" ? start.rv : undefined);
      if (!binding.bound)
        return {
          ok: false,
          message: `WatcherMismatch: watcher ${open.watcher.name} is bound to another query; give a resourceVersion to bind it anew`,
        };
      const own = start.from === "state" && start.asked === false && binding.position > 0;
      return { ok: true, open: own ? { ...open, start: { from: "rv", rv: binding.position } } : open };
    };

    /** A connection of a named watcher works at once, or stands by where another one does and it asked to wait. */
    const employ = (session: SessionState, watcher: { name: string; standby: boolean }, socket: WatchSocket): void => {
      session.named = {
        name: watcher.name,
        epoch: 0,
        done: 0,
        saved: 0,
        savedAt: 0,
        told: false,
        inside: session.pos,
      };
      const candidate = {
        socket,
        state: session,
        filter: compileFilter(session.filter, core.namespace, frameTarget(session.window)),
        loading: false,
      };
      if (watcher.standby && engine.named.working(candidate)) {
        session.phase = "standby";
        return;
      }
      const { epoch, position } = named.takeOver(session.sub, watcher.name);
      session.named = { ...session.named, epoch, done: position, saved: position };
    };

    /** Bytes of the initial state, before selectors. */
    const stateBytes = (open: WatchOpen): number =>
      stateKinds(open.filter.kinds)
        .map((kind) => first<{ n: number | null }>(ctx.storage.sql, KIND_BYTES, kind)?.n ?? 0)
        .reduce((sum, bytes) => sum + bytes, 0);

    return {
      async upgrade(request) {
        const header = request.headers.get(OPEN_HEADER);
        if (header === null) return new Response("a ledger takes watch upgrades from the Worker only", { status: 400 });
        return accept(decodeOpen(header));
      },
      message(socket, text) {
        if (ofLeases(socket)) leaseWatches.received(socket, String(text));
        else if (typeof text === "string") engine.receive(wrapped(socket), text);
        else {
          for (const live of engine.sessions()) {
            if (live.socket === wrapped(socket))
              engine.finish(live, { why: "badFrame", message: "client frames are text, not binary" });
          }
        }
      },
      closed(socket) {
        if (!ofLeases(socket)) engine.closed(wrapped(socket));
      },
      committed: (entries) => engine.committed(entries),
      leaseChanged: (change) => leaseWatches.changed(change),
      tend(at) {
        const due = [tend(engine, at, store.head).at, leaseWatches.tend(at)].filter((time) => time !== undefined);
        return due.length === 0 ? undefined : Math.min(...due);
      },
      closeAll(who) {
        let closed = leaseWatches.closeAll(who);
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
      drain(spreadMs) {
        const retryAfterMs = (): number => Math.floor(fraction(core.random) * spreadMs);
        return leaseWatches.drain(retryAfterMs) + engine.drain(retryAfterMs);
      },
      watchers() {
        const sessions = [...engine.sessions()].filter(({ state }) => state.named !== null);
        return named.all().map((watcher) => {
          const mine = sessions.filter(({ state }) => state.sub === watcher.sub && state.named?.name === watcher.name);
          const position = Math.max(watcher.position, ...mine.map(({ state }) => state.named?.done ?? 0));
          const lag = named.lag(position);
          return {
            name: watcher.name,
            subject: watcher.sub,
            query: JSON.parse(watcher.query) as Record<string, unknown>,
            position: String(position),
            epoch: watcher.epoch,
            lagEvents: lag.events,
            lagSeconds: lag.seconds,
            connected: mine.some(({ state }) => state.phase !== "standby"),
            standby: mine.filter(({ state }) => state.phase === "standby").length,
            lastUsed: new Date(watcher.used).toISOString(),
          };
        });
      },
      removeWatcher(name, sub) {
        const removed = named.remove(name, sub);
        for (const live of [...engine.sessions()]) {
          const { state } = live;
          if (!removed.some((row) => row.name === state.named?.name && row.sub === state.sub)) continue;
          state.named = null; // nobody takes over a watcher that is gone
          engine.finish(live, { why: "gone", message: "the watcher was deleted" });
        }
        return removed.length;
      },
      fenced: (sub, name, epoch) => named.fenced(sub, name, epoch),
      forget: () => named.forgetUnused(),
      stats() {
        let connected = leaseWatches.count;
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
