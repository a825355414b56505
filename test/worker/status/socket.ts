/** `{"id","status"}` frames on an open `gitstore.watch.v1` socket, as a transport of the status suite. */
import { inputFields } from "../../conformance/status/encode.ts";
import type { Answer, StatusTransport, TestObject, Trait, Writer } from "../../conformance/status/types.ts";
import { ask } from "../support/http.ts";
import { answerOf } from "./rest.ts";
import type { WorkerWorld } from "./world.ts";

export const SOCKET_TRAITS: ReadonlySet<Trait> = new Set<Trait>([
  "replacesOwn",
  "wholeObject",
  "force",
  "fieldManager",
  "idempotencyKey",
  "identity",
]);

interface Frame {
  id?: string;
  sent?: number;
  result?: TestObject;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever is there, and fails where it is not.
  [key: string]: any;
}

/** One connection; answers are matched by id. */
export class StatusSocket {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, (frame: Frame) => void>();
  readonly closed: Promise<{ code: number }>;
  /** The frames that are no answers, in order. */
  readonly frames: Frame[] = [];
  ack = true;
  #ids = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.addEventListener("close", ({ code }) => resolve({ code })));
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.id !== undefined) this.#waiting.get(frame.id)?.(frame);
      else this.frames.push(frame);
      if (frame.sent !== undefined && frame.error === undefined && this.ack) this.send({ ack: frame.sent });
    });
    socket.accept();
  }

  static async open(world: WorkerWorld, writer: Writer, query = ""): Promise<StatusSocket> {
    const { webSocket } = await ask(
      await world.token(writer),
      `/watch/v1/namespaces/${world.namespace}?kind=${world.kind.plural}&sendInitialEvents=false${query}`,
      { headers: { upgrade: "websocket", "sec-websocket-protocol": "gitstore.watch.v1" } },
    );
    if (!webSocket) throw new Error("no socket");
    return new StatusSocket(webSocket);
  }

  send(frame: unknown): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** The answer; undefined where the connection closes without one. */
  async ask(status: unknown): Promise<Frame | undefined> {
    const id = `w${++this.#ids}`;
    const answer = new Promise<Frame>((resolve) => this.#waiting.set(id, resolve));
    this.send({ id, status });
    return await Promise.race([answer, this.closed.then(() => undefined)]);
  }

  close(): void {
    this.#socket.close(1000);
  }
}

export function socket(world: WorkerWorld): StatusTransport {
  const sockets = new Map<string, Promise<StatusSocket>>();
  return {
    name: "socket",
    traits: SOCKET_TRAITS,
    async write(writer, write): Promise<Answer> {
      const key = `${writer.may} ${writer.sub}`;
      const opened = sockets.get(key) ?? StatusSocket.open(world, writer);
      sockets.set(key, opened);
      const connection = await opened;
      const answer = await connection.ask(inputFields(world.kind, world.namespace, write)).catch(() => undefined);
      if (answer) return read(answer);
      const { code } = await connection.closed;
      const text = JSON.stringify(connection.frames);
      return { outcome: "refused", code: code === 4401 ? "UNAUTHENTICATED" : "FORBIDDEN", text };
    },
  };
}

export function read(answer: Frame): Answer {
  if (answer.result) return { outcome: "accepted", object: answer.result };
  if (answer.conflict) return { outcome: "conflict", conflict: { ...answer.conflict, text: JSON.stringify(answer) } };
  const body = answer.refused;
  return answerOf({ status: body.code, body, text: JSON.stringify(body) });
}
