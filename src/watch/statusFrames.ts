/** `{"id","status"}` frames: each is answered once, outside the window, in no promised order against events. */
import type { SessionState } from "./session.ts";

/** Unanswered at a time on one connection (status.md). */
export const MAX_UNANSWERED = 64;
/** A status is at most 64 KiB; what else an input holds is there to be compared, and an object is at most this. */
export const MAX_STATUS_FRAME_CHARS = 1024 * 1024;
/**
 * Answers have no credit of their own, and `send` never fails for a peer that does not read. So their bytes are counted
 * until an acknowledgement of a later frame proves that they were read: from the first mark on such a frame is made,
 * beyond the second no write is taken.
 */
export const ASK_AT_CHARS = 1024 * 1024;
export const MAX_UNREAD_CHARS = 32 * 1024 * 1024;

export interface StatusFrameHost {
  /** The answer without its braces and id: `"result":{…}`. Never rejects. */
  answerStatus(state: SessionState, input: unknown): Promise<string>;
  /** The same for what was not even tried. */
  refuseStatus(code: 413 | 429, message: string): string;
}

/** The session that a frame came on, as far as this needs it. */
export interface StatusSession {
  state: SessionState;
  send(text: string): void;
  /** Makes a frame that the client has to acknowledge. */
  ask(): void;
}

interface Meter {
  unanswered: number;
  unread: number;
  /** What was unread when the frame that ends at `at` was made; acknowledging it proves so much. */
  asked: { at: number; unread: number } | undefined;
}

export class StatusFrames<Key extends WeakKey> {
  readonly #host: StatusFrameHost;
  readonly #meters = new WeakMap<Key, Meter>();

  constructor(host: StatusFrameHost) {
    this.#host = host;
  }

  /** `chars`: of the whole frame. */
  async receive(key: Key, session: StatusSession, id: string, input: unknown, chars: number): Promise<void> {
    const meter = this.#meterOf(key);
    if (chars > MAX_STATUS_FRAME_CHARS) {
      const message = `a status frame has at most ${MAX_STATUS_FRAME_CHARS} characters, found ${chars}`;
      this.#answer(meter, session, id, this.#host.refuseStatus(413, message));
      return;
    }
    if (meter.unanswered >= MAX_UNANSWERED) {
      const message = `${MAX_UNANSWERED} status writes of this connection are unanswered: wait for an answer before each further one`;
      this.#answer(meter, session, id, this.#host.refuseStatus(429, message));
      return;
    }
    if (meter.unread > MAX_UNREAD_CHARS) {
      const message = "answers wait to be read on this connection: acknowledge the last frame, then write again";
      this.#answer(meter, session, id, this.#host.refuseStatus(429, message));
      return;
    }
    meter.unanswered += 1;
    try {
      this.#answer(meter, session, id, await this.#host.answerStatus(session.state, input));
    } finally {
      meter.unanswered -= 1;
    }
  }

  /** What an acknowledgement up to `acked` proves. */
  acknowledged(key: Key, acked: number): void {
    const meter = this.#meters.get(key);
    if (!meter?.asked || acked < meter.asked.at) return;
    meter.unread -= meter.asked.unread;
    meter.asked = undefined;
  }

  #meterOf(key: Key): Meter {
    let meter = this.#meters.get(key);
    if (!meter) {
      meter = { unanswered: 0, unread: 0, asked: undefined };
      this.#meters.set(key, meter);
    }
    return meter;
  }

  #answer(meter: Meter, session: StatusSession, id: string, answer: string): void {
    const text = `{"id":${JSON.stringify(id)},${answer}}`;
    session.send(text);
    meter.unread += text.length;
    if (meter.asked || meter.unread < ASK_AT_CHARS) return;
    session.ask();
    meter.asked = { at: session.state.sent, unread: meter.unread };
  }
}
