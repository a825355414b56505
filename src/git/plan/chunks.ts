/** Cuts a plan into the transactions that the ledger takes. */
import type { IndexEntry, PushChunk, PushHeader, PushOp } from "../../ledger/api.ts";
import type { ChangePlan, PlanItem, PlanOp } from "./changes.ts";

export interface ChunkLimits {
  maxOps: number;
  maxBytes: number;
}

/** The ledger's limits are 1,000 changes and 8 MiB; the rest is room for what it adds (events, conditions, status). */
export const CHUNK_LIMITS: ChunkLimits = { maxOps: 950, maxBytes: 6 * 1_048_576 };

/**
 * At least one chunk, numbered from `firstSeq`; the last is `final`. Made one by one, so that only one chunk's
 * candidates are in memory.
 */
export function* cutIntoChunks(
  push: PushHeader,
  plan: ChangePlan,
  firstSeq: number,
  limits = CHUNK_LIMITS,
): Generator<PushChunk> {
  let seq = firstSeq;
  let bin = new Bin();
  for (const part of partsOf(plan)) {
    if (!bin.takes(part, limits)) {
      yield bin.chunk(push, plan, seq++, false);
      bin = new Bin();
    }
    bin.add(part);
  }
  yield bin.chunk(push, plan, seq, true);
}

/** What is put into one chunk or the next: an op with all that goes with it, or an index row alone. */
type Part = { bytes: number; row: IndexEntry } | { bytes: number; item: PlanItem; op: PushOp; isOnlyOfPath: boolean };

function* partsOf(plan: ChangePlan): Generator<Part> {
  // `heldBy` goes by path, and of two branches the same path may give different resources.
  const isOnlyOfPath = plan.items.some((item) => item.heldBy !== undefined);
  for (const row of plan.first) yield { bytes: size(row), row };
  for (const item of plan.items) {
    const op = materialize(item.op);
    yield { bytes: size(op) + size(item.parsed ?? null) + size(item.rows), item, op, isOnlyOfPath };
  }
  for (const row of plan.last) yield { bytes: size(row), row };
}

function materialize(op: PlanOp): PushOp {
  if (op.op !== "upsert") return op;
  return { op: "upsert", path: op.path, blob: op.blob, candidate: op.candidate() };
}

class Bin {
  readonly #items: PlanItem[] = [];
  readonly #ops: PushOp[] = [];
  readonly #rows: IndexEntry[] = [];
  readonly #paths = new Set<string>();
  #bytes = 0;
  #bringsKind = false;

  takes(part: Part, { maxOps, maxBytes }: ChunkLimits): boolean {
    // The ledger judges a chunk by the kinds it has: a new one must be in force before objects of it come.
    if ("item" in part && part.item.bringsKind !== true && this.#bringsKind) return false;
    // Something larger than a chunk goes alone: the ledger says what is wrong with it.
    if (this.#bytes > 0 && this.#bytes + part.bytes > maxBytes) return false;
    if ("row" in part) return true;
    return this.#ops.length < maxOps && !(part.isOnlyOfPath && this.#paths.has(part.op.path));
  }

  add(part: Part): void {
    this.#bytes += part.bytes;
    if ("row" in part) {
      this.#rows.push(part.row);
      return;
    }
    this.#items.push(part.item);
    this.#bringsKind ||= part.item.bringsKind === true;
    this.#ops.push(part.op);
    this.#paths.add(part.op.path);
  }

  chunk(push: PushHeader, { changed }: ChangePlan, seq: number, final: boolean): PushChunk {
    const parsed = this.#items.flatMap((item) => (item.parsed === undefined ? [] : [item.parsed]));
    parsed.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    const held = this.#items.flatMap((item) =>
      item.heldBy === undefined ? [] : [[item.op.path, item.heldBy] as const],
    );
    const index = [...this.#items.flatMap((item) => item.rows), ...lastOfEach(this.#rows)];
    const heldBy = held.length > 0 ? { heldBy: Object.fromEntries(held) } : {};
    return { push, seq, final, parsed, ops: this.#ops, index, changed, ...heldBy };
  }
}

/**
 * In one transaction nobody sees the state between: a directory's row that is removed at a push's beginning and
 * written at its end is only written. A file's row stays twice: its removal also drops what was kept about it.
 */
function lastOfEach(rows: IndexEntry[]): IndexEntry[] {
  const written = new Set(rows.filter(({ path, oid }) => path.endsWith("/") && oid !== null).map(({ path }) => path));
  return rows.filter(({ path, oid }) => oid !== null || !written.has(path));
}

const encoder = new TextEncoder();

function size(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length;
}
