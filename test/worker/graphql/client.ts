import { createExecutionContext } from "cloudflare:test";
import { createApp } from "../../../src/http/app.ts";
import { ask } from "../support/http.ts";
import { bindings } from "../support/ledger.ts";
import type { Told } from "./support.ts";

export interface Message {
  id?: string;
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever is there, and fails where it is not.
  payload?: any;
}

export interface Event {
  type: string;
  kind: string;
  namespace: string | null;
  name: string;
  resourceVersion: string;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  object: any;
}

/** A graphql-transport-ws client that does nothing by itself but answer pings, where it is told to. */
export class Client {
  readonly messages: Message[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  isClosed = false;
  pongs = true;
  readonly #socket: WebSocket;
  #waiters: (() => void)[] = [];
  #ids = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => {
        this.isClosed = true;
        resolve({ code, reason });
        this.#wake();
      });
    });
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(String(data)) as Message;
      if (message.type === "ping" && this.pongs && !this.isClosed) this.send({ type: "pong" });
      this.messages.push(message);
      this.#wake();
    });
    socket.accept();
  }

  static async open(
    options: {
      headers?: Record<string, string>;
      env?: Parameters<typeof ask>[2] extends infer A ? (A extends { env?: infer E } ? E : never) : never;
    } = {},
  ): Promise<Client> {
    const headers = { upgrade: "websocket", "sec-websocket-protocol": "graphql-transport-ws", ...options.headers };
    const { webSocket, status } = await ask(undefined, "/graphql", {
      headers,
      ...(options.env ? { env: options.env } : {}),
    });
    if (!webSocket) throw new Error(`no socket: ${status}`);
    return new Client(webSocket);
  }

  /** Connected and acknowledged. */
  static async ready(
    token: string,
    options: Parameters<typeof Client.open>[0] & { pongs?: boolean } = {},
  ): Promise<Client> {
    const client = await Client.open(options);
    client.pongs = options.pongs ?? true;
    client.send({ type: "connection_init", payload: { Authorization: `Bearer ${token}` } });
    await client.until(() => client.messages.some(({ type }) => type === "connection_ack") || client.isClosed);
    return client;
  }

  send(message: unknown): void {
    this.#socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  close(): void {
    this.isClosed = true;
    this.#socket.close(1000, "done");
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  subscribe(query: string, variables?: Record<string, unknown>): Subscription {
    this.#ids += 1;
    const id = String(this.#ids);
    this.send({ id, type: "subscribe", payload: { query, ...(variables ? { variables } : {}) } });
    return new Subscription(this, id);
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

export class Subscription {
  readonly client: Client;
  readonly id: string;

  constructor(client: Client, id: string) {
    this.client = client;
    this.id = id;
  }

  get messages(): Message[] {
    return this.client.messages.filter(({ id }) => id === this.id);
  }

  get events(): Event[] {
    return this.messages.flatMap(({ type, payload }) =>
      type === "next" && payload.data ? [Object.values(payload.data)[0] as Event] : [],
    );
  }

  /** `ADDED acme/shirt`; BOOKMARKs as such. */
  get told(): string[] {
    return this.events.map(({ type, namespace, name }) =>
      type === "BOOKMARK" ? type : `${type} ${namespace ?? ""}/${name}`,
    );
  }

  get errors(): Told[] {
    return this.messages.flatMap(({ type, payload }) => (type === "error" ? payload : (payload?.errors ?? [])));
  }

  get isOver(): boolean {
    return this.messages.some(({ type }) => type === "complete" || type === "error");
  }

  get cursor(): string {
    return this.events.at(-1)?.resourceVersion ?? "";
  }

  async untilTold(count: number): Promise<string[]> {
    await this.client.until(() => this.events.length >= count || this.isOver || this.client.isClosed);
    return this.told;
  }

  async untilOver(): Promise<Told[]> {
    await this.client.until(() => this.isOver || this.client.isClosed);
    return this.errors;
  }

  stop(): void {
    this.client.send({ id: this.id, type: "complete" });
  }
}

export const WATCH = `subscription($kind: String!, $ns: String, $selector: LabelSelectorInput, $rv: String) {
  watchResources(kind: $kind, namespace: $ns, selector: $selector, resourceVersion: $rv) { type kind namespace name resourceVersion object } }`;

export interface Sent {
  event: string;
  data: unknown;
}

/** Server-sent events, read one at a time. */
export class EventStream {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #text = "";

  constructor(response: Response) {
    this.response = response;
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
  }

  static async open(
    token: string,
    query: string,
    variables: Record<string, unknown>,
    method: "GET" | "POST" = "POST",
  ): Promise<EventStream> {
    const headers = {
      accept: "text/event-stream",
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
    };
    const search = new URLSearchParams({ query, variables: JSON.stringify(variables) });
    const url = `https://edge.test/graphql${method === "GET" ? `?${search}` : ""}`;
    const body = method === "GET" ? {} : { body: JSON.stringify({ query, variables }) };
    const request = new Request(url, { method, headers, ...body });
    return new EventStream(await createApp().fetch(request, bindings, createExecutionContext()));
  }

  /** The next event; comments are passed over. Undefined at the end. */
  async next(): Promise<Sent | undefined> {
    const decoder = new TextDecoder();
    for (;;) {
      for (let end = this.#text.indexOf("\n\n"); end >= 0; end = this.#text.indexOf("\n\n")) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        const event = /^event: (.*)$/m.exec(block)?.[1];
        const data = /^data: ?(.*)$/m.exec(block)?.[1] ?? "";
        if (event !== undefined) return { event, data: data === "" ? null : JSON.parse(data) };
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += decoder.decode(value, { stream: true });
    }
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}
