import { expect, it } from "vitest";
import {
  controlsOfLedger,
  headOf,
  must,
  newLedger,
  productText,
  push,
  runAlarm,
  type TestLedger,
} from "../support/ledger.ts";
import { compactAt, keepOnly } from "../support/retention.ts";

const REJECTED = "dev.gitstore.git.push.rejected.v1";
const DAY_MS = 86_400_000;

let refused = 0;
async function reject({ stub, repository }: TestLedger): Promise<void> {
  refused += 1;
  const time = "2026-01-01T00:00:00Z";
  const actor = { name: "ada", email: null, id: null, provider: "git" };
  const data = { refs: [], actor, stage: "parse", errors: [], errorCount: 0 };
  const event = { repository, type: REJECTED, subject: "refs/heads/main", key: `push-rejected/${refused}`, time, data };
  await must(stub.recordEvent(event));
}

interface CloudEvent {
  type: string;
  sequence: string;
}

/** All of them, by pages as `GET /events/{ns}` gives them. */
async function read({ stub }: TestLedger, limit: number, types?: string[]): Promise<CloudEvent[]> {
  const all: CloudEvent[] = [];
  for (;;) {
    const after = Number(all.at(-1)?.sequence ?? 0);
    const { events } = await must(stub.events({ after, limit, ...(types ? { types } : {}) }));
    all.push(...events.map((text) => JSON.parse(text) as CloudEvent));
    if (events.length < limit) return all;
  }
}

/** Five pushes of one file, and after each two that were refused; all but the newest has left the tail. */
async function interleaved(): Promise<TestLedger> {
  const ledger = await newLedger("audit");
  for (let i = 0; i < 5; i++) {
    await push(ledger, { files: { [`p${i}.md`]: productText(`p${i}`, "P") } });
    await reject(ledger);
    await reject(ledger);
  }
  await compactAt(ledger, (await headOf(ledger)) - 1);
  return ledger;
}

it("events are served once each and in order, whatever the page, where refusals lie between others", async () => {
  const ledger = await interleaved();
  const whole = await read(ledger, 1_000);
  expect(whole.filter(({ type }) => type === REJECTED)).toHaveLength(10);
  expect(whole).toHaveLength(5 * 4 + 10);
  const rvs = whole.map(({ sequence }) => Number(sequence));
  expect(rvs).toEqual([...new Set(rvs)].sort((a, b) => a - b));
  for (const limit of [1, 2, 3, 7, 10]) expect([limit, await read(ledger, limit)]).toEqual([limit, whole]);
  const some = whole.filter(({ type }) => type === REJECTED);
  for (const limit of [1, 3, 10]) expect(await read(ledger, limit, ["push-rejected"])).toEqual(some);
});

it("refusals outlive the window, for AUDIT_DAYS", async () => {
  const ledger = await interleaved();
  const before = await read(ledger, 1_000);
  const head = await headOf(ledger);
  await push(ledger, { files: { "then.md": productText("then", "Then") } });
  await keepOnly(ledger, { tailEvents: 1, windowEvents: 1, windowMs: 0 });
  const after = await read(ledger, 3);
  expect(after.filter(({ sequence }) => Number(sequence) <= head).length).toBeLessThan(before.length);
  expect(after.filter(({ type }) => type === REJECTED)).toEqual(before.filter(({ type }) => type === REJECTED));

  // 401 days later something happens again, so that the ledger is awake and prunes.
  const controls = controlsOfLedger(ledger);
  controls.clockAheadMs = (controls.clockAheadMs ?? 0) + 401 * DAY_MS;
  await push(ledger, { files: { "late.md": productText("late", "Late") } });
  await keepOnly(ledger, { tailEvents: 1, windowEvents: 1, windowMs: 0 });
  await runAlarm(ledger);
  const left = await read(ledger, 1_000);
  expect(left.filter(({ sequence }) => Number(sequence) <= head)).toEqual([]);
  expect(left.length).toBeGreaterThan(0);
});
