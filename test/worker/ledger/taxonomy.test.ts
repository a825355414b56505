import { describe, expect, it } from "vitest";
import { must, newLedger, productText, push, type TestLedger } from "../support/ledger.ts";

interface CloudEvent {
  type: string;
  subject: string;
  data: { path?: string; resources?: { name: string }[]; errors?: { reason: string; message: string }[] };
}

async function events({ stub }: TestLedger, type: string): Promise<CloudEvent[]> {
  const found = await must(stub.events({ after: 0, limit: 1_000, types: [type] }));
  return found.events.map((text) => JSON.parse(text) as CloudEvent);
}

const many = (count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => `p${String(i).padStart(4, "0")}`).map((name) => [
      `${name}.md`,
      productText(name, "T"),
    ]),
  );

describe("catalog-resource-parsed", () => {
  it.each([
    [100, Array(100).fill(1)],
    [101, [100, 1]],
    [250, [100, 100, 50]],
  ])("tells of %i resources of a push in events of %j", async (count, sizes) => {
    const ledger = await newLedger("parsed");
    await push(ledger, { files: many(count) });
    const told = await events(ledger, "catalog-resource-parsed");
    expect(told.map(({ data }) => data.resources?.length)).toEqual(sizes);
    const names = told.flatMap(({ data }) => data.resources ?? []).map(({ name }) => name);
    expect(names).toEqual(Object.keys(many(count)).map((path) => path.slice(0, -3)));
  });
});

describe("a SKU", () => {
  const variant = (name: string, sku: string) =>
    `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: ProductVariant\nmetadata:\n  name: ${name}\nspec:\n  title: V\n  sku: ${sku}\n  productRef:\n    name: hat\n---\n`;
  const variants = async ({ stub }: TestLedger) =>
    (await must(stub.list({ kind: "ProductVariant.catalog.gitstore.dev", limit: 100 }))).items.map(
      (text) => (JSON.parse(text) as { metadata: { name: string } }).metadata.name,
    );

  it("that two new variants of a push want is refused to both, and to neither once one lets go", async () => {
    const ledger = await newLedger("sku");
    await push(ledger, { files: { "a.md": variant("a", "X"), "b.md": variant("b", "X"), "c.md": variant("c", "Y") } });
    expect(await variants(ledger)).toEqual(["c"]);
    const failed = await events(ledger, "catalog-resource-validation-failed");
    expect(failed.map(({ data }) => [data.path, data.errors?.map(({ reason }) => reason)])).toEqual([
      ["a.md", ["Duplicate"]],
      ["b.md", ["Duplicate"]],
    ]);
    expect(failed[0]?.data.errors?.[0]?.message).toContain('"b"');
    await push(ledger, { files: { "a.md": variant("a", "X"), "b.md": variant("b", "Z") } });
    expect(await variants(ledger)).toEqual(["a", "b", "c"]);
  });

  it("stays with the variant that has it, though another of the push wants it, and may be swapped", async () => {
    const ledger = await newLedger("sku");
    await push(ledger, { files: { "b.md": variant("b", "X"), "c.md": variant("c", "Y") } });
    const changed = variant("b", "X").replace("title: V", "title: W");
    await push(ledger, { files: { "a.md": variant("a", "X"), "b.md": changed } });
    expect(await variants(ledger)).toEqual(["b", "c"]);
    expect((await events(ledger, "catalog-resource-validation-failed")).map(({ data }) => data.path)).toEqual(["a.md"]);
    await push(ledger, { files: { "b.md": variant("b", "Y"), "c.md": variant("c", "X") } });
    expect(await events(ledger, "catalog-resource-validation-failed")).toHaveLength(1);
  });

  it("is free for a good file where the other that wants it is refused for something else", async () => {
    const ledger = await newLedger("sku");
    const elsewhere = variant("a", "X").replace("    name: hat\n", "    name: hat\n    namespace: elsewhere\n");
    await push(ledger, { files: { "a.md": elsewhere, "b.md": variant("b", "X") } });
    expect(await variants(ledger)).toEqual(["b"]);
  });

  it("that a variant holds is refused to another, and free when that one is gone", async () => {
    const ledger = await newLedger("sku");
    await push(ledger, { files: { "a.md": variant("a", "X") } });
    await push(ledger, { files: { "b.md": variant("b", "X") } });
    expect(await variants(ledger)).toEqual(["a"]);
    const gone = { kind: "ProductVariant.catalog.gitstore.dev", name: "a" };
    await push(ledger, { deletes: { "a.md": gone }, files: { "b.md": variant("b", "X") } });
    expect(await variants(ledger)).toEqual(["b"]);
  });
});
