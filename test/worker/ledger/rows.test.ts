import { runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import type { PushOp } from "../../../src/ledger/api.ts";
import { bindings, must, newLedger, productText, push, runAlarm, type TestLedger } from "../support/ledger.ts";
import { countRows } from "../support/rows.ts";
import { watch } from "../support/watcher.ts";

const stubOf = (ledger: TestLedger): DurableObjectStub => bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name));
const variant = (sku: string, product: string): string =>
  `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: ProductVariant\nmetadata:\n  name: ${sku}\nspec:\n  title: A variant\n  productRef:\n    name: ${product}\n  sku: ${sku}\n---\n`;

const PRODUCT = "Product.catalog.gitstore.dev";
const many = (from: number, count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => `p${from + i}`).map((name) => [
      `${name}.md`,
      productText(name, `Product ${name}`),
    ]),
  );

const failed = (path: string): Extract<PushOp, { op: "fail" }> => ({
  op: "fail",
  path,
  blob: "f".repeat(40),
  stage: "parse",
  errors: [{ path, line: 1, column: 1, field: "", reason: "MalformedYAML", message: "it is not YAML" }],
});

const variants = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`v${i}.md`, variant(`v${i}`, "p2000")]));

let round = 0;

/** Rows read and written by each kind of transaction, one of each. */
async function costs(ledger: TestLedger): Promise<Record<string, { read: number; written: number }>> {
  round += 1;
  const name = `one${round}`;
  const stub = stubOf(ledger);
  // No flush falls in between: its rows are the backlog's.
  await runAlarm(ledger);
  await runInDurableObject(stub, (_, { storage }) => storage.deleteAlarm());
  const rows = (work: () => Promise<unknown>) => countRows(stub, work);
  const condition = { type: "Ready", status: "True", reason: "A", message: "" };
  const spec = {};
  const channel = { apiVersion: "release.gitstore.dev/v1beta1", kind: "Channel", metadata: { name }, spec };
  const write = { kind: "Channel.release.gitstore.dev", name, actor: "test" };
  return {
    "a file that is new": await rows(() => push(ledger, { files: { [`${name}.md`]: productText(name, "One") } })),
    "a file that changed": await rows(() => push(ledger, { files: { [`${name}.md`]: productText(name, "Two") } })),
    "a file with a reference": await rows(() =>
      push(ledger, { files: { [`v-${name}.md`]: variant(`v-${name}`, name) } }),
    ),
    "a file that was refused": await rows(() => push(ledger, { fails: [failed(`${name}-bad.md`)] })),
    "a status": await rows(async () =>
      expect(
        (
          await ledger.stub.updateStatus({
            kind: PRODUCT,
            name,
            input: { mode: "merge", patch: { status: { conditions: [condition] } } },
            unconditional: true,
            sub: "user:test",
          })
        ).outcome,
      ).toBe("written"),
    ),
    "a file that is gone": await rows(() =>
      push(ledger, {
        deletes: { [`v-${name}.md`]: { kind: "ProductVariant.catalog.gitstore.dev", name: `v-${name}` } },
      }),
    ),
    "a branch's index by a path": await rows(() =>
      must(ledger.stub.index({ repository: "catalog", branch: "main", after: "z", limit: 1 })),
    ),
    "an API write": await rows(() =>
      must(ledger.stub.write({ ...write, operation: "CREATE", resource: channel } as never)),
    ),
    "an API deletion": await rows(() => must(ledger.stub.write({ ...write, operation: "DELETE" } as never))),
  };
}

it("a transaction reads and writes no more rows in a ledger of thousands of objects, events, rejections and refs", async () => {
  const ledger = await newLedger("rows");
  const watcher = await watch(ledger, { start: { from: "now" } });
  // One of each, so that each search of an index has a row to end at.
  await push(ledger, { files: { ...many(0, 20), ...variants(2) }, fails: [failed("bad.md")] });
  await costs(ledger);
  const before = await costs(ledger);
  for (let i = 0; i < 3; i++) await push(ledger, { files: many(20 + i * 1_000, 1_000), chunkSize: 500 });
  await push(ledger, { fails: Array.from({ length: 1_000 }, (_, i) => failed(`bad${i}.md`)), chunkSize: 500 });
  const gone = Object.entries(many(0, 1_000)).map(([path]) => [path, { kind: PRODUCT, name: path.slice(0, -3) }]);
  await push(ledger, { deletes: Object.fromEntries(gone), chunkSize: 500 });
  await push(ledger, { files: variants(500), chunkSize: 250 });
  for (let i = 0; i < 100; i++) await push(ledger, { ref: `refs/tags/v${i}` });
  expect(await costs(ledger)).toEqual(before);
  watcher.close();
});
