import { expect, it } from "vitest";
import { bindings, must, newLedger, productText, push } from "../support/ledger.ts";
import { countRows } from "../support/rows.ts";

it("the state that each look at a remote begins with reads no object; only the brake on mass deletion has them counted", async () => {
  const ledger = await newLedger();
  const stub = bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name));
  const state = (resources?: boolean) =>
    must(ledger.stub.gitState("catalog", resources === undefined ? {} : { resources }));
  const file = (name: string) => [`${name}.md`, productText(name, name)];
  await push(ledger, { files: Object.fromEntries([file("first")]) });
  const before = await countRows(stub, () => state());
  const names = Array.from({ length: 300 }, (_, i) => `p${i}`);
  await push(ledger, { files: Object.fromEntries(names.map(file)) });
  expect(await countRows(stub, () => state())).toEqual(before);
  expect([(await state()).resources, (await state(true)).resources]).toEqual([undefined, 301]);
  expect((await countRows(stub, () => state(true))).read).toBeGreaterThan(300);
});
