/** What a campaign did and found, and the table of all of them. */
export interface Outcome {
  seed: number;
  operations: Map<string, number>;
  faults: Map<string, number>;
  connections: number;
  resumes: number;
  /** Reads of D1 that gave events to a watch. */
  replays: number;
  /** Connections that got a compacted range, and those of named watchers. */
  compacted: number;
  named: number;
  events: number;
  /** RVs in the log. */
  changes: number;
  violations: string[];
}

/** Begins a line that is an outcome, where one process reports to another. */
export const OUTCOME_LINE = "outcome: ";

export function toText(outcome: Outcome): string {
  return JSON.stringify({ ...outcome, operations: [...outcome.operations], faults: [...outcome.faults] });
}

export function fromText(text: string): Outcome {
  const outcome = JSON.parse(text) as Omit<Outcome, "operations" | "faults"> & {
    operations: [string, number][];
    faults: [string, number][];
  };
  return { ...outcome, operations: new Map(outcome.operations), faults: new Map(outcome.faults) };
}

export function add(into: Map<string, number>, from: ReadonlyMap<string, number>): void {
  for (const [key, count] of from) into.set(key, (into.get(key) ?? 0) + count);
}

export function summary(outcomes: readonly Outcome[]): string {
  const operations = new Map<string, number>();
  const faults = new Map<string, number>();
  const total = {
    connections: 0,
    resumes: 0,
    replays: 0,
    compacted: 0,
    named: 0,
    events: 0,
    changes: 0,
    violations: 0,
  };
  for (const outcome of outcomes) {
    add(operations, outcome.operations);
    add(faults, outcome.faults);
    total.connections += outcome.connections;
    total.resumes += outcome.resumes;
    total.replays += outcome.replays;
    total.compacted += outcome.compacted;
    total.named += outcome.named;
    total.events += outcome.events;
    total.changes += outcome.changes;
    total.violations += outcome.violations.length;
  }
  const failed = outcomes.filter(({ violations }) => violations.length > 0).map(({ seed }) => seed);
  return [
    row("seeds", outcomes.length),
    row("operations", sum(operations)),
    ...table(operations),
    row("faults that fired", sum(faults)),
    ...table(faults),
    row("changes in the logs", total.changes),
    row("connections", total.connections),
    row("resumes", total.resumes),
    row("replays from D1", total.replays),
    row("connections of named watchers", total.named),
    row("compacted ranges", total.compacted),
    row("events checked", total.events),
    row("violations", total.violations),
    ...(failed.length > 0 ? [`seeds with violations: ${failed.join(", ")}`] : []),
  ].join("\n");
}

function row(name: string, count: number): string {
  return `${name.padEnd(44)}${String(count).padStart(10)}`;
}

function table(counts: ReadonlyMap<string, number>): string[] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, count]) => row(`  ${key}`, count));
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((all, count) => all + count, 0);
}
