import { PROMISES, type Result, TABLES } from "./types.ts";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

function count(results: readonly Result[]): Count {
  const of = (outcome: Result["outcome"]): number => results.filter((result) => result.outcome === outcome).length;
  return { passed: of("passed"), failed: of("failed"), skipped: of("skipped") };
}

const word = ({ passed, failed, skipped }: Count): string => {
  if (failed > 0) return "FAIL";
  return passed === 0 ? "skip" : skipped > 0 ? "pass (in part)" : "pass";
};

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

const cells = (name: string, results: readonly Result[]): string[] => {
  const counted = count(results);
  return [name, word(counted), String(counted.passed), String(counted.failed), String(counted.skipped)];
};

const HEAD = ["", "", "passed", "failed", "skipped"] as const;

export function byPromise(results: readonly Result[]): string {
  const rows = PROMISES.map((promise) =>
    cells(
      promise,
      results.filter((result) => result.promise === promise),
    ),
  );
  return table(["promise", ...HEAD.slice(1)], rows);
}

export function byRow(results: readonly Result[]): string {
  const parts = TABLES.flatMap((name) => {
    const inTable = results.filter((result) => result.table === name);
    if (inTable.length === 0) return [];
    const rows = [...new Set(inTable.map(({ row }) => row))].map((row) =>
      cells(
        row,
        inTable.filter((result) => result.row === row),
      ),
    );
    return [table([name, ...HEAD.slice(1)], rows)];
  });
  return parts.join("\n\n");
}

export function textReport(results: readonly Result[], server: string): string {
  const { passed, failed, skipped } = count(results);
  const detail = (outcome: Result["outcome"]): string[] =>
    results
      .filter((result) => result.outcome === outcome)
      .map(({ id, title, message = "" }) =>
        outcome === "failed"
          ? `FAIL  ${id}: ${title}\n      ${message.replace(/\n/g, "\n      ")}`
          : `skip  ${id}: ${message}`,
      );
  return [
    byPromise(results),
    "",
    byRow(results),
    "",
    ...detail("skipped"),
    ...detail("failed"),
    `${server}: ${passed} passed, ${failed} failed, ${skipped} skipped`,
    "",
  ].join("\n");
}

export function jsonReport(results: readonly Result[], server: string): string {
  return `${JSON.stringify({ server, ...count(results), results }, null, 2)}\n`;
}
