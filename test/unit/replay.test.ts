import { describe, expect, it } from "vitest";
import { replayOf } from "../../src/config.ts";

const database = (name: string): D1Database => ({ name }) as unknown as D1Database;

describe("several REPLAY bindings", () => {
  it("share the namespaces by hash, each namespace always in the same one", () => {
    const env = { REPLAY: database("0"), REPLAY_1: database("1"), REPLAY_2: database("2") };
    const used = new Map<D1Database, number>();
    for (let i = 0; i < 300; i++) {
      const chosen = replayOf(env, `shop-${i}`);
      expect(replayOf(env, `shop-${i}`)).toBe(chosen);
      used.set(chosen, (used.get(chosen) ?? 0) + 1);
    }
    expect(used.size).toBe(3);
    for (const count of used.values()) expect(count).toBeGreaterThan(50);
  });

  it("are one where there is one", () => {
    const env = { REPLAY: database("0") };
    expect(replayOf(env, "anything")).toBe(env.REPLAY);
  });
});
