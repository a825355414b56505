import { expect, it } from "vitest";
import { parse } from "yaml";
import { registryWith } from "../../../src/resource/registry.ts";
import type { JsonObject } from "../../../src/resource/types.ts";
import { headOf, must, newLedger, push } from "../support/ledger.ts";
import { watch } from "../support/watcher.ts";
import { WIDGETS } from "../support/widgets.ts";

const WIDGET = "Widget.acme.example";
const SELECTABLE = `${WIDGETS}      selectableFields:\n        - {jsonPath: .spec.color}\n`;

const widget = (name: string, labels = "{}"): string =>
  `---\napiVersion: acme.example/v1\nkind: Widget\nmetadata: {name: ${name}, labels: ${labels}}\nspec: {color: red}\n---\n`;

it("a field that a kind selects by from now on selects an object once it was written again: it is ADDED then", async () => {
  const ledger = await newLedger();
  const registry = (definition: string) => registryWith([parse(definition) as { spec: JsonObject }]);
  await push(ledger, { files: { ".gitstore/widgets.yaml": WIDGETS } });
  await push(ledger, { files: { "w.md": widget("w") }, registry: registry(WIDGETS) });
  await push(ledger, { files: { ".gitstore/widgets.yaml": SELECTABLE } });
  const watcher = await watch(ledger, { kinds: [WIDGET], field: "spec.color=red" });
  await watcher.untilRv(await headOf(ledger));
  expect(watcher.told, "no list has it either: what it is selected by is stored with it").toEqual([]);
  await push(ledger, { files: { "w.md": widget("w", "{shop/new: first}") }, registry: registry(SELECTABLE) });
  await push(ledger, { files: { "w.md": widget("w", "{shop/new: second}") }, registry: registry(SELECTABLE) });
  await watcher.untilRv(await headOf(ledger));
  expect(watcher.events.map(({ type }) => type)).toEqual(["ADDED", "MODIFIED"]);
});

it("selectors that are together more than a connection can keep are refused, and leave nothing behind", async () => {
  const ledger = await newLedger();
  const named = (chars: number): string => `metadata.name=${"日".repeat(chars)}`;
  const watcher = await watch(ledger, {
    label: `a in (${"x,".repeat(2_000)}x)`,
    field: named(7_000),
    watcher: { name: "w", standby: false },
  });
  expect(await watcher.closed).toMatchObject({ code: 4400 });
  expect(watcher.error).toMatchObject({
    code: 400,
    message: expect.stringContaining("together more than a connection can keep"),
  });
  expect(await must(ledger.stub.watchers())).toEqual([]);
  expect((await ledger.stub.stats()).watchers.connected).toBe(0);
  const alone = await watch(ledger, { field: named(4_000) });
  await alone.until(() => alone.frames.length > 0);
});
