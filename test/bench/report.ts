import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** `n/a` for what was not measured; else a few significant digits, with thousands apart. */
export function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "n/a";
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

/** A table in Markdown, aligned so that a terminal shows it well too. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** Without what a figure was measured on it means nothing. */
export function machine(etcdVersion: string | undefined): string {
  const [cpu] = cpus();
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { version?: string }>;
  };
  const version = (name: string) => lock.packages[`node_modules/${name}`]?.version ?? "unknown";
  return [
    `machine   ${cpus().length} × ${cpu?.model ?? "unknown CPU"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}`,
    `versions  node ${process.versions.node}, workerd ${version("workerd")}, miniflare ${version("miniflare")}, git ${gitVersion()}, etcd ${etcdVersion ?? "not on PATH: left out"}`,
    "method    servers and clients share the machine; one client process drives both systems over loopback TCP; one connection a watcher; objects of 1 KB",
  ].join("\n");
}

function gitVersion(): string {
  return execFileSync("git", ["--version"]).toString().trim().replace("git version ", "");
}
