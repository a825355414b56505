import { describe, expect, it } from "vitest";
import { sealer } from "../../../src/git/sealing.ts";

const KEY = "c2VhbGluZy1rZXktc2VhbGluZy1rZXktc2VhbGluZy0";
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));

describe("a sealed secret", () => {
  it("opens with its key and context, as it was", async () => {
    const box = sealer(KEY, random);
    const sealed = await box.seal("whsec_pässword", "uid/1");
    expect(sealed).not.toContain("whsec");
    expect(await sealer(KEY, random).open(sealed, "uid/1")).toBe("whsec_pässword");
  });

  it("is another text each time", async () => {
    const box = sealer(KEY, random);
    expect(await box.seal("x", "c")).not.toBe(await box.seal("x", "c"));
  });

  it("does not open as another secret, with another key, or changed", async () => {
    const box = sealer(KEY, random);
    const sealed = await box.seal("x", "uid/1");
    await expect(box.open(sealed, "uid/2")).rejects.toThrow();
    await expect(sealer(KEY.replace("c2V", "d2V"), random).open(sealed, "uid/1")).rejects.toThrow();
    const changed = `${sealed.slice(0, -4)}${sealed.at(-4) === "A" ? "B" : "A"}${sealed.slice(-3)}`;
    await expect(box.open(changed, "uid/1")).rejects.toThrow();
  });
});
