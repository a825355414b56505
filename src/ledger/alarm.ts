/** The one alarm of a Durable Object, multiplexed: armed only when something is due earlier than what is armed. */
export interface AlarmClock {
  getAlarm(): Promise<number | null>;
  setAlarm(at: number): Promise<void> | void;
}

export class Alarm {
  readonly #clock: AlarmClock;
  #armed: number | undefined;

  constructor(clock: AlarmClock) {
    this.#clock = clock;
  }

  /** After a wake: what the platform has armed. */
  async load(now: number): Promise<void> {
    const at = await this.#clock.getAlarm();
    // An alarm in the past that never ran counts as not armed: stuck ones are real (cloudflare-docs#18324).
    this.#armed = at !== null && at > now ? at : undefined;
  }

  /** Asks to be woken at or before `at`. Arming on every append cost 20-40 % of commits, hence the comparison. */
  wake(at: number): void {
    if (this.#armed !== undefined && this.#armed <= at) return;
    this.#armed = at;
    void this.#clock.setAlarm(at);
  }

  /** At the start of the handler: nothing is armed while it runs. */
  fired(): void {
    this.#armed = undefined;
  }

  overdue(now: number): number {
    return this.#armed === undefined ? 0 : Math.max(0, now - this.#armed);
  }
}
