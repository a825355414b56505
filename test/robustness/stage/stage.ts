import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { ledgerOf } from "../../../src/config.ts";
import type { LedgerStub } from "../../../src/ledger/api.ts";
import { D1Window } from "../../../src/ledger/window.ts";
import { type Controls, controlsOf } from "../../worker/support/controls.ts";
import { addRepository, bindings, must } from "../../worker/support/ledger.ts";
import type { Bug } from "./bugs.ts";
import { type Control, controlOf, leave } from "./control.ts";

/** Alarms are set by the ledger's own clock: a day ahead, the platform never fires one, and the campaign does. */
const AHEAD_MS = 24 * 3_600_000;

/** An object without work is evicted at once. */
const EVICT_MS = 300;

/** By then what clients have sent has been read. */
const QUIET_MS = 60;

/** One namespace's ledger, and everything that can be done to it from outside. */
export class Stage {
  readonly name: string;
  readonly repository: { uid: string; name: string };
  readonly control: Control;
  readonly #clock: Controls;
  /** The object died inside its alarm: the platform runs it again. */
  #alarmOwed = false;
  private constructor(name: string, repository: { uid: string; name: string }) {
    this.name = name;
    this.repository = repository;
    this.control = controlOf(name);
    this.#clock = controlsOf(name);
  }

  static async set(name: string, retention: Control["retention"], bug?: Bug): Promise<Stage> {
    const clock = controlsOf(name);
    clock.alone = true;
    clock.clockAheadMs = AHEAD_MS;
    // Before the object is made, which reads them.
    Object.assign(controlOf(name), { retention, bug });
    const stub = ledgerOf(bindings, name);
    await must(stub.open({ name, uid: crypto.randomUUID() }));
    return new Stage(name, await addRepository(stub, "catalog"));
  }

  leave(): void {
    leave(this.name);
  }

  /** A stub is of no more use once its object died: take a new one for each request. */
  get ledger(): LedgerStub {
    return ledgerOf(bindings, this.name);
  }

  get #object(): DurableObjectStub {
    return bindings.LEDGER.get(bindings.LEDGER.idFromName(this.name));
  }

  jump(ms: number): void {
    this.#clock.clockAheadMs = Math.max(AHEAD_MS, (this.#clock.clockAheadMs ?? AHEAD_MS) + ms);
  }

  get now(): number {
    return Date.now() + (this.#clock.clockAheadMs ?? 0);
  }

  /** Out of memory, its sockets kept: what an idle object comes to after some seconds. */
  async hibernate(): Promise<void> {
    // Nothing to evict is fine: an object that is not running was evicted already.
    const evicted = evictDurableObject(this.#object, { webSockets: "hibernate" }).then(
      () => true,
      () => true,
    );
    // A method that rejected over RPC leaves a reference behind, and then nothing evicts its object.
    if (!(await Promise.race([evicted, scheduler.wait(EVICT_MS)]))) await this.kill();
  }

  /** Its death at rest: every socket is cut without a frame, as a deploy does it. */
  async kill(): Promise<void> {
    await runInDurableObject(this.#object, (_, state) => state.abort("killed at rest")).catch(() => undefined);
  }

  /** All objects die at once, the stateless Worker's bridges with them. */
  async abort(): Promise<void> {
    // workerd itself crashes where a socket's message arrives in that turn (workers-sdk issue 5439).
    await scheduler.wait(QUIET_MS);
    await abortAllDurableObjects();
  }

  /** Runs the alarm if one is armed, or owed since the object died in it. Returns whether it ran. */
  async alarm(): Promise<boolean> {
    if (this.#alarmOwed) return this.alarmAgain();
    return this.#ring(() => runDurableObjectAlarm(this.#object));
  }

  /** Once more, armed or not: the platform promises at least once. */
  async alarmAgain(): Promise<boolean> {
    this.#alarmOwed = false;
    return this.#ring(() =>
      runInDurableObject(this.#object, async (object) => {
        await (object as unknown as { alarm(): Promise<void> }).alarm();
        return true;
      }),
    );
  }

  async #ring(run: () => Promise<boolean>): Promise<boolean> {
    try {
      return await run();
    } catch {
      this.#alarmOwed = true;
      return true;
    }
  }

  /** What D1 was given up on happens now. */
  async landLate(): Promise<number> {
    const late = this.control.late.splice(0);
    const window = new D1Window(bindings.REPLAY, this.name);
    for (const call of late) await call(window);
    return late.length;
  }
}
