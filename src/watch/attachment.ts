/**
 * A session as its socket's attachment. It is written with every frame to every socket, and most of it never changes: as
 * texts that are made once it costs a third of the structured clone of the whole (measured: 3 µs a frame, 1 µs so).
 */
import type { SessionState } from "./session.ts";

/** The platform's limit is 16 KiB, as serialised. */
export const MAX_ATTACHMENT_BYTES = 16 * 1024;
/** More than tags and lengths of a list's elements, and the names of fields in `snap`, `compact` and `named`. */
const OVERHEAD_BYTES = 1_024;

const MOVING = [
  "phase",
  "pos",
  "part",
  "told",
  "toldAt",
  "sent",
  "acked",
  "ackAt",
  "parkedAt",
  "owed",
  "heardAt",
  "snap",
  "compact",
  "named",
] as const satisfies readonly (keyof SessionState)[];

type Moving = (typeof MOVING)[number];
type Fixed = Omit<SessionState, Moving>;

/**
 * What does not move, in six texts (a character beyond Latin-1 doubles the text it is in, so that those which may have
 * one stand alone), and behind them what does, in the order of MOVING.
 */
export type Attachment = [...texts: Texts, ...SessionState[Moving][]];
type Texts = [rest: string, label: string, field: string, sub: string, jti: string, writes: string];

/** Writes the attachments of one session; remembers the texts of what is the same as the last time. */
export class AttachmentWriter {
  #fixed: Fixed | undefined;
  #texts: Texts = ["", "", "", "", "", ""];

  of(state: SessionState): Attachment {
    // Objects in it are replaced, and never changed in place.
    if (!this.#fixed || !isSame(this.#fixed, state)) {
      this.#fixed = fixedOf(state);
      this.#texts = textsOf(this.#fixed);
    }
    const [rest, label, field, sub, jti, writes] = this.#texts;
    return [
      rest,
      label,
      field,
      sub,
      jti,
      writes,
      state.phase,
      state.pos,
      state.part,
      state.told,
      state.toldAt,
      state.sent,
      state.acked,
      state.ackAt,
      state.parkedAt,
      state.owed,
      state.heardAt,
      state.snap,
      state.compact,
      state.named,
    ];
  }
}

export function sessionOf([rest, label, field, sub, jti, writes, ...moving]: Attachment): SessionState {
  const { kinds, ...fixed } = JSON.parse(rest) as Omit<Fixed, "filter"> & Pick<SessionState["filter"], "kinds">;
  const entries = MOVING.map((name, index) => [name, moving[index]]);
  return {
    ...fixed,
    filter: { kinds, label, field },
    sub,
    jti,
    writes: JSON.parse(writes) as SessionState["writes"],
    ...Object.fromEntries(entries),
  } as SessionState;
}

/**
 * Makes a session fit its socket: what it may write goes where it is too much (`writes` null, as for grants that are too
 * many). False: it does not fit even so, and could not be kept.
 */
export function fitSocket(state: SessionState): boolean {
  if (isTooLarge(state)) state.writes = null;
  return !isTooLarge(state);
}

/** With room for what moves. */
function isTooLarge(state: SessionState): boolean {
  const { kinds } = state.filter;
  const moving = [state.named?.name ?? "", JSON.stringify([kinds, state.snap])];
  const texts = [...textsOf(fixedOf(state)), ...moving];
  return texts.reduce((sum, text) => sum + storedBytes(text), OVERHEAD_BYTES) > MAX_ATTACHMENT_BYTES;
}

/** V8 writes a string with one byte a character where all are Latin-1, else with two. */
function storedBytes(text: string): number {
  return /[\u0100-\uffff]/.test(text) ? 2 * text.length : text.length;
}

function fixedOf(state: SessionState): Fixed {
  const { v, enc, filter, window, of, bookmarks, initialEnd, expired, until, writes, sub, jti, exp } = state;
  return { v, enc, filter, window, of, bookmarks, initialEnd, expired, until, writes, sub, jti, exp };
}

function textsOf({ filter, sub, jti, writes, ...fixed }: Fixed): Texts {
  const rest = JSON.stringify({ ...fixed, kinds: filter.kinds });
  return [rest, filter.label, filter.field, sub, jti, JSON.stringify(writes)];
}

/** Only a token's renewal changes any of them; `until`, too, is compared because it is a number like those. */
function isSame(fixed: Fixed, { exp, jti, writes, until, filter }: SessionState): boolean {
  return (
    fixed.exp === exp &&
    fixed.jti === jti &&
    fixed.writes === writes &&
    fixed.until === until &&
    fixed.filter === filter
  );
}
