import { readFileSync } from "node:fs";

/** Linux' USER_HZ: proc(5) counts in hundredths of a second. */
const TICK_MS = 10;

/** CPU time that a process has used in all its threads, its own and the kernel's for it, in ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const after = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(after[11]) + Number(after[12])) * TICK_MS;
}
