import { describe, expect, it } from "vitest";
import type { SessionState } from "../../../src/watch/session.ts";
import {
  ASK_AT_CHARS,
  MAX_STATUS_FRAME_CHARS,
  MAX_UNANSWERED,
  MAX_UNREAD_CHARS,
  StatusFrames,
  type StatusSession,
} from "../../../src/watch/statusFrames.ts";

/** A connection whose answers the test gives when it wants; `sent` grows by one with each frame that is asked for. */
function connection() {
  const key = {};
  const texts: string[] = [];
  const waiting: ((answer: string) => void)[] = [];
  const state = { sent: 0 } as SessionState;
  let asked = 0;
  const session: StatusSession = {
    state,
    send: (text) => texts.push(text),
    ask: () => {
      asked += 1;
      state.sent += 1;
    },
  };
  const frames = new StatusFrames<object>({
    answerStatus: () => new Promise((resolve) => waiting.push(resolve)),
    refuseStatus: (code) => `"refused":{"code":${code}}`,
  });
  let ids = 0;
  const receive = (chars = 100) => frames.receive(key, session, `w${++ids}`, {}, chars);
  const answered = () => texts.map((text) => JSON.parse(text) as { id: string; refused?: { code: number } });
  return {
    texts,
    waiting,
    receive,
    answered,
    acknowledged: (sent: number) => frames.acknowledged(key, sent),
    asked: () => asked,
  };
}

describe("status frames", () => {
  it("are answered once each, under their own id, in the order the writes end", async () => {
    const { receive, waiting, texts } = connection();
    const both = [receive(), receive()];
    waiting[1]?.('"result":{"n":2}');
    await both[1];
    waiting[0]?.('"result":{"n":1}');
    await Promise.all(both);
    expect(texts).toEqual(['{"id":"w2","result":{"n":2}}', '{"id":"w1","result":{"n":1}}']);
  });

  it("are at most 64 unanswered; the next is refused with 429 and not tried, until one is answered", async () => {
    const { receive, waiting, answered } = connection();
    const open = Array.from({ length: MAX_UNANSWERED }, () => receive());
    await receive();
    expect(answered()).toEqual([{ id: "w65", refused: { code: 429 } }]);
    expect(waiting).toHaveLength(64);
    waiting[0]?.('"result":{}');
    await open[0];
    void receive();
    expect(waiting).toHaveLength(65);
  });

  it("are refused with 413 where they are larger than an object may be", async () => {
    const { receive, waiting, answered } = connection();
    await receive(MAX_STATUS_FRAME_CHARS + 1);
    expect(answered()).toEqual([{ id: "w1", refused: { code: 413 } }]);
    expect(waiting).toHaveLength(0);
  });

  it("ask for an acknowledgement once 1 MiB of answers may be unread, and not again before it came", async () => {
    const { receive, waiting, asked, acknowledged } = connection();
    const answer = async (chars: number) => {
      const done = receive();
      waiting.pop()?.(`"result":"${"x".repeat(chars)}"`);
      await done;
    };
    await answer(ASK_AT_CHARS - 1_000);
    expect(asked()).toBe(0);
    await answer(1_000);
    await answer(ASK_AT_CHARS);
    expect(asked()).toBe(1);
    acknowledged(0);
    await answer(1_000);
    expect(asked(), "an older acknowledgement proves nothing").toBe(1);
    acknowledged(1);
    await answer(1_000);
    expect(asked(), "what came after the asked frame is still unread").toBe(2);
  });

  it("are refused with 429 once 32 MiB of answers are unread, and taken again when they were read", async () => {
    const { receive, waiting, answered, acknowledged, texts } = connection();
    for (let total = 0; total <= MAX_UNREAD_CHARS; total += 1_000_000) {
      const done = receive();
      waiting.pop()?.(`"result":"${"x".repeat(1_000_000)}"`);
      await done;
    }
    texts.length = 0;
    await receive();
    expect(answered()).toMatchObject([{ refused: { code: 429 } }]);
    acknowledged(1);
    void receive();
    expect(waiting).toHaveLength(1);
  });
});
