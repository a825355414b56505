import { runInDurableObject } from "cloudflare:test";
import { bindings, controlsOfLedger, must, runAlarm, type TestLedger } from "./ledger.ts";

export const stubOf = (ledger: TestLedger): DurableObjectStub =>
  bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name));

interface Kept {
  tailEvents: number;
  tailMs: number;
  windowEvents: number;
  windowMs: number;
}

/** A ledger prunes this often at most. */
const PRUNE_EVERY_MS = 31_000;

/**
 * From now on the ledger keeps this much, whatever its age, and the half minute passes after which it prunes; returns the
 * tail's floor. There has to be something that D1 does not have yet, or no alarm is armed.
 */
export async function keepOnly(ledger: TestLedger, kept: Partial<Kept>): Promise<number> {
  await setRetention(ledger, { tailMs: 0, ...kept });
  const controls = controlsOfLedger(ledger);
  controls.clockAheadMs = (controls.clockAheadMs ?? 0) + PRUNE_EVERY_MS;
  await runAlarm(ledger);
  return Number((await must(ledger.stub.head())).floor);
}

/** An evicted object reads its configuration again: call it again then. */
export async function setRetention(ledger: TestLedger, kept: Partial<Kept>): Promise<void> {
  await runInDurableObject(stubOf(ledger), (object) => {
    Object.assign((object as unknown as { retention: Kept }).retention, kept);
  });
}

/** Everything at or below this RV leaves the tail; D1 has it still. */
export async function compactAt(ledger: TestLedger, rv: number): Promise<number> {
  const head = Number((await must(ledger.stub.head())).rv);
  return await keepOnly(ledger, { tailEvents: head - rv });
}

/** Everything at or below this RV is gone, from the tail and from D1. */
export async function forgetUpTo(ledger: TestLedger, rv: number): Promise<number> {
  const head = Number((await must(ledger.stub.head())).rv);
  return await keepOnly(ledger, { tailEvents: head - rv, windowEvents: 0, windowMs: 0 });
}
