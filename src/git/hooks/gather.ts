/** Gathers the parts of a push until its last. In memory only: a hook whose parts were forgotten sends them once more. */

import { CONTEXT_FILES, PUSH_BYTES, PUSH_FILES } from "./limits.ts";
import type { PreReceivePart, PushedFile, RefUpdate } from "./part.ts";

/** A push, all its parts together. */
export interface PreReceivePush {
  pushId: string;
  actor: string | null;
  updates: RefUpdate[];
  files: PushedFile[];
  /** Changed files that were not sent or not kept. */
  left: number;
}

export interface Gathering extends PreReceivePush {
  nextPart: number;
  bytes: number;
  changedFiles: number;
  touchedAt: number;
}

/** Of all pushes being gathered: an object has 128 MB for everything it does. */
export const GATHERED_BYTES_MAX = 48 * 1024 * 1024;
/** A push that has sent nothing for so long was broken off. */
export const GATHERED_IDLE_MS = 60_000;

export type GatherStep =
  /** `202`: the next part is awaited. */
  | { step: "more"; push: PreReceivePush }
  /** The push is complete, and no longer kept. */
  | { step: "complete"; push: PreReceivePush }
  /** `409`: an earlier part is not here; the hook begins again. `503`: too many pushes at once. */
  | { step: "refused"; status: 409 | 503; message: string };

/**
 * Takes a part into `open`, which it changes. A first part always begins the push anew. Files over the limits that the
 * hook keeps to are counted as left to admission.
 */
export function gatherPart(open: Map<string, Gathering>, part: PreReceivePart, nowMs: number): GatherStep {
  for (const [id, { touchedAt }] of open) if (nowMs - touchedAt > GATHERED_IDLE_MS) open.delete(id);
  if (part.part === 1) open.delete(part.pushId);
  const gathering = part.part === 1 ? begin(part) : open.get(part.pushId);
  if (gathering === undefined || gathering.nextPart !== part.part) {
    open.delete(part.pushId);
    const message = `part ${part.part} of push ${part.pushId} came without the one before: send it again from part 1`;
    return { step: "refused", status: 409, message };
  }
  for (const file of part.files) take(gathering, file);
  gathering.left += part.left;
  gathering.nextPart++;
  gathering.touchedAt = nowMs;
  if (part.final) {
    open.delete(part.pushId);
    return { step: "complete", push: gathering };
  }
  open.set(part.pushId, gathering);
  const total = [...open.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > GATHERED_BYTES_MAX) {
    open.delete(part.pushId);
    return { step: "refused", status: 503, message: "too many large pushes are being checked at once: push again" };
  }
  return { step: "more", push: gathering };
}

function begin({ pushId, actor, updates }: PreReceivePart): Gathering {
  return { pushId, actor, updates, files: [], left: 0, nextPart: 1, bytes: 0, changedFiles: 0, touchedAt: 0 };
}

function take(gathering: Gathering, file: PushedFile): void {
  const { changedFiles, files } = gathering;
  const isFull = file.changed ? changedFiles >= PUSH_FILES : files.length - changedFiles >= CONTEXT_FILES;
  if (isFull || gathering.bytes + file.bytes.length > PUSH_BYTES) {
    if (file.changed) gathering.left++;
    return;
  }
  if (file.changed) gathering.changedFiles++;
  gathering.bytes += file.bytes.length;
  files.push(file);
}
