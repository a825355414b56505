/** The header of a push: everything that its ref event tells. */
import type { CommitInfo, PushHeader } from "../../ledger/api.ts";
import { matchesAny } from "../plan/globs.ts";
import { type Move, shortName } from "../plan/moves.ts";
import type { ParsedCommit } from "../remote/objects.ts";
import type { Settings } from "../settings.ts";

export interface MoveFacts {
  forced: boolean;
  baseline: boolean;
  commit: ParsedCommit | null;
  peeled: string | null;
  /** When the refs were observed. */
  observedAt: number;
}

export function policyOf(settings: Settings, ref: string, refType: "branch" | "tag"): PushHeader["policy"] {
  const { branches, releaseTags } = settings;
  const matched = matchesAny(refType === "branch" ? branches : releaseTags, shortName(ref));
  return { branches, releaseTags, matched };
}

export function pushHeader(settings: Settings, move: Omit<Move, "peeled" | "last">, facts: MoveFacts): PushHeader {
  const { hint } = move;
  const header: PushHeader = {
    repository: { uid: settings.uid, name: settings.name },
    ref: move.ref,
    refType: move.refType,
    old: move.old,
    new: move.new,
    peeled: facts.peeled,
    objectType: objectType(move, facts.peeled),
    move: move.move,
    forced: facts.forced,
    commit: facts.commit === null ? null : commitInfo(facts.commit),
    actor: hint?.actor ?? { name: null, email: null, id: null, provider: settings.provider },
    observedVia: hint === null ? "poll" : hint.provider === "git" ? "hook" : "webhook",
    policy: policyOf(settings, move.ref, move.refType),
    time: new Date(facts.observedAt).toISOString(),
  };
  if (facts.baseline) header.baseline = true;
  if (hint !== null) header.delivery = { provider: hint.provider, id: hint.delivery };
  if (hint?.traceparent !== undefined) header.traceparent = hint.traceparent;
  return header;
}

function objectType(move: Pick<Move, "refType" | "new">, peeled: string | null): PushHeader["objectType"] {
  if (move.refType === "branch" || move.new === null) return null;
  return peeled === move.new ? "lightweight" : "annotated";
}

function commitInfo({ sha, tree, message, author, committer }: ParsedCommit): CommitInfo {
  return { sha, tree, message, author, committer };
}
