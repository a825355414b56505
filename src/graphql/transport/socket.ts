/** A graphql-transport-ws connection, held by the stateless Worker: the ledgers behind it sleep between events. */
import { authenticate, authenticateToken } from "../../auth/authenticate.ts";
import { bearerOf, protocolsOf } from "../../auth/bearer.ts";
import type { Identity, Verified } from "../../auth/identity.ts";
import { revocationsOf } from "../../auth/revocations.ts";
import type { AppContext } from "../../http/context.ts";
import { utf8Length } from "../../resource/canonical.ts";
import { log } from "../../telemetry/log.ts";
import { closeReason } from "../../watch/status.ts";
import type { GraphContext } from "../context.ts";
import { failure, tidied } from "../errors.ts";
import { MAX_BODY_BYTES } from "../limits.ts";
import { Credit } from "./credit.ts";
import { CLOSE, type ClientMessage, PROTOCOL, readMessage, type Subscribe } from "./messages.ts";
import { startOperation } from "./operation.ts";

/** As upstream's server and graphql-ws have it. */
const INIT_WITHIN_MS = 3_000;
const TICK_MS = 1_000;
/** More subscriptions than this are more connections. */
const MAX_OPERATIONS = 64;

interface Operation {
  stream?: AsyncIterator<unknown>;
  isCancelled: boolean;
  flow: { overflowed: boolean };
}

export function serveSocket(c: AppContext): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  if (!protocolsOf(c.req.raw.headers).includes(PROTOCOL)) {
    server.close(CLOSE.SubprotocolNotAcceptable, "Subprotocol not acceptable: offer graphql-transport-ws");
    return new Response(null, { status: 101, webSocket: client });
  }
  new Connection(c, server).start();
  return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": PROTOCOL } });
}

class Connection {
  readonly #c: AppContext;
  readonly #socket: WebSocket;
  readonly #credit = new Credit(Date.now());
  readonly #operations = new Map<string, Operation>();
  #initialising = false;
  #identity: Identity | undefined;
  #isOpen = true;
  #waiting: (() => void)[] = [];
  #tick: ReturnType<typeof setInterval> | undefined;

  constructor(c: AppContext, socket: WebSocket) {
    this.#c = c;
    this.#socket = socket;
  }

  start(): void {
    const until = Date.now() + INIT_WITHIN_MS;
    this.#tick = setInterval(() => this.#ticked(until), TICK_MS);
    this.#socket.addEventListener("message", ({ data }) => {
      this.#received(data).catch((error) => this.#failed(error));
    });
    this.#socket.addEventListener("close", () => this.#ended());
    this.#socket.addEventListener("error", () => this.#ended());
  }

  async #received(data: unknown): Promise<void> {
    if (!this.#isOpen) return;
    if (typeof data === "string" && utf8Length(data) > MAX_BODY_BYTES)
      return this.#close(CLOSE.BadRequest, `a message is at most ${MAX_BODY_BYTES} bytes`);
    const read = readMessage(data);
    if (!read.ok) return this.#close(CLOSE.BadRequest, `Invalid message: ${read.reason}`);
    const { message } = read;
    switch (message.type) {
      case "connection_init":
        return await this.#initialise(message.payload);
      case "ping":
        return this.#send({ type: "pong", ...("payload" in message ? { payload: message.payload } : {}) });
      case "pong":
        this.#credit.ponged();
        return this.#go();
      case "complete":
        return this.#cancel(message);
      case "subscribe":
        return await this.#subscribe(message);
    }
  }

  /** By the header of the upgrade, or by the payload, which is all that a browser can send. */
  async #initialise(payload: Record<string, unknown>): Promise<void> {
    if (this.#initialising) return this.#close(CLOSE.TooManyInitialisationRequests, "Too many initialisation requests");
    this.#initialising = true;
    const verified = await this.#verify(payload);
    if (!this.#isOpen) return;
    this.#c.set("verified", verified);
    if (!verified.ok) return this.#close(CLOSE.Unauthorized, `Unauthorized: ${verified.reason}`);
    this.#identity = verified.identity;
    this.#send({ type: "connection_ack" });
    // Answered at once by every client that answers at all: so it is known which of them do before there is much to send.
    this.#ping();
  }

  async #verify(payload: Record<string, unknown>): Promise<Verified> {
    const { env, req } = this.#c;
    const given = payload.Authorization ?? payload.authorization;
    if (given === undefined) return await authenticate(req.raw, env, Date.now());
    if (typeof given !== "string") return { ok: false, reason: "payload.Authorization is a string" };
    const bearer = bearerOf(new Headers({ authorization: given.includes(" ") ? given : `Bearer ${given}` }));
    if (bearer.found !== "token") return { ok: false, reason: 'payload.Authorization is not "Bearer <token>"' };
    return await authenticateToken(bearer.token, env, Date.now());
  }

  async #subscribe({ id, payload }: Subscribe): Promise<void> {
    const identity = this.#identity;
    if (!identity) return this.#close(CLOSE.Unauthorized, "Unauthorized: connection_init comes first");
    if (this.#operations.has(id))
      return this.#close(CLOSE.SubscriberAlreadyExists, `Subscriber for ${id} already exists`);
    if (this.#operations.size >= MAX_OPERATIONS)
      return this.#refuse(id, failure("RATE_LIMITED", `a connection has at most ${MAX_OPERATIONS} operations at once`));
    const operation: Operation = { isCancelled: false, flow: { overflowed: false } };
    this.#operations.set(id, operation);
    if (await this.#isOver(identity))
      return this.#close(CLOSE.Forbidden, "Forbidden: the token expired or was revoked");
    const graph: GraphContext = {
      c: this.#c,
      env: this.#c.env,
      identity,
      requestId: this.#c.get("requestId"),
      cache: new Map(),
      flow: operation.flow,
    };
    const started = await startOperation(graph, payload);
    if (started.is === "stream") {
      operation.stream = started.stream;
      if (operation.isCancelled) return void (await started.stream.return?.());
      return await this.#pump(id, operation, started.stream);
    }
    this.#operations.delete(id);
    if (operation.isCancelled) return;
    if (started.is === "error") return this.#send({ id, type: "error", payload: started.errors });
    this.#send({ id, type: "next", payload: started.result });
    this.#send({ id, type: "complete" });
  }

  async #isOver({ exp, jti, sub }: Identity): Promise<boolean> {
    return exp * 1000 <= Date.now() || (await revocationsOf(this.#c.env).revoked(jti, sub));
  }

  #refuse(id: string, error: ReturnType<typeof failure>): void {
    this.#send({ id, type: "error", payload: [tidied(error, { requestId: this.#c.get("requestId") })] });
  }

  /** Pulls while there is credit: what is not pulled stays in the ledgers' logs. */
  async #pump(
    id: string,
    operation: Operation,
    stream: AsyncIterator<{ errors?: readonly { extensions?: { code?: unknown } }[] }>,
  ) {
    for (;;) {
      await this.#mayGo(operation);
      const next = await stream.next();
      if (operation.isCancelled || !this.#isOpen) return;
      if (next.done) break;
      this.#send({ id, type: "next", payload: next.value });
      const isExpired = next.value.errors?.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED");
      if (isExpired) return this.#close(CLOSE.Forbidden, "Forbidden: the token expired or was revoked");
    }
    this.#operations.delete(id);
    this.#send({ id, type: "complete" });
  }

  async #mayGo(operation: Operation): Promise<void> {
    while (!this.#credit.left && !operation.flow.overflowed && !operation.isCancelled && this.#isOpen) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #go(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  #cancel({ id }: Extract<ClientMessage, { type: "complete" }>): void {
    const operation = this.#operations.get(id);
    if (!operation) return;
    this.#operations.delete(id);
    this.#abandon(operation);
  }

  #abandon(operation: Operation): void {
    operation.isCancelled = true;
    operation.stream?.return?.()?.catch(() => undefined);
    this.#go();
  }

  #ticked(initUntil: number): void {
    const now = Date.now();
    if (!this.#initialising && now >= initUntil)
      this.#close(CLOSE.ConnectionInitialisationTimeout, "Connection initialisation timeout");
    else if (this.#credit.isGone(now)) this.#close(1001, "no pong came for two minutes");
    else if (this.#credit.isStalled(now)) {
      // Each says where to go on, which is little; a client that reads again finds it at the end of what it missed.
      for (const { flow } of this.#operations.values()) flow.overflowed = true;
      this.#go();
    } else if (this.#identity && this.#credit.isIdle(now)) this.#ping();
  }

  #ping(): void {
    this.#write('{"type":"ping"}');
    this.#credit.pinged(Date.now());
  }

  #send(message: Record<string, unknown>): void {
    const text = JSON.stringify(message);
    this.#write(text);
    if (this.#credit.sent(utf8Length(text), Date.now())) this.#ping();
  }

  #write(text: string): void {
    if (!this.#isOpen) return;
    try {
      this.#socket.send(text);
    } catch {
      // Closed between the check and the send; its event is on the way.
    }
  }

  #failed(error: unknown): void {
    log("error", "a GraphQL connection failed", {
      requestId: this.#c.get("requestId"),
      error,
      stack: error instanceof Error ? error.stack : undefined,
    });
    this.#close(1011, `report it with the request id ${this.#c.get("requestId")}`);
  }

  #close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#stop();
    try {
      this.#socket.close(code, closeReason(reason));
    } catch {
      // The client went first.
    }
  }

  /** The client closed, or is gone: the closing handshake is the server's to finish. */
  #ended(): void {
    this.#stop();
    try {
      this.#socket.close(1000, "");
    } catch {
      // It is closed already.
    }
  }

  #stop(): void {
    this.#isOpen = false;
    clearInterval(this.#tick);
    for (const operation of this.#operations.values()) this.#abandon(operation);
    this.#operations.clear();
    this.#go();
  }
}
