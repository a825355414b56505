/** Cuts a plan into the transactions that the ledger takes. */
import type { IndexEntry, PushChunk, PushHeader } from "../../ledger/api.ts";
import type { ChangePlan, PlanItem } from "./changes.ts";

export interface ChunkLimits {
  maxOps: number;
  maxBytes: number;
}

/** The ledger takes 1,000 changes and 8 MiB; the rest is room for what it adds (the Repository, conditions of cycles). */
export const CHUNK_LIMITS: ChunkLimits = { maxOps: 950, maxBytes: 6 * 1_048_576 };

interface Bin {
  items: PlanItem[];
  rows: IndexEntry[];
  bytes: number;
  paths: Set<string>;
}

/** At least one chunk, numbered from `firstSeq`; the last is `final`. */
export function cutIntoChunks(
  push: PushHeader,
  plan: ChangePlan,
  firstSeq: number,
  limits = CHUNK_LIMITS,
): PushChunk[] {
  const bins: Bin[] = [newBin()];
  const room = (bytes: number, ops: number, path?: string): Bin => {
    let bin = bins.at(-1);
    if (
      bin === undefined ||
      (path !== undefined && bin.paths.has(path)) ||
      bin.items.length + ops > limits.maxOps ||
      (bin.bytes > 0 && bin.bytes + bytes > limits.maxBytes)
    ) {
      bin = newBin();
      bins.push(bin);
    }
    bin.bytes += bytes;
    if (path !== undefined) bin.paths.add(path);
    return bin;
  };
  // In one transaction nobody sees the state between: what is removed first need not be where it is written again.
  const whole = fitsInOne(plan, limits);
  const rewritten = new Set(whole ? plan.last.map((row) => row.path) : []);
  for (const row of plan.first) if (!rewritten.has(row.path)) room(size(row), 0).rows.push(row);
  // `heldBy` goes by path, and of two branches the same path may give different resources.
  const byPath = plan.items.some((item) => item.heldBy !== undefined);
  for (const item of plan.items) room(itemSize(item), 1, byPath ? item.op.path : undefined).items.push(item);
  for (const row of plan.last) room(size(row), 0).rows.push(row);

  return bins.map((bin, at) => chunk(push, plan, bin, firstSeq + at, at === bins.length - 1));
}

function newBin(): Bin {
  return { items: [], rows: [], bytes: 0, paths: new Set() };
}

function chunk(push: PushHeader, plan: ChangePlan, bin: Bin, seq: number, final: boolean): PushChunk {
  const parsed = bin.items.flatMap((item) => (item.parsed === undefined ? [] : [item.parsed]));
  parsed.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const held = bin.items.flatMap((item) => (item.heldBy === undefined ? [] : [[item.op.path, item.heldBy] as const]));
  return {
    push,
    seq,
    final,
    parsed,
    ops: bin.items.map((item) => item.op),
    index: [...bin.items.flatMap((item) => item.rows), ...bin.rows],
    changed: plan.changed,
    ...(held.length > 0 && { heldBy: Object.fromEntries(held) }),
  };
}

function fitsInOne(plan: ChangePlan, limits: ChunkLimits): boolean {
  if (plan.items.length > limits.maxOps) return false;
  let bytes = 0;
  for (const row of plan.first) bytes += size(row);
  for (const row of plan.last) bytes += size(row);
  for (const item of plan.items) {
    bytes += itemSize(item);
    if (bytes > limits.maxBytes) return false;
  }
  return true;
}

function itemSize(item: PlanItem): number {
  return size(item.op) + size(item.parsed ?? null) + size(item.rows);
}

const encoder = new TextEncoder();

function size(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length;
}
