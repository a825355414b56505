/**
 * A campaign: one namespace, writers, watchers on every transport, and faults, all drawn from a seed; then the faults
 * stop, everything must converge, and what was recorded is checked against a model of the log.
 */

import { Client } from "./campaign/client.ts";
import { selectionOf } from "./campaign/content.ts";
import { Draw } from "./campaign/draw.ts";
import { FaultPlan } from "./campaign/faults.ts";
import { lists } from "./campaign/lister.ts";
import type { Outcome } from "./campaign/outcome.ts";
import { KILLED_DURING_WRITES } from "./campaign/points.ts";
import { ApiWriter, Branch, type PushSize, type World } from "./campaign/writer.ts";
import { converged } from "./checks/converged.ts";
import { checkAll } from "./checks/index.ts";
import { windowWhole } from "./checks/window.ts";
import type { Start } from "./history.ts";
import { type Change, LogModel } from "./model.ts";
import { Recorder } from "./recorder.ts";
import type { Bug } from "./stage/bugs.ts";
import { tailRows, windowFloor, windowRows } from "./stage/reference.ts";
import { Stage } from "./stage/stage.ts";
import type { Dial } from "./transports/dial.ts";
import { events } from "./transports/events.ts";
import { frames } from "./transports/frames.ts";
import { lines } from "./transports/lines.ts";

const STEPS = 90;
const KIB = 1024;
const MINUTE_MS = 60_000;
/** Rounds of alarm and resume after the faults stopped in which nothing comes, before a client counts as stuck. */
const CALM_ROUNDS = 40;
/** How long a round waits for the next message. */
const ROUND_MS = 100;
/** Nobody needs so many messages: a client that comes no further by them is stuck as well. */
const MOST_ROUNDS = 5_000;

/** What is done in a step, by weight. */
const ACTIONS = {
  push: 22,
  bigPush: 2,
  chunkedPush: 5,
  goOn: 10,
  write: 8,
  system: 3,
  together: 6,
  list: 7,
  watch: 9,
  reconnect: 14,
  cut: 8,
  cutInside: 4,
  hold: 5,
  sip: 6,
  release: 4,
  alarm: 10,
  alarmTwice: 2,
  jump: 5,
  jumpBack: 2,
  prune: 9,
  hibernate: 4,
  kill: 3,
  abort: 2,
  killDuring: 3,
  arm: 14,
  spoilD1: 7,
  landLate: 4,
};
type Action = keyof typeof ACTIONS;

export interface CampaignOptions {
  /** Told of each step and each fault. */
  trace?: (what: string) => void;
  /** Planted in the server, to be found. */
  bug?: Bug;
}

export async function campaign(
  seed: number,
  dial: Dial,
  { trace = () => undefined, bug }: CampaignOptions = {},
): Promise<Outcome> {
  const draw = new Draw(seed);
  const pruned = new Map<number, Change>();
  // Small tails send resumes to D1; small windows, now and then, make cursors expire.
  const smallTail = draw.chance(60);
  const smallWindow = smallTail && draw.chance(70);
  const stage = await Stage.set(
    `seed-${seed}`,
    {
      ...(smallTail ? { tailEvents: draw.between(1, 40), tailMs: 1_000 } : {}),
      ...(smallWindow ? { windowEvents: 60, windowMs: 5_000 } : {}),
    },
    bug,
  );
  stage.control.beforePrune = async (floor) => {
    for (const change of await windowRows(stage.name, floor)) pruned.set(change.rv, change);
  };
  const run = new Run(seed, draw, stage, dial, pruned, trace, smallWindow);
  for (let step = 0; step < STEPS; step++) await run.step();
  return run.finish();
}

class Run {
  readonly #seed: number;
  readonly #draw: Draw;
  readonly #stage: Stage;
  readonly #dial: Dial;
  readonly #pruned: Map<number, Change>;
  readonly #recorder = new Recorder();
  readonly #problems: string[] = [];
  readonly #world: World;
  readonly #branches: Branch[];
  readonly #api: ApiWriter;
  readonly #faults: FaultPlan;
  readonly #clients: Client[] = [];
  readonly #trace: (step: string) => void;
  /** The window is small, and cursors expire. */
  readonly #expiring: boolean;
  readonly #operations = new Map<string, number>();

  constructor(
    seed: number,
    draw: Draw,
    stage: Stage,
    dial: Dial,
    pruned: Map<number, Change>,
    trace: (step: string) => void,
    expiring: boolean,
  ) {
    this.#trace = trace;
    this.#expiring = expiring;
    this.#seed = seed;
    this.#draw = draw;
    this.#stage = stage;
    this.#dial = dial;
    this.#pruned = pruned;
    this.#world = { stage, recorder: this.#recorder, draw, problems: this.#problems };
    this.#branches = ["main", "draft"].map((name) => new Branch(name, this.#world));
    this.#api = new ApiWriter(this.#world);
    this.#faults = new FaultPlan(stage, trace);
  }

  async step(): Promise<void> {
    const action = this.#draw.weighted<Action>(ACTIONS);
    this.#operations.set(action, (this.#operations.get(action) ?? 0) + 1);
    this.#trace(action);
    await this.#do(action);
  }

  async #do(action: Action): Promise<void> {
    const draw = this.#draw;
    const stage = this.#stage;
    switch (action) {
      case "push":
        return this.#push({ changes: draw.between(1, 30), bytes: draw.between(0, 400), chunkSize: 1_000 });
      case "bigPush":
        return this.#push({ changes: draw.between(20, 30), bytes: draw.between(60, 120) * KIB, chunkSize: 1_000 });
      case "chunkedPush":
        return this.#push({ changes: draw.between(6, 30), bytes: draw.between(0, 400), chunkSize: draw.between(2, 9) });
      case "goOn":
        return draw.one(this.#branches).go();
      case "write":
        return this.#api.draw()();
      case "system":
        return this.#api.drawSystem()();
      case "together":
        return this.#together();
      case "list":
        return lists(this.#world, this.#dial);
      case "watch":
        return this.#watch();
      case "reconnect":
        for (const client of this.#clients) if (!client.connected) await client.connect();
        return;
      case "cut":
        return this.#some()?.cut();
      case "cutInside":
        return this.#some()?.cut(draw.between(1, 6));
      case "hold":
        return this.#some()?.setCredit("held");
      case "sip":
        for (const client of this.#clients) if (client.credit === "held") client.sip();
        return;
      case "release":
        return this.#some()?.setCredit("prompt");
      case "alarm":
        await stage.alarm();
        return;
      case "alarmTwice":
        await stage.alarm();
        await stage.alarmAgain();
        return;
      case "jump":
        return stage.jump(draw.between(1_000, 15 * MINUTE_MS));
      case "jumpBack":
        return stage.jump(-draw.between(100, 5_000));
      case "prune":
        return this.#prune();
      case "hibernate":
        return stage.hibernate();
      case "kill":
        return stage.kill();
      case "abort":
        return stage.abort();
      case "killDuring":
        return this.#killDuring();
      case "arm":
        return this.#faults.arm(draw, this.#expiring);
      case "spoilD1":
        return this.#faults.spoilD1(draw);
      case "landLate":
        await stage.landLate();
        return;
    }
  }

  /** What is old leaves the tail; where D1 is as it should be, that is also where resumes find it from then on. */
  async #prune(): Promise<void> {
    if (this.#draw.chance(60)) this.#stage.control.d1 = "well";
    this.#stage.jump(11 * MINUTE_MS);
    await this.#stage.alarm();
  }

  #some(): Client | undefined {
    const connected = this.#clients.filter((client) => client.connected);
    return connected.length > 0 ? this.#draw.one(connected) : undefined;
  }

  async #push(size: PushSize): Promise<void> {
    const branch = this.#draw.one(this.#branches);
    if (!branch.busy) branch.begin(size);
    await branch.go();
  }

  /** What arrives together commits in one transaction. */
  async #together(): Promise<void> {
    const requests = Array.from({ length: this.#draw.between(2, 5) }, () => this.#api.draw());
    const branch = this.#draw.one(this.#branches);
    if (!branch.busy) branch.begin({ changes: this.#draw.between(1, 8), bytes: 0, chunkSize: 1_000 });
    await Promise.all([branch.go(), ...requests.map((request) => request())]);
  }

  /** The object goes while requests are under way: each may have happened. */
  async #killDuring(): Promise<void> {
    const requests = Array.from({ length: this.#draw.between(1, 3) }, () => this.#api.draw());
    const branch = this.#draw.one(this.#branches);
    if (!branch.busy) branch.begin({ changes: this.#draw.between(1, 20), bytes: 0, chunkSize: 1_000 });
    const turns = this.#draw.below(4);
    const under = Promise.all([branch.go(), ...requests.map((request) => request())]);
    for (let turn = 0; turn < turns; turn++) await scheduler.wait(0);
    this.#faults.count(KILLED_DURING_WRITES);
    await this.#stage.kill();
    await under;
  }

  async #watch(): Promise<void> {
    const draw = this.#draw;
    const transport = draw.weighted({ frames: 6, events: 2, lines: 2 });
    const { manyKinds } = TRANSPORTS[transport];
    const known = this.#highest();
    const start: Start =
      draw.chance(45) && known > 1
        ? { from: "rv", rv: draw.chance(30) ? 1 : draw.between(1, known) }
        : draw.chance(70)
          ? { from: "state" }
          : { from: "now" };
    const client = new Client(
      {
        name: `client ${this.#clients.length + 1}`,
        transport: TRANSPORTS[transport],
        selection: selectionOf(draw, manyKinds),
        start,
        credit: draw.chance(80) ? "prompt" : "held",
        window: draw.one([64, 256, 1_024]) * KIB,
        ...(transport === "frames" ? { compact: draw.chance(this.#expiring ? 80 : 50), named: draw.chance(30) } : {}),
      },
      { namespace: this.#stage.name, dial: this.#dial, recorder: this.#recorder },
    );
    this.#clients.push(client);
    await client.connect();
  }

  /** The highest RV that an answer has given out. */
  #highest(): number {
    let highest = 1;
    for (const { outcome } of this.#recorder.writes)
      if (outcome.known === "applied") highest = Math.max(highest, outcome.rv);
    return highest;
  }

  /** Stops the faults, lets everything come to rest, reads the log, and checks. */
  async finish(): Promise<Outcome> {
    this.#faults.stop();
    await this.#stage.landLate();
    // Some come back only after what they missed has left the tail.
    for (const client of this.#clients) if (client.connected && this.#draw.chance(60)) client.cut();
    for (const branch of this.#branches) {
      for (let i = 0; branch.busy && i < 100; i++) await branch.go();
      if (branch.busy) this.#problems.push("a push could not be completed after the faults stopped");
      branch.begin({ changes: 5, bytes: 0, chunkSize: 1_000 });
      await branch.go();
    }
    await this.#drain();
    const rows = new Map(this.#pruned);
    const inD1 = await windowRows(this.#stage.name);
    for (const change of inD1) rows.set(change.rv, change);
    const log = new LogModel(
      [...rows.values()].sort((a, b) => a.rv - b.rv),
      { floor: await windowFloor(this.#stage.name) },
    );
    await this.#settle(log);
    const tail = await tailRows(this.#stage.name);
    const violations = [
      ...this.#problems,
      ...[...checkAll(this.#recorder, log), ...converged(this.#recorder, log), ...windowWhole(inD1, tail, log)].map(
        (violation) => `${violation.promise}\n    ${violation.message}`,
      ),
    ];
    for (const client of this.#clients) client.cut();
    const outcome: Outcome = {
      seed: this.#seed,
      operations: this.#operations,
      faults: this.#faults.fired,
      connections: this.#recorder.connections.length,
      resumes: this.#clients.reduce((sum, { resumed }) => sum + resumed, 0),
      replays: this.#stage.control.replays,
      compacted: this.#recorder.compacted,
      named: this.#recorder.connections.filter(({ watcher }) => watcher !== undefined).length,
      events: this.#recorder.events,
      changes: log.changes.length,
      violations: [...new Set(violations)],
    };
    // Whatever still holds on to this campaign, a socket or an object that is on its way out, holds an empty one: 1.4 GB
    // of what was received in eighty seeds ended the runtime.
    this.#recorder.forget();
    this.#pruned.clear();
    this.#stage.leave();
    return outcome;
  }

  /** The outbox drains by the ledger's own alarms, once D1 is back. */
  async #drain(): Promise<void> {
    for (let round = 0; round < CALM_ROUNDS; round++) {
      const drained = (await this.#stage.ledger.stats()).outboxDepth === 0;
      this.#stage.jump(drained ? 11 * MINUTE_MS : MINUTE_MS);
      await this.#stage.alarm();
      if (drained) return;
    }
    this.#problems.push(`the outbox did not drain: ${JSON.stringify(await this.#stage.ledger.stats())}`);
  }

  /** Every client reads, resumes, and comes to the log's end, helped by nothing but the ledger's alarms. */
  async #settle(log: LogModel): Promise<void> {
    for (const client of this.#clients) client.setCredit("prompt");
    for (let round = 0, quiet = 0; quiet < CALM_ROUNDS && round < MOST_ROUNDS; round++) {
      const behind = this.#clients.filter((client) => !client.reached(log));
      if (behind.length === 0) return;
      for (const client of behind) await client.connect();
      const came = await Promise.race([
        ...behind.map((client) => client.changed().then(() => true)),
        scheduler.wait(ROUND_MS).then(() => false),
      ]);
      if (came) continue;
      quiet += 1;
      if (quiet % 5 !== 0) continue;
      this.#stage.jump(31_000);
      await this.#stage.alarm();
    }
    for (const client of this.#clients) {
      if (!client.reached(log))
        this.#problems.push(`${client.name} did not come to the log's end, ${log.head}: ${client.whereabouts}`);
    }
  }
}

const TRANSPORTS = { frames, events, lines };
