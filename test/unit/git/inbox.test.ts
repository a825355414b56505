import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { INBOX_MIGRATIONS, Inbox } from "../../../src/git/inbox.ts";
import type { Settings } from "../../../src/git/settings.ts";
import { memoryStorage } from "./support/storage.ts";

const settings: Settings = {
  namespace: "acme",
  name: "catalog",
  uid: "u1",
  url: "https://github.com/acme/catalog",
  provider: "github",
  branches: ["main"],
  releaseTags: [],
  pollMs: null,
};

describe("the inbox", () => {
  it("makes no table before it is configured, and leaves none behind", () => {
    const storage = memoryStorage();
    const inbox = new Inbox(storage);
    expect(inbox.settings()).toBeNull();
    expect(storage.tables()).toEqual([]);
    inbox.configure(settings);
    expect(inbox.settings()).toEqual(settings);
    inbox.wipe();
    expect(storage.tables()).toEqual([]);
  });

  it("keeps everything over a restart, and learns the provider's id anew for another url", () => {
    const storage = memoryStorage();
    new Inbox(storage).configure(settings);
    new Inbox(storage).setMeta("boundId", "42");
    const inbox = new Inbox(storage);
    inbox.configure({ ...settings, branches: ["main", "draft"] });
    expect(inbox.meta("boundId")).toBe("42");
    inbox.configure({ ...settings, url: "https://github.com/acme/moved" });
    expect(inbox.meta("boundId")).toBeUndefined();
  });

  it("keeps nothing of another Repository that had the name before", () => {
    const inbox = new Inbox(memoryStorage());
    inbox.configure(settings);
    inbox.record({ id: "d1", receivedAt: 1, result: "accepted" }, []);
    inbox.addSecret({ id: "s", createdAt: 1, notAfter: null, sealed: "x" }, null);
    inbox.configure({ ...settings, uid: "u2" });
    expect(inbox.deliveries(10)).toEqual([]);
    expect(inbox.secrets(2)).toEqual([]);
  });

  it("has migrations that are never edited once they have shipped", () => {
    const hashes = INBOX_MIGRATIONS.map((step) => createHash("sha256").update(step).digest("hex").slice(0, 16));
    expect(hashes).toEqual(["49da85bafe0ea0bf", "5332b99a225e5465"]);
  });
});
