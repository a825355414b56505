/** A catalogue of real products as files of a Git repository; the same arguments give the same commits. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { PROJECT_ROOT } from "../local/paths.ts";

/** Origin and licence: test/data/README.md. */
const DATA = join(PROJECT_ROOT, "test/data");

export interface ProductRow {
  name: string;
  title: string;
  section: string;
  tags?: string[];
  version: string;
  priority: string;
}

export interface CategoryRow {
  id: string;
  title: string;
  parent?: string;
}

/** A file of a tree; `text: null` takes it away. */
export interface TreeFile {
  path: string;
  text: string | null;
}

/** At most 5,000. */
export function products(count: number): ProductRow[] {
  return take(rows<ProductRow>("products.jsonl.gz"), count, "products");
}

/** At most 1,273, parents anywhere in the list. */
export function categories(count: number): CategoryRow[] {
  const all = rows<CategoryRow>("categories.jsonl.gz");
  const byId = new Map(all.map((row) => [row.id, row]));
  const taken = new Map<string, CategoryRow>();
  for (const row of all) {
    // With its parents, so that every reference of what was taken is met.
    const line: CategoryRow[] = [];
    for (let at: CategoryRow | undefined = row; at && !taken.has(at.id); at = byId.get(at.parent ?? "")) line.push(at);
    if (taken.size + line.length > count) continue;
    for (const each of line) taken.set(each.id, each);
  }
  return take([...taken.values()], count, "categories");
}

/** One category for each section that a product names, the retail categories asked for, and the products. */
export function catalogFiles(options: { products: number; retailCategories?: number }): TreeFile[] {
  const wanted = products(options.products);
  const sections = [...new Set(wanted.map((row) => row.section))].sort();
  return [
    ...sections.map((section) => categoryFile({ id: section, title: section }, "categories")),
    ...categories(options.retailCategories ?? 0).map((row) => categoryFile(row, "categories/retail")),
    ...wanted.map((row) => productFile(row)),
  ];
}

/** @param edit appended to the title: another text, another commit */
export function productFile(row: ProductRow, edit = ""): TreeFile {
  const labels = { "gitstore.dev/section": dnsName(row.section), "gitstore.dev/priority": dnsName(row.priority) };
  const tags = (row.tags ?? []).map((tag) => `    - ${quoted(tag)}\n`).join("");
  const spec = [
    `  title: ${quoted((row.title + edit).slice(0, 200))}\n`,
    `  categoryRef:\n    kind: CategoryTaxonomy\n    name: ${quoted(dnsName(row.section))}\n`,
    tags === "" ? "" : `  tags:\n${tags}`,
  ].join("");
  const body = `\n# ${row.name}\n\n${row.title}\n\nVersion ${row.version}.\n`;
  return { path: productPath(row), text: resourceFile("Product", dnsName(row.name), labels, spec, body) };
}

export function productPath(row: ProductRow): string {
  return `products/${dnsName(row.name)}.md`;
}

function categoryFile(row: CategoryRow, folder: string): TreeFile {
  const parent = row.parent === undefined ? "" : `  parentRef:\n    name: ${quoted(dnsName(row.parent))}\n`;
  const spec = `  title: ${quoted(row.title.slice(0, 200))}\n${parent}`;
  const text = resourceFile("CategoryTaxonomy", dnsName(row.id), {}, spec, `\n# ${row.title}\n`);
  return { path: `${folder}/${dnsName(row.id)}.md`, text };
}

function resourceFile(kind: string, name: string, labels: Record<string, string>, spec: string, body: string): string {
  const labelLines = Object.entries(labels).map(([key, value]) => `    ${quoted(key)}: ${quoted(value)}\n`);
  const labelled = labelLines.length === 0 ? "" : `  labels:\n${labelLines.join("")}`;
  const envelope = `apiVersion: catalog.gitstore.dev/v1beta1\nkind: ${kind}\nmetadata:\n  name: ${quoted(name)}\n${labelled}`;
  return `---\n${envelope}spec:\n${spec}---\n${body}`;
}

/** As a DNS-1123 subdomain, which names of resources are. */
export function dnsName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, "-")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
}

/** A JSON string is a double-quoted YAML scalar. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function rows<Row>(file: string): Row[] {
  const text = gunzipSync(readFileSync(join(DATA, file))).toString();
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
}

function take<Row>(all: Row[], count: number, what: string): Row[] {
  if (count > all.length) throw new RangeError(`${count} ${what} were asked for; there are ${all.length}.`);
  return all.slice(0, count);
}
