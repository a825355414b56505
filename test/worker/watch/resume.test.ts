import { evictDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { bindings, headOf, newLedger, productText, push, type TestLedger } from "../support/ledger.ts";
import { random } from "../support/random.ts";
import { adminToken } from "../support/token.ts";
import { type WatchedEvent, watch } from "../support/watcher.ts";

const PRODUCT = "Product.catalog.gitstore.dev";
const ALL = [PRODUCT, "GitEvent.events.gitstore.dev", "Repository.gitstore.dev"];
const PUSHES = 200;
const CHANGES = 10;
const CUTS = 50;

const stubOf = (ledger: TestLedger): DurableObjectStub => bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name));

/** 2,000 changes in 200 pushes; `between` runs before each push. */
async function change(
  ledger: TestLedger,
  draw: (below: number) => number,
  between: (step: number) => Promise<void>,
): Promise<void> {
  const alive = new Set<string>();
  for (let step = 0; step < PUSHES; step++) {
    await between(step);
    const files: Record<string, string> = {};
    const deletes: Record<string, { kind: string; name: string }> = {};
    while (Object.keys(files).length + Object.keys(deletes).length < CHANGES) {
      const name = `p${draw(120)}`;
      if (`${name}.md` in files || `${name}.md` in deletes) continue;
      if (alive.has(name) && draw(4) === 0) {
        deletes[`${name}.md`] = { kind: PRODUCT, name };
        alive.delete(name);
      } else {
        files[`${name}.md`] = productText(name, `title ${step} ${"x".repeat(draw(3))}`);
        alive.add(name);
      }
    }
    await push(ledger, { files, deletes });
  }
}

/** The steps before which a watcher is cut: CUTS of them, drawn. */
function cutsOf(draw: (below: number) => number): Set<number> {
  const cuts = new Set<number>();
  while (cuts.size < CUTS) cuts.add(draw(PUSHES));
  return cuts;
}

const told = ({ type, object }: WatchedEvent): string =>
  `${type} ${object.kind}/${object.metadata.name}@${object.metadata.resourceVersion}`;

/** The state that a sequence of events leaves. */
function stateOf(events: readonly WatchedEvent[]): Map<string, string> {
  const state = new Map<string, string>();
  for (const { type, object } of events) {
    const key = `${object.kind}/${object.metadata.name}`;
    if (type === "DELETED") state.delete(key);
    else state.set(key, JSON.stringify(object));
  }
  return state;
}

describe("a watcher cut at random 50 times during 2,000 changes, resuming each time from its last RV", () => {
  it("ends over WebSocket with exactly the events and the state of one that was never cut, with evictions meanwhile", async () => {
    const ledger = await newLedger("resume-ws");
    const draw = random(11);
    const cuts = cutsOf(draw);
    const witness = await watch(ledger, { kinds: ALL });
    const seen: WatchedEvent[] = [];
    let watcher = await watch(ledger, { kinds: ALL });
    let resumed = 0;
    const cut = async (): Promise<void> => {
      await watcher.until(() => watcher.frames.length > 0);
      watcher.close();
      seen.push(...watcher.events);
      const rv = Number(watcher.frames.filter((frame) => !frame.partial).at(-1)?.rv);
      watcher = await watch(ledger, { kinds: ALL, start: { from: "rv", rv } });
      resumed += 1;
    };
    await change(ledger, draw, async (step) => {
      if (cuts.has(step)) await cut();
      if (step % 23 === 7) await evictDurableObject(stubOf(ledger), { webSockets: "hibernate" });
    });
    const head = await headOf(ledger);
    await witness.untilRv(head);
    await watcher.untilRv(head);
    seen.push(...watcher.events);
    expect(resumed).toBe(CUTS);
    expect(witness.events.length).toBeGreaterThan(2_000);
    expect(seen.map(told)).toEqual(witness.events.map(told));
    expect(stateOf(seen)).toEqual(stateOf(witness.events));
  });

  it("ends over HTTP with exactly the events and the state of one that was never cut, with evictions meanwhile", async () => {
    const ledger = await newLedger("resume-http");
    const draw = random(23);
    const cuts = cutsOf(draw);
    const witness = await watch(ledger, { kinds: [PRODUCT] });
    const seen: WatchedEvent[] = [];
    let stream = await LineWatch.open(ledger, "1");
    let resumed = 0;
    await change(ledger, draw, async (step) => {
      if (cuts.has(step)) {
        const rv = await stream.cut();
        seen.push(...stream.events);
        stream = await LineWatch.open(ledger, rv);
        resumed += 1;
      }
      if (step % 23 === 7) await evictDurableObject(stubOf(ledger), { webSockets: "hibernate" });
    });
    await witness.untilRv(await headOf(ledger));
    const last = Number(witness.events.at(-1)?.object.metadata.resourceVersion);
    await stream.until(last);
    seen.push(...stream.events);
    await stream.cut();
    expect(resumed).toBe(CUTS);
    expect(witness.events.length).toBeGreaterThan(1_500);
    expect(seen.map(told)).toEqual(witness.events.map(told));
    expect(stateOf(seen)).toEqual(stateOf(witness.events));
  });
});

/** A chunked HTTP watch of Products, read line by line. */
class LineWatch {
  readonly events: WatchedEvent[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #done: Promise<void>;
  #rv: string;
  #stopped = false;
  #wake: () => void = () => undefined;

  private constructor(body: ReadableStream<Uint8Array>, rv: string) {
    this.#rv = rv;
    this.#reader = body.getReader();
    this.#done = this.#read();
  }

  static async open(ledger: TestLedger, rv: string): Promise<LineWatch> {
    const url = `https://edge/apis/catalog.gitstore.dev/v1beta1/namespaces/${ledger.name}/products?watch=1&resourceVersion=${rv}`;
    const response = await (exports as unknown as { default: Fetcher }).default.fetch(
      new Request(url, { headers: { authorization: `Bearer ${await adminToken()}` } }),
    );
    if (response.status !== 200 || !response.body) throw new Error(`${response.status} ${await response.text()}`);
    return new LineWatch(response.body, rv);
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      // Cancelling is how this client leaves; a read that waits then rejects.
      const { value, done } = await this.#reader.read().catch(() => ({ value: undefined, done: true }));
      if (done) break;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "" || this.#stopped) continue;
        const event = JSON.parse(line) as WatchedEvent;
        this.events.push(event);
        this.#rv = event.object.metadata.resourceVersion;
      }
      this.#wake();
    }
    this.#wake();
  }

  async until(rv: number): Promise<void> {
    while (Number(this.#rv) < rv) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Leaves as a client does that is gone; returns the RV of the last whole event it had. */
  async cut(): Promise<string> {
    this.#stopped = true;
    await this.#reader.cancel();
    await this.#done;
    return this.#rv;
  }
}
