import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { LEDGER_MIGRATIONS } from "../../../src/ledger/schema.ts";

it("a ledger's migrations are never edited once they have shipped: objects in the field are at every one of them", () => {
  const hashes = LEDGER_MIGRATIONS.map((step) => createHash("sha256").update(step).digest("hex").slice(0, 16));
  expect(hashes).toEqual([
    "52af0cb40e8fa3c5",
    "9dca865f8fa37a0a",
    "aede3cb53f656217",
    "d0f874a6c07c51f4",
    "01b8207f11272db7",
    "e3f63ca423c48895",
  ]);
});
