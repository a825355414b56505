import { expect, it } from "vitest";
import { ledgerOf } from "../../../src/config.ts";
import { repositoriesIn } from "../../../src/http/namespaces.ts";
import { addRepository, bindings, newLedger } from "../support/ledger.ts";

it("the Repositories that a namespace's deletion ends are all of them, however many pages they are", async () => {
  const { name, stub } = await newLedger();
  for (const repository of ["a", "b", "c", "d"]) await addRepository(stub, repository);
  const all = ["a", "b", "c", "catalog", "d"];
  for (const page of [1, 2, 5, 500]) expect(await repositoriesIn(name, stub, page)).toEqual(all);
  expect(await repositoriesIn("nowhere", ledgerOf(bindings, "nowhere"))).toEqual([]);
});
