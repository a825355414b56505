import { overflow } from "./ending.ts";
import type { Feed, Payload } from "./payload.ts";

/** Wakes who waits for a feed; a feed is made with one, and calls it when there may be something to take. */
export class Bell {
  #ring: (() => void) | undefined;
  #rung = false;

  ring = (): void => {
    this.#rung = true;
    this.#ring?.();
  };

  async rung(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#ring = resolve;
      });
    }
    this.#rung = false;
    this.#ring = undefined;
  }
}

/**
 * A feed as graphql-js subscribes to one. No generator: `return` must end a feed that waits for its next event, and a
 * generator would hear of it only behind that event.
 */
export function iterate(feed: Feed, bell: Bell, flow?: { overflowed: boolean }): AsyncIterableIterator<Payload> {
  let isOver = false;
  const end = (): { done: true; value: undefined } => {
    isOver = true;
    feed.close();
    bell.ring();
    return { done: true, value: undefined };
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      while (!isOver) {
        if (flow?.overflowed) {
          const error = overflow(feed.cursor);
          end();
          return { done: false, value: { error } };
        }
        const payload = feed.take();
        if (payload) {
          if ("error" in payload) end();
          return { done: false, value: payload };
        }
        await bell.rung();
      }
      return { done: true, value: undefined };
    },
    async return() {
      return end();
    },
    async throw(error) {
      end();
      throw error;
    },
  };
}
