/**
 * The campaign against the real server: writers over HTTP, watchers over the network, `kill -9` of the whole process and
 * its restart at random moments. The log is read from the dead server's files; the checks are the same.
 */
import { TestServer } from "../../e2e/support/server.ts";
import { Client } from "../campaign/client.ts";
import { CHANNEL, labelsOf, selectionOf } from "../campaign/content.ts";
import { Draw } from "../campaign/draw.ts";
import type { Outcome } from "../campaign/outcome.ts";
import { converged } from "../checks/converged.ts";
import { checkAll } from "../checks/index.ts";
import { windowWhole } from "../checks/window.ts";
import { type Connection, type Effect, MARK, type Start, type WriteOutcome } from "../history.ts";
import { LogModel } from "../model.ts";
import { eventsOf, read } from "../reading.ts";
import { Recorder } from "../recorder.ts";
import { GIT_EVENT } from "../selection.ts";
import { events } from "../transports/events.ts";
import { frames } from "../transports/frames.ts";
import { lines } from "../transports/lines.ts";
import { KINDS } from "../transports/paths.ts";
import { Cutter } from "./cutter.ts";
import { NodeDial } from "./dial.ts";
import { readDead } from "./reference.ts";

const NAMESPACE = "robustness";
const CHANNELS = `/apis/release.gitstore.dev/v1beta1/namespaces/${NAMESPACE}/channels`;
const WRITERS = 3;
const WATCHERS = 9;
const KILLS = 4;
/** Writes between two deaths of the process. */
const WRITES = { least: 20, most: 80 };
/** How long clients may take to come to the log's end after the last restart. */
const SETTLE_MS = 20_000;
const ROUND_MS = 50;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function killCampaign(seed: number): Promise<Outcome> {
  const draw = new Draw(seed);
  // A tail of a few events, so that resumes go to D1 as well.
  const server = await TestServer.start({ vars: { TAIL_EVENTS: String(draw.between(5, 60)), TAIL_MINUTES: "0" } });
  const { port } = server;
  const cutter = await Cutter.start(() => port);
  try {
    return await new KillRun(seed, draw, server, cutter, await server.admin()).run();
  } finally {
    await cutter.stop();
    await server.stop();
  }
}

class KillRun {
  readonly #seed: number;
  readonly #draw: Draw;
  readonly #server: TestServer;
  readonly #cutter: Cutter;
  readonly #dial: NodeDial;
  readonly #recorder = new Recorder();
  readonly #problems: string[] = [];
  readonly #clients: Client[] = [];
  readonly #operations = new Map<string, number>();
  #marks = 0;
  #writes = 0;
  #writing = true;

  constructor(seed: number, draw: Draw, server: TestServer, cutter: Cutter, token: string) {
    this.#seed = seed;
    this.#draw = draw;
    this.#server = server;
    this.#cutter = cutter;
    this.#dial = new NodeDial(cutter.url, token);
  }

  async run(): Promise<Outcome> {
    const spec = { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name: NAMESPACE }, spec: {} };
    const made = await this.#dial.request("POST", "/apis/gitstore.dev/v1beta1/namespaces", spec);
    if (made.status !== 201) throw new Error(`the namespace was answered ${made.status}`);
    const writers = Array.from({ length: WRITERS }, (_, i) => this.#write(new Draw(this.#seed * 1_000 + i)));
    for (let i = 0; i < WATCHERS; i++) this.#watch();
    const kills: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) kills.push(this.#draw.between(WRITES.least, WRITES.most));
    for (const writes of kills) {
      await this.#meanwhile(this.#writes + writes);
      this.#count("kill -9");
      await this.#server.kill();
      await this.#server.restart();
    }
    await this.#meanwhile(this.#writes + WRITES.least);
    this.#writing = false;
    await Promise.all(writers);
    return this.#finish();
  }

  /** Watchers are cut, held and resumed until so many writes were made. */
  async #meanwhile(until: number): Promise<void> {
    const draw = this.#draw;
    while (this.#writes < until) {
      for (const client of this.#clients) if (!client.connected) await client.connect();
      const client = draw.one(this.#clients);
      const action = draw.weighted({ cut: 3, cutBehind: 3, cutBytes: 5, hold: 1, release: 3, nothing: 5 });
      this.#count(action);
      if (action === "cut") client.cut();
      else if (action === "cutBehind") client.cut(draw.between(1, 6));
      else if (action === "cutBytes") this.#cutter.cutOne((count) => draw.below(count), draw.between(1, 2_000));
      else if (action === "hold") client.setCredit("held");
      else if (action === "release") for (const each of this.#clients) each.setCredit("prompt");
      await wait(draw.between(1, 10));
    }
  }

  #count(what: string): void {
    this.#operations.set(what, (this.#operations.get(what) ?? 0) + 1);
  }

  #watch(): void {
    const draw = this.#draw;
    const transport = draw.weighted({ frames: 4, events: 2, lines: 2 });
    const chosen = { frames, events, lines }[transport];
    const drawn = selectionOf(draw, chosen.manyKinds);
    // What is written here are Channels: a watch of one kind only is one of them.
    const selection = chosen.manyKinds ? drawn : { ...drawn, kinds: [CHANNEL], fields: [] };
    const start: Start = draw.chance(60) ? { from: "rv", rv: 1 } : { from: "state" };
    const name = `client ${this.#clients.length + 1}`;
    this.#clients.push(
      new Client(
        {
          name,
          transport: chosen,
          selection,
          start,
          credit: "prompt",
          window: 256 * 1_024,
          ...(transport === "frames" ? { compact: draw.chance(50), named: draw.chance(40) } : {}),
        },
        { namespace: NAMESPACE, dial: this.#dial, recorder: this.#recorder },
      ),
    );
  }

  /** One writer: a request at a time, each recorded, on names of everybody's. */
  async #write(draw: Draw): Promise<void> {
    while (this.#writing) {
      const name = `c${draw.below(12)}`;
      const method = draw.one(["POST", "PUT", "PUT", "DELETE"] as const);
      this.#marks += 1;
      const mark = `m${this.#marks}`;
      const key = `${CHANNEL}/${name}`;
      const effects: Effect[] = method === "DELETE" ? [{ does: "delete", key }] : [{ does: "put", key, mark }];
      // Read, then written: another writer may come between, and then this one is refused.
      const resourceVersion = method === "PUT" ? await this.#versionOf(name) : undefined;
      const metadata = { name, labels: labelsOf(draw), annotations: { [MARK]: mark }, resourceVersion };
      const body = { apiVersion: "release.gitstore.dev/v1beta1", kind: "Channel", metadata, spec: {} };
      const outcome = await this.#recorder.write(effects, () =>
        this.#send(
          method,
          method === "POST" ? CHANNELS : `${CHANNELS}/${name}`,
          method === "DELETE" ? undefined : body,
        ),
      );
      this.#count(`${method}: ${outcome.known}`);
      // The server is down: it is asked again when it may be up.
      if (outcome.known === "unknown") await wait(100);
      else this.#writes += 1;
    }
  }

  async #versionOf(name: string): Promise<string> {
    try {
      const { body } = await this.#dial.json(`${CHANNELS}/${name}`);
      return (body as { metadata?: { resourceVersion?: string } }).metadata?.resourceVersion ?? "1";
    } catch {
      return "1"; // the server is down, and the write will find it so
    }
  }

  async #send(method: string, path: string, body: unknown): Promise<WriteOutcome> {
    try {
      const answer = await this.#dial.request(method, path, body);
      const told = answer.body as { metadata?: { resourceVersion?: string }; details?: unknown; reason?: string };
      if (answer.status >= 500) return { known: "unknown", why: String(answer.status) };
      if (answer.status >= 300) return { known: "refused", why: `${answer.status} ${told.reason}` };
      return { known: "applied", rv: Number(told.metadata?.resourceVersion) };
    } catch (error) {
      return { known: "unknown", why: String(error) };
    }
  }

  async #finish(): Promise<Outcome> {
    this.#cutter.heal();
    const head = await this.#head();
    const settled = await this.#settle(head);
    // Dead, so that nothing but what was durable is read.
    await this.#server.kill();
    const { tail, window, flushed } = readDead(this.#server.stateDir, NAMESPACE);
    const rows = new Map([...window, ...tail].map((change) => [change.rv, change]));
    const log = new LogModel([...rows.values()].sort((a, b) => a.rv - b.rv));
    if (!settled) for (const client of this.#clients) if (!client.reached(log)) this.#stuck(client, log.head);
    const flushedTail = tail.filter(({ rv }) => rv <= flushed);
    const found = [
      ...checkAll(this.#recorder, log),
      ...converged(this.#recorder, log),
      ...windowWhole(window, flushedTail, log, flushed),
    ];
    const violations = [...this.#problems, ...found.map(({ promise, message }) => `${promise}\n    ${message}`)];
    return {
      seed: this.#seed,
      operations: this.#operations,
      faults: new Map([
        ["the process: kill -9", this.#operations.get("kill -9") ?? 0],
        ["the network: cut after some bytes", this.#cutter.cuts],
      ]),
      connections: this.#recorder.connections.length,
      resumes: this.#clients.reduce((sum, { resumed }) => sum + resumed, 0),
      replays: 0, // inside the server, where nobody counts
      compacted: this.#recorder.compacted,
      named: this.#recorder.connections.filter(({ watcher }) => watcher !== undefined).length,
      events: this.#recorder.events,
      changes: log.changes.length,
      violations: [...new Set(violations)],
    };
  }

  #stuck(client: Client, head: number): void {
    this.#problems.push(`${client.name} did not come to the log's end, ${head}`);
  }

  async #head(): Promise<number> {
    for (let tries = 1; ; tries++) {
      try {
        const { body } = await this.#dial.json(`${CHANNELS}?limit=1`);
        return Number((body as { metadata: { resourceVersion: string } }).metadata.resourceVersion);
      } catch (error) {
        // A connection that is kept for the next request may be one that was cut.
        if (tries === 5) throw error;
      }
    }
  }

  /** Every client resumes once more and comes to the head; one that reads everything tells what that is for each. */
  async #settle(head: number): Promise<boolean> {
    const until = Date.now() + SETTLE_MS;
    const reader = new Client(
      {
        name: "reader of everything",
        transport: frames,
        selection: { kinds: KINDS.map(({ key }) => key), labels: [], fields: [] },
        start: { from: "rv", rv: 1 },
        credit: "prompt",
        window: 1_024 * 1_024,
      },
      { namespace: NAMESPACE, dial: this.#dial, recorder: this.#recorder },
    );
    for (const client of this.#clients) {
      client.cut();
      client.setCredit("prompt");
    }
    this.#clients.push(reader);
    while (Date.now() < until) {
      for (const client of this.#clients) await client.connect();
      const log = reader.connection && logOf(reader.connection);
      if (log && log.head >= head && this.#clients.every((client) => client.reached(log))) return true;
      await wait(ROUND_MS);
    }
    return false;
  }
}

/** The log as a watch of everything from its beginning tells it: enough to know how far each client has to come. */
function logOf(connection: Connection): LogModel {
  return new LogModel(
    eventsOf(read(connection)).map(({ type, rv, key, object }) => ({
      rv,
      type: key.startsWith(GIT_EVENT) ? "LOGGED" : type,
      key,
      object,
    })),
  );
}
