import type { FaultPoint } from "../../../src/ledger/sql.ts";

export type D1Mode =
  | "well"
  /** Takes a while, so that other things happen meanwhile. */
  | "slow"
  /** Answers with an error, at once. */
  | "failing"
  /** Does not answer in time. */
  | "stalled"
  /** Is given up on by its caller, and happens later all the same. */
  | "late"
  /** Happens, and its answer is lost. */
  | "deaf";

/** `kill`: the object dies there and then; `killAfter`: once that turn is durable; `throw`: an error, as a full disk. */
export type How = "kill" | "killAfter" | "throw";

export const POINTS: readonly FaultPoint[] = [
  "beforeCommit",
  "afterCommitBeforeBroadcast",
  "midBroadcast",
  "midFlush",
  "afterFlushBeforeMark",
  "afterFlushBeforePrune",
  "duringCompaction",
  "duringReplay",
  "duringCompactedReplay",
];

export const WHEN_EXPIRING: readonly FaultPoint[] = ["duringCompaction", "duringCompactedReplay"];

/** Where an error can come up without the object dying; elsewhere nothing but memory stands between two statements. */
export const THROWS = new Set<FaultPoint>([
  "beforeCommit",
  "midFlush",
  "afterFlushBeforeMark",
  "afterFlushBeforePrune",
  "duringCompaction",
  "duringReplay",
]);

export const D1_MODES: readonly Exclude<D1Mode, "well">[] = ["slow", "failing", "stalled", "late", "deaf"];
export const KILLED_DURING_WRITES = "the object: killed during writes";

/** Every fault by the name it is counted under. */
export const FAULTS: readonly string[] = [
  ...POINTS.flatMap((point) => [
    `${point}: kill`,
    `${point}: killAfter`,
    ...(THROWS.has(point) ? [`${point}: throw`] : []),
  ]),
  ...D1_MODES.map((mode) => `D1: ${mode}`),
  KILLED_DURING_WRITES,
];
