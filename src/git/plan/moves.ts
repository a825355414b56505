/**
 * From what the ledger has applied and what the remote shows to the moves between them.
 *
 * Deliveries only decide how finely a move is told and who made it; whether a ref moved, and where to, is read from
 * the refs alone, so a lost, doubled, reordered or forged delivery changes nothing but provenance (contract, events:
 * "A delivery is a hint").
 *
 * Order: branches before tags, each by name in code unit order, the steps of one ref in the order they happened. It
 * depends on the observation only, so the same observation gives the same sequence whatever woke the look.
 */
import type { Actor, AppliedRef } from "../../ledger/api.ts";
import type { RemoteRef } from "../remote/protocolV2.ts";

/** One ref update that a verified delivery told of. Null where the ref did not, or does no longer, exist. */
export interface Hint {
  /** Order of arrival. */
  seq: number;
  delivery: string;
  provider: string;
  ref: string;
  before: string | null;
  after: string | null;
  actor: Actor;
  traceparent?: string;
  receivedAt: number;
}

export interface Move {
  ref: string;
  refType: "branch" | "tag";
  old: string | null;
  new: string | null;
  /** Known for what was observed; null for deletions, and for steps between, whose objects must be read to know. */
  peeled: string | null;
  /** This ref's move counter. */
  move: number;
  /** The delivery that told of this very step. */
  hint: Hint | null;
  /** Whether `new` is the observed oid, not a step on the way to it. */
  last: boolean;
}

/** `branch` and `tag` refs are followed; `refs/pull/*`, `refs/notes/*` and the like are not. */
export function refTypeOf(ref: string): "branch" | "tag" | null {
  if (ref.startsWith("refs/heads/")) return "branch";
  return ref.startsWith("refs/tags/") ? "tag" : null;
}

/** `main` of `refs/heads/main`. */
export function shortName(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, "");
}

/**
 * `exists` answers for the oids that `stepsBetween` named: a chain through an object that the remote does not have is
 * no proof of anything, and its steps collapse into one move.
 */
export function planMoves(
  applied: readonly AppliedRef[],
  observed: readonly RemoteRef[],
  hints: readonly Hint[],
  exists: (oid: string) => boolean,
): Move[] {
  const moves: Move[] = [];
  const byRef = hintsByRef(hints);
  for (const { ref, refType, from, to, counter } of changedRefs(applied, observed)) {
    const old = from;
    const target = to?.oid ?? null;
    const ofRef = byRef.get(ref) ?? [];
    const chain = findChain(old, target, ofRef);
    const proven = chain?.every((hint) => hint.after === null || hint.after === target || exists(hint.after)) ?? false;
    const steps: (Hint | null)[] = chain !== null && proven ? chain : [announcing(old, target, ofRef)];
    let before = old;
    steps.forEach((hint, index) => {
      const last = index === steps.length - 1;
      const after = last ? target : (hint?.after ?? null);
      const peeled = last && to !== undefined ? (to.peeled ?? to.oid) : null;
      moves.push({ ref, refType, old: before, new: after, peeled, move: counter + index + 1, hint, last });
      before = after;
    });
  }
  return moves;
}

/** Oids that lie between applied and observed by what deliveries say, and whose existence has to be established. */
export function stepsBetween(
  applied: readonly AppliedRef[],
  observed: readonly RemoteRef[],
  hints: readonly Hint[],
): string[] {
  const oids = new Set<string>();
  const byRef = hintsByRef(hints);
  for (const { ref, from, to } of changedRefs(applied, observed)) {
    const chain = findChain(from, to?.oid ?? null, byRef.get(ref) ?? []) ?? [];
    for (const hint of chain.slice(0, -1)) if (hint.after !== null) oids.add(hint.after);
  }
  return [...oids];
}

function changedRefs(applied: readonly AppliedRef[], observed: readonly RemoteRef[]) {
  const now = new Map(observed.map((ref) => [ref.name, ref]));
  const then = new Map(applied.map((ref) => [ref.ref, ref]));
  const names = [...new Set([...then.keys(), ...now.keys()])];
  const changed = [];
  for (const ref of names.sort(byTypeThenName)) {
    const refType = refTypeOf(ref);
    const to = now.get(ref);
    const from = then.get(ref)?.oid ?? null;
    if (refType === null || from === (to?.oid ?? null)) continue;
    changed.push({ ref, refType, from, to, counter: then.get(ref)?.move ?? 0 });
  }
  return changed;
}

function byTypeThenName(a: string, b: string): number {
  // "refs/heads/" sorts before "refs/tags/", so one comparison gives both.
  return a < b ? -1 : a > b ? 1 : 0;
}

function hintsByRef(hints: readonly Hint[]): Map<string, Hint[]> {
  return Map.groupBy(
    [...hints].sort((a, b) => a.seq - b.seq),
    (hint) => hint.ref,
  );
}

function announcing(from: string | null, target: string | null, hints: Hint[]): Hint | null {
  const exact = hints.findLast((hint) => hint.after === target && hint.before !== target);
  // GitHub's `create` and `delete` tell no oids: they fit where the ref came or went.
  const untold = hints.findLast((hint) => hint.before === null && hint.after === null);
  return exact ?? ((from === null) !== (target === null) ? (untold ?? null) : null);
}

/** The shortest chain of deliveries from one oid to the other; of equals, the one that arrived first. */
function findChain(from: string | null, to: string | null, hints: Hint[]): Hint[] | null {
  const reached = new Map<string | null, Hint | null>([[from, null]]);
  const queue: (string | null)[] = [from];
  const byBefore = Map.groupBy(hints, (hint) => hint.before);
  for (const at of queue) {
    if (at === to) break;
    for (const hint of byBefore.get(at) ?? []) {
      if (hint.before === hint.after || reached.has(hint.after)) continue;
      reached.set(hint.after, hint);
      queue.push(hint.after);
    }
  }
  if (!reached.has(to)) return null;
  const chain: Hint[] = [];
  for (let at = to; at !== from; ) {
    const hint = reached.get(at);
    if (hint === null || hint === undefined) return null;
    chain.push(hint);
    at = hint.before;
  }
  return chain.reverse();
}
