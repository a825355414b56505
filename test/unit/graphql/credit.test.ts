import { describe, expect, it } from "vitest";
import {
  Credit,
  IDLE_MS,
  PING_EVERY_BYTES,
  SILENCE_MS,
  UNANSWERED_BYTES,
} from "../../../src/graphql/transport/credit.ts";

/** A client that answered its first ping, as every one does that answers at all. */
function answering(now = 0): Credit {
  const credit = new Credit(now);
  credit.pinged(now);
  credit.ponged();
  return credit;
}

const MESSAGE = 64 * 1024;

describe("what a client may be sent before it shows that it reads", () => {
  it("is 256 KiB for one that answers: then a ping, and nothing more before its pong", () => {
    const credit = answering();
    for (let sent = MESSAGE; sent < PING_EVERY_BYTES; sent += MESSAGE) {
      expect(credit.sent(MESSAGE, 0)).toBe(false);
      expect(credit.left).toBe(true);
    }
    expect(credit.sent(MESSAGE, 0)).toBe(true);
    credit.pinged(0);
    expect(credit.left).toBe(false);
    credit.ponged();
    expect(credit.left).toBe(true);
  });

  it("counts a pong for its own ping, not for what was sent since", () => {
    const credit = answering();
    credit.sent(PING_EVERY_BYTES, 0);
    credit.pinged(0);
    credit.sent(PING_EVERY_BYTES, 0);
    credit.pinged(0);
    credit.ponged();
    expect(credit.left).toBe(false);
    credit.ponged();
    expect(credit.left).toBe(true);
  });

  it("takes a pong that nobody asked for as no credit", () => {
    const credit = answering();
    credit.ponged();
    credit.sent(PING_EVERY_BYTES, 0);
    expect(credit.left).toBe(false);
  });

  it("is 8 MiB for one that never answered, which is then taken for stalled at once", () => {
    const credit = new Credit(0);
    credit.pinged(0);
    for (let sent = 0; sent < UNANSWERED_BYTES; sent += PING_EVERY_BYTES) {
      expect(credit.left).toBe(true);
      expect(credit.isStalled(sent)).toBe(false);
      if (credit.sent(PING_EVERY_BYTES, 0)) credit.pinged(0);
    }
    expect(credit.left).toBe(false);
    expect(credit.isStalled(0)).toBe(true);
    // Its first answer counts for everything it was asked before.
    credit.ponged();
    expect(credit.left).toBe(true);
  });
});

describe("a client that stops answering", () => {
  it("is stalled after a minute, gone after two, and neither while it answers", () => {
    const credit = answering();
    credit.sent(PING_EVERY_BYTES, 0);
    credit.pinged(0);
    expect(credit.isStalled(SILENCE_MS - 1)).toBe(false);
    expect(credit.isStalled(SILENCE_MS)).toBe(true);
    expect(credit.isGone(2 * SILENCE_MS - 1)).toBe(false);
    expect(credit.isGone(2 * SILENCE_MS)).toBe(true);
    credit.ponged();
    expect([credit.isStalled(3 * SILENCE_MS), credit.isGone(3 * SILENCE_MS)]).toEqual([false, false]);
  });

  it("is never gone where it never answered at all: its socket's close says so", () => {
    const credit = new Credit(0);
    credit.pinged(0);
    expect(credit.isGone(10 * SILENCE_MS)).toBe(false);
  });
});

describe("a quiet connection", () => {
  it("is pinged every half minute", () => {
    const credit = answering(0);
    expect(credit.isIdle(IDLE_MS - 1)).toBe(false);
    expect(credit.isIdle(IDLE_MS)).toBe(true);
    credit.pinged(IDLE_MS);
    expect(credit.isIdle(2 * IDLE_MS - 1)).toBe(false);
  });
});
