import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { random } from "../worker/support/random.ts";
import { product } from "./support/badFiles.ts";
import { Sender, waitFor } from "./support/deliveries.ts";
import { byPush, type CloudEvent, cloudEvents, moves, short } from "./support/log.ts";
import { Source } from "./support/source.ts";
import { EVERYTHING, Stage } from "./support/stage.ts";
import type { RecordingWatcher, WatchedEvent } from "./support/watcher.ts";

const MAIN = "refs/heads/main";
const CHANNELS = "/apis/release.gitstore.dev/v1beta1/namespaces";
/** Chooses the moments; another seed is another run. */
const SEED = 20_261_121;

let stage: Stage;
let source: Source;
beforeAll(async () => {
  stage = await Stage.set();
  source = await Source.create();
});
afterAll(async () => {
  await stage.strike();
  await source.remove();
});

const urlOf = (namespace: string): string => stage.git.url(`${namespace}-catalog`);
const nameOf = (push: number, at: number): string => `p${push}-${String(at).padStart(4, "0")}`;

async function open(namespace: string): Promise<{ sender: Sender; first: string }> {
  await stage.git.create(`${namespace}-catalog`);
  const first = await source.commit([{ path: "README.md", text: "# A catalogue\n" }], null, "Begin");
  await source.push(urlOf(namespace), { ref: MAIN, new: first });
  await stage.namespace(namespace);
  await stage.repository(namespace, "catalog");
  await stage.sync(namespace);
  return { sender: await Sender.of(stage, namespace), first };
}

async function applied(namespace: string): Promise<Record<string, string>> {
  const { status } = await stage.get(namespace, "repositories", "catalog");
  return (status?.applied ?? {}) as Record<string, string>;
}

/** Every change of the namespace, from its beginning. */
async function wholeLog(namespace: string): Promise<WatchedEvent[]> {
  const watcher = stage.watch(namespace, { kinds: [...EVERYTHING, "Channel"] });
  const head = await stage.head(namespace);
  await watcher.until(() => Number(watcher.rv) >= Number(head));
  watcher.close();
  return watcher.events;
}

const rvOf = ({ object }: WatchedEvent): number => Number(object.metadata.resourceVersion);

/** What clients were told and what they wrote, until the server is killed under them. */
class Clients {
  readonly written = new Map<string, string>();
  readonly #namespace: string;
  readonly #prefix: string;
  readonly #watcher: RecordingWatcher;
  readonly #writing: Promise<void>;
  #ended = false;

  /** @param from the RV up to which clients have been told already */
  constructor(namespace: string, prefix: string, from: string) {
    this.#namespace = namespace;
    this.#prefix = prefix;
    this.#watcher = stage.watch(namespace, { kinds: [...EVERYTHING, "Channel"], resourceVersion: from });
    this.#writing = this.#write();
  }

  /** Writes one Channel after another; what was answered 201 counts as acknowledged. */
  async #write(): Promise<void> {
    for (let n = 0; !this.#ended; n++) {
      const name = `${this.#prefix}-${n}`;
      const body = { apiVersion: "release.gitstore.dev/v1beta1", kind: "Channel", metadata: { name }, spec: {} };
      try {
        const made = await stage.must<{ metadata: { resourceVersion: string } }>(
          `${CHANNELS}/${this.#namespace}/channels`,
          { body },
        );
        this.written.set(name, made.metadata.resourceVersion);
        await pause(10);
      } catch {
        // The server is gone: whether this one was written is anybody's guess.
        return;
      }
    }
  }

  until(isWanted: (told: readonly WatchedEvent[]) => boolean): Promise<void> {
    return this.#watcher.until(() => isWanted(this.#watcher.events));
  }

  connected(): Promise<void> {
    return this.#watcher.until(() => this.#watcher.frames.length > 0);
  }

  close(): void {
    this.#watcher.close();
  }

  get rv(): string {
    return this.#watcher.rv;
  }

  async ended(): Promise<WatchedEvent[]> {
    this.#ended = true;
    await this.#writing;
    await this.#watcher.closed;
    return this.#watcher.events;
  }
}

const productsIn = (events: readonly WatchedEvent[]): number =>
  events.filter(({ object }) => object.kind === "Product").length;
const tells = (events: readonly WatchedEvent[], type: string, commit: string): boolean =>
  events.some(({ object: { spec } }) => spec.type === type && (spec.data as { commit?: unknown }).commit === commit);
const isBegun = (events: readonly WatchedEvent[], commit: string): boolean =>
  tells(events, "dev.gitstore.catalog.namespace.target.v1", commit);
const isEnded = (events: readonly WatchedEvent[], commit: string): boolean =>
  tells(events, "dev.gitstore.catalog.admission.evaluated.v1", commit);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("kill -9 of the runtime during a push", () => {
  /** At random moments of a push that was not over, by what a watcher had been told. */
  const KILLS = 30;
  /** Of 1,000 files (two transactions); each sixth is larger, and gets a kill as soon as one of its many is out. */
  const pushes: { files: number }[] = [];
  let during = 0;
  const below = random(SEED);
  const told = new Map<number, string>();
  const written = new Map<string, string>();
  const commits: string[] = [];
  /** Kills that found a push begun and not ended, by what a watcher had been told. */
  let between = 0;
  let log: WatchedEvent[];
  let events: CloudEvent[];

  beforeAll(async () => {
    const { sender, first } = await open("killed");
    let old = first;
    let spanMs = 0;
    let from = "1";
    /** A push that was over before the kill came is followed by a larger one. */
    let largeFiles = 3_000;
    for (let index = 0; during < KILLS || between === 0; index++) {
      if (index > 2 * KILLS)
        throw new Error(`of ${index} kills, ${during} came before their push was over, and ${between} inside of it`);
      const isLarge = index % 6 === 5 || during >= KILLS;
      const files = isLarge ? largeFiles : 1_000;
      // The first shows how long an undisturbed push takes: a restarted server is done with the rest once it is ready.
      const kills = index === 0 ? [] : isLarge ? ["between", "random"] : ["random"];
      pushes.push({ files });
      const tree = Array.from({ length: files }, (_, at) => ({
        path: `push-${index}/${nameOf(index, at)}.md`,
        text: product(nameOf(index, at)),
      }));
      const commit = await source.commit(tree, old, `Push ${index}`);
      commits.push(commit);
      await source.push(urlOf("killed"), { ref: MAIN, new: commit });
      let clients = new Clients("killed", `push-${index}-first`, from);
      await clients.connected();
      const started = performance.now();
      const answer = await sender.hook([{ ref: MAIN, old, new: commit }]);
      const heard: WatchedEvent[] = [];
      for (const [turn, kill] of kills.entries()) {
        if (turn > 0) clients = new Clients("killed", `push-${index}-${kill}`, from);
        if (kill === "random") await pause(below(spanMs));
        else await clients.until((events) => isEnded(events, commit) || productsIn(events) > 0);
        await stage.server.kill();
        heard.push(...(await clients.ended()));
        from = clients.rv;
        if (kill === "random" && !isEnded(heard, commit)) during++;
        if (isBegun(heard, commit) && !isEnded(heard, commit)) between++;
        else if (kill === "between") largeFiles += 2_000;
        for (const [name, rv] of clients.written) written.set(name, rv);
        await stage.server.restart();
      }
      expect(answer).toMatchObject({ status: 202 });
      // Nobody says another word: no webhook, no sync, and polls are off.
      await waitFor(
        () => applied("killed"),
        (refs) => refs[MAIN] === commit,
      );
      if (index === 0) {
        // Less what it takes to notice that it is over, and to kill.
        spanMs = (performance.now() - started) * 0.7;
        clients.close();
        heard.push(...(await clients.ended()));
        from = clients.rv;
      }
      for (const event of heard) told.set(rvOf(event), JSON.stringify(event));
      old = commit;
    }
    log = await wholeLog("killed");
    events = await cloudEvents(stage, "killed");
  }, 900_000);

  it("came at 30 random moments of pushes that were not over", () => {
    expect(during).toBeGreaterThanOrEqual(KILLS);
  });

  it("completes every push without a new webhook", async () => {
    expect(await applied("killed")).toEqual({ [MAIN]: commits.at(-1) });
  });

  it("falls between two transactions of a push, too", () => {
    expect(between).toBeGreaterThan(0);
  });

  it("leaves every file one ADDED, and nothing else said of it", () => {
    const products = log.filter(({ object }) => object.kind === "Product");
    expect(products.filter(({ type }) => type !== "ADDED")).toEqual([]);
    const expected = pushes.flatMap(({ files }, index) => Array.from({ length: files }, (_, at) => nameOf(index, at)));
    expect(products.map(({ object }) => object.metadata.name).sort()).toEqual(expected.sort());
  });

  it("leaves dense RVs", () => {
    expect(log.map(rvOf)).toEqual(Array.from({ length: log.length }, (_, at) => at + 2));
  });

  it("doubles no event and loses none", () => {
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect(moves(events).slice(1)).toEqual(
      commits.map(
        (commit, at) =>
          `branch.updated ${MAIN} ${short(at === 0 ? events[1]?.data.new : commits[at - 1])}→${short(commit)}`,
      ),
    );
    for (const [at, push] of byPush(events).slice(1).entries()) {
      const types = push.map(({ type }) => type.split(".").slice(2, -1).join("."));
      expect(types.slice(0, 2)).toEqual(["catalog.namespace.target", "git.branch.updated"]);
      expect(types.at(-1)).toBe("catalog.admission.evaluated");
      expect(new Set(types.slice(2, -1))).toEqual(new Set(["catalog.resource.parsed"]));
      const parsed = push.flatMap(({ data }) => (data.resources ?? []) as { name: string }[]);
      expect(parsed).toHaveLength(pushes[at]?.files ?? 0);
      expect(new Set(parsed.map(({ name }) => name)).size).toBe(parsed.length);
      expect(push.at(-1)?.data).toMatchObject({ allowed: pushes[at]?.files, refused: 0 });
    }
  });

  it("takes back nothing that a watcher was told", () => {
    const known = new Map(log.map((event) => [rvOf(event), JSON.stringify(event)]));
    expect(told.size).toBeGreaterThan(1_000);
    for (const [rv, event] of told) expect(known.get(rv)).toBe(event);
  });

  it("loses no write that was acknowledged", () => {
    const channels = new Map(
      log.filter(({ object }) => object.kind === "Channel").map(({ object }) => [object.metadata.name, object]),
    );
    expect(written.size).toBeGreaterThan(0);
    for (const [name, rv] of written) expect(channels.get(name)?.metadata.resourceVersion).toBe(rv);
  });
});

describe("kill -9 of the runtime while webhooks are being acknowledged", () => {
  const KILLS = 5;
  const refOf = (kill: number, n: number): string => `refs/heads/topic/${kill}-${n}`;

  it("has every delivery that was answered 202 acted on after a restart, once", async () => {
    const below = random(SEED + 1);
    const { sender, first } = await open("acknowledging");
    const acknowledged: { ref: string; id: string }[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const isOver = { killed: false };
      const known = acknowledged.length;
      const sending = (async () => {
        for (let n = 0; !isOver.killed; n++) {
          const move = { ref: refOf(kill, n), old: null, new: first };
          await source.push(stage.git.dir("acknowledging-catalog"), move);
          try {
            const id = `delivery-${kill}-${n}`;
            const { status } = await sender.hook([move], id);
            if (status === 202) acknowledged.push({ ref: move.ref, id });
          } catch {
            return;
          }
        }
      })();
      // On a busy machine one alone takes longer than any moment drawn.
      await expect.poll(() => acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(known);
      await pause(below(400));
      await stage.server.kill();
      isOver.killed = true;
      await sending;
      await stage.server.restart();
      await waitFor(
        () => applied("acknowledging"),
        (refs) => acknowledged.every(({ ref }) => refs[ref] === first),
      );
    }
    const events = await cloudEvents(stage, "acknowledging");
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS);
    for (const { ref, id } of acknowledged) {
      const created = events.filter(({ type, data }) => type.endsWith("branch.created.v1") && data.ref === ref);
      expect(created).toHaveLength(1);
      // A look that was on its way may have seen the branch before its delivery came.
      const { delivery, observedVia } = (created[0] as CloudEvent).data as {
        delivery?: { id: string };
        observedVia: string;
      };
      if (observedVia === "hook") expect(delivery?.id).toBe(id);
    }
  });
});
