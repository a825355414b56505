/**
 * What a client may be sent before it shows that it reads. graphql-transport-ws has no credits, and a WebSocket of
 * workerd no back-pressure: `send` never fails for a client that stalls, and 1 GB was held for one. So a ping goes
 * with each 256 KiB, and its pong says that everything before it was read. (The protocol's ping message: workerd has
 * no way to send a WebSocket ping frame.)
 *
 * A client that never answered one, as upstream's controllers, cannot be told from one that stalls: it is sent up to
 * 8 MiB, and then told to subscribe again from where it is.
 */
export const PING_EVERY_BYTES = 256 * 1024;
export const UNANSWERED_BYTES = 8 * 1024 * 1024;
/** A client that answers pings and does not answer this long has stopped reading, or is gone. */
export const SILENCE_MS = 60_000;
/** Nothing was sent for so long: a ping finds out whether the client is there. */
export const IDLE_MS = 30_000;

export class Credit {
  /** Bytes up to each ping that is not answered yet, oldest first. */
  #pings: { bytes: number; at: number }[] = [];
  #sincePing = 0;
  #unanswered = 0;
  #answers = false;
  #sentAt: number;

  constructor(now: number) {
    this.#sentAt = now;
  }

  /** Counts what is sent; true where a ping has to follow. */
  sent(bytes: number, now: number): boolean {
    this.#sentAt = now;
    this.#sincePing += bytes;
    this.#unanswered += bytes;
    return this.#sincePing >= PING_EVERY_BYTES;
  }

  pinged(now: number): void {
    this.#sentAt = now;
    this.#pings.push({ bytes: this.#sincePing, at: now });
    this.#sincePing = 0;
    // Of who never answers it is enough to know when it was first asked.
    if (!this.#answers && this.#pings.length > 1) {
      const [first, ...rest] = this.#pings;
      const bytes = rest.reduce((sum, ping) => sum + ping.bytes, first?.bytes ?? 0);
      this.#pings = [{ bytes, at: first?.at ?? now }];
    }
  }

  ponged(): void {
    this.#answers = true;
    const ping = this.#pings.shift();
    if (ping) this.#unanswered -= ping.bytes;
  }

  /** Whether anything more may be sent now. */
  get left(): boolean {
    return this.#unanswered < (this.#answers ? PING_EVERY_BYTES : UNANSWERED_BYTES);
  }

  /** Whether the client has to be taken for one that does not read. */
  isStalled(now: number): boolean {
    if (!this.#answers) return !this.left;
    const oldest = this.#pings[0];
    return oldest !== undefined && now - oldest.at >= SILENCE_MS;
  }

  /** Whether nobody is there any more: it answered before, and not for long. */
  isGone(now: number): boolean {
    const oldest = this.#pings[0];
    return this.#answers && oldest !== undefined && now - oldest.at >= 2 * SILENCE_MS;
  }

  isIdle(now: number): boolean {
    return now - this.#sentAt >= IDLE_MS;
  }
}
