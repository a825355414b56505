import { describe, expect, it } from "vitest";
import { parsePoll, readSettings } from "../../../src/git/settings.ts";

const repository = { namespace: "acme", name: "catalog", uid: "u" };

describe("a Repository's settings", () => {
  it("have the contract's defaults", () => {
    expect(readSettings(repository, { url: "https://github.com/acme/catalog", provider: "github" })).toEqual({
      ...repository,
      url: "https://github.com/acme/catalog",
      provider: "github",
      branches: ["main", "draft"],
      releaseTags: ["release/**", "v[0-9]*"],
      pollMs: 300_000,
    });
  });

  it("are none without a url, or with a provider that is not served", () => {
    expect(readSettings(repository, {})).toBeNull();
    expect(readSettings(repository, { url: "https://x.example/y", provider: "gitlab" })).toBeNull();
  });

  it.each([
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["30s", 30_000],
    ["1s", 10_000],
    ["off", null],
    ["soon", 300_000],
  ])("poll %s is %s ms", (text, ms) => expect(parsePoll(text)).toBe(ms));
});
