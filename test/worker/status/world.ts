/** A namespace inside workerd, for the status suite: objects come by pushes, and three transports watch. */

import type { Grant } from "../../../src/auth/grants.ts";
import { parseSigningKeys } from "../../../src/auth/keys.ts";
import { mintToken } from "../../../src/auth/tokens.ts";
import { registryWith } from "../../../src/resource/registry.ts";
import type { JsonObject, Resource } from "../../../src/resource/types.ts";
import { fileOf, GADGETS_YAML } from "../../conformance/status/kinds.ts";
import type {
  Observation,
  Seen,
  StatusTransport,
  StatusWorld,
  TestKind,
  TestObject,
  Writer,
} from "../../conformance/status/types.ts";
import { Client, EventStream, type Event as GraphqlEvent, WATCH } from "../graphql/client.ts";
import { ask } from "../support/http.ts";
import {
  bindings,
  candidateOf,
  controlsOfLedger,
  headOf,
  newLedger,
  push,
  type TestLedger,
} from "../support/ledger.ts";
import { LineStream } from "../support/lines.ts";

const definition = candidateOf(".gitstore/gadgets.yaml", GADGETS_YAML, "any").resource.spec as JsonObject;
const registry = registryWith([{ spec: definition }]);
/** Longer than the suite moves the clock. */
const TTL_SECONDS = 30 * 24 * 3_600;

export class WorkerWorld implements StatusWorld {
  readonly kind: TestKind;
  readonly ledger: TestLedger;
  /** Tokens by writer. */
  readonly #tokens = new Map<string, Promise<string>>();
  readonly #transport: StatusTransport | undefined;
  #titles = 0;
  #sentinels = 0;

  private constructor(kind: TestKind, ledger: TestLedger, transport: (world: WorkerWorld) => StatusTransport) {
    this.kind = kind;
    this.ledger = ledger;
    this.#transport = transport(this);
  }

  static async open(kind: TestKind, transport: (world: WorkerWorld) => StatusTransport): Promise<WorkerWorld> {
    const ledger = await newLedger("status");
    await push(ledger, { files: { ".gitstore/gadgets.yaml": GADGETS_YAML } });
    return new WorkerWorld(kind, ledger, transport);
  }

  get transport(): StatusTransport {
    if (!this.#transport) throw new Error("the transport is not made yet");
    return this.#transport;
  }

  get namespace(): string {
    return this.ledger.name;
  }

  /** The collection of a kind in the suite's group; an object; its status. */
  path(name?: string, plural = this.kind.plural): string {
    const collection = `/apis/${this.kind.apiVersion}/namespaces/${this.namespace}/${plural}`;
    return name === undefined ? collection : `${collection}/${name}`;
  }

  /** Undefined for one that has none. */
  async token(writer: Writer): Promise<string | undefined> {
    if (writer.may === "anonymous") return undefined;
    const key = `${writer.may} ${writer.sub}`;
    let token = this.#tokens.get(key);
    if (!token) {
      token = mintToken(parseSigningKeys(bindings.TOKEN_SIGNING_KEY), {
        sub: writer.sub,
        jti: crypto.randomUUID(),
        grants: this.#grants(writer),
        ttlSeconds: TTL_SECONDS,
        now: Date.now(),
      });
      this.#tokens.set(key, token);
    }
    return await token;
  }

  #grants({ may }: Writer): Grant[] {
    const namespaces = [may === "elsewhere" ? "elsewhere" : this.namespace];
    const { plural } = this.kind;
    const reading: Grant = { namespaces, resources: [plural], verbs: ["get", "list", "watch"] };
    if (may === "watch") return [reading];
    if (may === "admin") return [{ namespaces, resources: ["*"], verbs: ["admin"] }];
    return [reading, { namespaces, resources: [`${plural}/status`], verbs: ["update"] }];
  }

  async #push(name: string): Promise<TestObject> {
    const text = fileOf(this.kind, name, `Title ${++this.#titles}`);
    await push(this.ledger, { files: { [`${name}.md`]: text }, registry });
    return await this.read(name);
  }

  async make(name: string): Promise<TestObject> {
    return await this.#push(name);
  }

  async change(name: string): Promise<TestObject> {
    return await this.#push(name);
  }

  async remove(name: string): Promise<void> {
    await push(this.ledger, { deletes: { [`${name}.md`]: { kind: this.#key(), name } } });
  }

  async read(name: string): Promise<TestObject> {
    const found = await this.ledger.stub.get(this.#key(), name);
    if (found.ok) return JSON.parse(found.value) as TestObject;
    // What is written next to a missing object has no RV to name.
    throw new Error(`there is no ${name}: ${JSON.stringify(found.error)}`);
  }

  #key(): string {
    return `${this.kind.kind}.${this.kind.apiVersion.slice(0, this.kind.apiVersion.indexOf("/"))}`;
  }

  async head(): Promise<number> {
    return await headOf(this.ledger);
  }

  advance(ms: number): void {
    const controls = controlsOfLedger(this.ledger);
    controls.clockAheadMs = (controls.clockAheadMs ?? 0) + ms;
  }

  /** Every way to watch: our protocol, a plain WebSocket, chunked HTTP, and GraphQL's two; each told to begin now. */
  async observe(): Promise<Observation> {
    const token = (await this.token({ sub: "user:observer", may: "watch" })) ?? "";
    const from = await this.head();
    const query = `watch=1&resourceVersion=${from}`;
    const watches = {
      "gitstore.watch.v1": await socketWatch(token, `${this.path()}?${query}`, "gitstore.watch.v1"),
      WebSocket: await socketWatch(token, `${this.path()}?${query}`, undefined),
      "/watch/v1": await socketWatch(
        token,
        `/watch/v1/namespaces/${this.namespace}?kind=${this.kind.plural}&resourceVersion=${from}`,
        "gitstore.watch.v1",
      ),
      HTTP: await lineWatch(token, `${this.path()}?${query}`),
      "/watch/v1 over HTTP": await lineWatch(
        token,
        `/watch/v1/namespaces/${this.namespace}?kind=${this.kind.plural}&resourceVersion=${from}`,
      ),
      "graphql-transport-ws": await subscription(token, this.#asked(from)),
      "GraphQL over server-sent events": await eventStream(token, this.#asked(from)),
    };
    return {
      settle: async () => {
        const sentinel = `sentinel-${++this.#sentinels}`;
        await this.make(sentinel);
        const seen: Record<string, Seen[]> = {};
        for (const [transport, watch] of Object.entries(watches)) seen[transport] = await watch.until(sentinel);
        return seen;
      },
    };
  }

  #asked(from: number): Record<string, string> {
    return { kind: this.kind.kind, ns: this.namespace, rv: String(from) };
  }
}

interface Watching {
  /** Everything up to the object's ADDED; then the watch is closed. */
  until(name: string): Promise<Seen[]>;
}

interface WatchEvent {
  type: string;
  object: Pick<Resource, "metadata">;
}

const seenOf = ({ type, object }: WatchEvent): Seen => ({
  type,
  name: object.metadata.name,
  rv: object.metadata.resourceVersion,
});

async function socketWatch(token: string, path: string, protocol: string | undefined): Promise<Watching> {
  const headers = { upgrade: "websocket", ...(protocol ? { "sec-websocket-protocol": protocol } : {}) };
  const { webSocket } = await ask(token, path, { headers });
  if (!webSocket) throw new Error(`no socket for ${path}`);
  const seen: Seen[] = [];
  let wake: () => void = () => undefined;
  webSocket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as WatchEvent | { sent: number; events?: WatchEvent[] };
    if ("sent" in message) {
      webSocket.send(JSON.stringify({ ack: message.sent }));
      seen.push(...(message.events ?? []).map(seenOf));
    } else seen.push(seenOf(message));
    wake();
  });
  webSocket.accept();
  return {
    async until(name) {
      while (!seen.some((event) => event.name === name)) await new Promise<void>((resolve) => (wake = resolve));
      webSocket.close(1000);
      return seen;
    },
  };
}

async function lineWatch(token: string, path: string): Promise<Watching> {
  const stream = await LineStream.open(token, path);
  return {
    async until(name) {
      const seen: Seen[] = [];
      while (!seen.some((event) => event.name === name)) {
        const event = await stream.next();
        if (!event) throw new Error("the watch ended");
        if (event.type !== "BOOKMARK") seen.push(seenOf(event as WatchEvent));
      }
      await stream.close();
      return seen;
    },
  };
}

const subscribed = ({ type, name, resourceVersion }: GraphqlEvent): Seen => ({ type, name, rv: resourceVersion });

async function subscription(token: string, variables: Record<string, string>): Promise<Watching> {
  const client = await Client.ready(token);
  const watched = client.subscribe(WATCH, variables);
  return {
    async until(name) {
      await client.until(() => watched.events.some((event) => event.name === name) || watched.isOver);
      client.close();
      return watched.events.filter(({ type }) => type !== "BOOKMARK").map(subscribed);
    },
  };
}

async function eventStream(token: string, variables: Record<string, string>): Promise<Watching> {
  const stream = await EventStream.open(token, WATCH, variables);
  return {
    async until(name) {
      const seen: Seen[] = [];
      while (!seen.some((event) => event.name === name)) {
        const sent = (await stream.next()) as { data: { data: { watchResources: GraphqlEvent } } } | undefined;
        if (!sent) throw new Error("the stream ended");
        const event = sent.data.data.watchResources;
        if (event.type !== "BOOKMARK") seen.push(subscribed(event));
      }
      await stream.close();
      return seen;
    },
  };
}
