/**
 * Several branches feed one draft state without overwriting each other by accident (events.md, Draft and published).
 * An identity remembers, per branch, the last commit there that gave its admitted state: a spec, or its absence.
 */
export type Holders = Readonly<Record<string, string>>;

export type BranchDecision =
  /** The branch may change the state; from then on it alone holds it. */
  | { decision: "accept" }
  /** Its content equals the admitted state: it joins those that hold it, without an RV. */
  | { decision: "join" }
  /** It does not hold the state and descends from no commit that does. */
  | { decision: "diverged"; from: string; commit: string }
  /** Ancestry of these commits decides, and is not known here. */
  | { decision: "ask"; commits: string[] };

/**
 * `descends` tells whether the pushed commit descends from another; undefined: not known yet. A branch that holds the
 * state may always change it, force push included: it was its own to begin with.
 */
export function decideBranch(
  holders: Holders | undefined,
  branch: string,
  sameState: boolean,
  descends: (commit: string) => boolean | undefined,
): BranchDecision {
  const others = Object.entries(holders ?? {});
  const first = others[0];
  if (!first || (holders && Object.hasOwn(holders, branch))) return { decision: "accept" };
  if (sameState) return { decision: "join" };
  const answers = others.map(([, commit]) => descends(commit));
  if (answers.includes(true)) return { decision: "accept" };
  if (answers.includes(undefined)) {
    return { decision: "ask", commits: others.filter((_, i) => answers[i] === undefined).map(([, commit]) => commit) };
  }
  return { decision: "diverged", from: first[0], commit: first[1] };
}
