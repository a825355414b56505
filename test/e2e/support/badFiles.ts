/** Files that are wrong in each of the ways that the contract's page on resources names. */

export interface BadFile {
  /** How the file breaks the rule, as the name of a test. */
  how: string;
  path: string;
  text: string;
  /** Every error of it, in file order. */
  errors: { line?: number; column?: number; field: string; reason: string }[];
}

const API = "catalog.gitstore.dev/v1beta1";

/** A product; lines of `metadata` and `spec` are written as they are. */
export function product(name: string, { metadata = "", spec = "  title: A hat\n" } = {}): string {
  return `---\napiVersion: ${API}\nkind: Product\nmetadata:\n  name: ${name}\n${metadata}spec:\n${spec}---\n\n# ${name}\n`;
}

function variant(name: string, spec: string): string {
  return product(name, { spec: `  title: A hat\n  sku: ${name}\n  productRef:\n    name: hat\n${spec}` }).replace(
    "kind: Product",
    "kind: ProductVariant",
  );
}

const price = (fields: string): string =>
  `  pricing:\n    priceSet:\n      name: retail\n      prices:\n        - ${fields}\n          currencyCode: EUR\n          strategy: {type: fixed}\n`;

const bad = (name: string, how: string, text: string, ...errors: BadFile["errors"]): BadFile => ({
  how,
  path: `bad/${name}.md`,
  text,
  errors,
});

const at = (line: number, column: number, field: string, reason: string) => ({ line, column, field, reason });

/** The form of a file: `resources.md`, "Files in Git". */
const form: BadFile[] = [
  bad(
    "unclosed",
    "whose front matter is never closed",
    product("unclosed").replace("---\n\n#", "\n#"),
    at(1, 1, "", "UnclosedFrontMatter"),
  ),
  bad(
    "dashes",
    "whose front matter is closed by a line that is not exactly ---",
    product("dashes").replace("---\n\n", "----\n\n"),
    at(1, 1, "", "UnclosedFrontMatter"),
  ),
  bad(
    "blank",
    "whose closing line has a blank at its end",
    product("blank").replace("---\n\n", "--- \n\n"),
    at(1, 1, "", "UnclosedFrontMatter"),
  ),
  bad(
    "quote",
    "with a quotation mark that is not closed",
    product("quote", { spec: '  title: "A hat\n' }),
    at(8, 1, "", "MalformedYAML"),
  ),
  bad(
    "bracket",
    "with a list that is not closed",
    product("bracket", { spec: "  tags: [a, b\n" }),
    at(8, 1, "", "MalformedYAML"),
  ),
  bad(
    "tabs",
    "indented with a tab",
    product("tabs", { spec: "\ttitle: A hat\n" }),
    at(6, 1, "spec", "Required"),
    at(7, 1, "", "MalformedYAML"),
    at(7, 2, "title", "UnknownField"),
  ),
  bad(
    "twice",
    "with a key twice",
    product("twice", { spec: "  title: A hat\n  tags: []\n  title: A cap\n" }),
    at(9, 3, "", "MalformedYAML"),
  ),
  bad("anchor", "with an anchor", product("anchor", { spec: "  title: &hat A hat\n" }), at(7, 15, "", "MalformedYAML")),
  bad(
    "alias",
    "with an alias",
    product("alias", { spec: "  title: A hat\n  tags: [*hat]\n" }),
    at(8, 10, "", "MalformedYAML"),
    at(8, 10, "spec.tags[0]", "TypeInvalid"),
  ),
  bad("tag", "with a custom tag", product("tag", { spec: "  title: !shout A hat\n" }), at(7, 17, "", "MalformedYAML")),
  bad(
    "deep",
    "nested more than 32 levels deep",
    product("deep", { spec: `  tags: ${"[".repeat(40)}${"]".repeat(40)}\n` }),
    at(7, 10, "spec.tags[0]", "TypeInvalid"),
    at(7, 39, "", "MalformedYAML"),
  ),
  bad("large", "larger than 512 KiB", `${product("large")}${"x".repeat(512 * 1024)}`, at(1, 1, "", "FileTooLarge")),
  {
    how: "of YAML with two documents",
    path: ".gitstore/two.yaml",
    text: "apiVersion: apiextensions.gitstore.dev/v1beta1\nkind: CustomResourceDefinition\nmetadata: {name: a.b.example}\n---\na: 1\n",
    errors: [at(1, 1, "spec", "Required"), at(4, 1, "", "MalformedYAML")],
  },
  {
    how: "of YAML that holds a kind with a body",
    path: ".gitstore/product.yaml",
    text: product("in-yaml").split("---\n")[1] ?? "",
    errors: [at(2, 7, "kind", "NotSupported")],
  },
];

/** The envelope: `resources.md`, "Envelope". */
const envelope: BadFile[] = [
  bad("no-kind", "without a kind", product("no-kind").replace("kind: Product\n", ""), at(2, 1, "kind", "Required")),
  bad(
    "no-name",
    "without a name",
    product("x").replace("  name: x\n", "  labels: {}\n"),
    at(4, 1, "metadata.name", "Required"),
  ),
  bad(
    "no-spec",
    "without a spec",
    product("no-spec").replace("spec:\n  title: A hat\n", ""),
    at(2, 1, "spec", "Required"),
  ),
  bad(
    "unknown-kind",
    "of an unknown kind",
    product("unknown-kind").replace("kind: Product", "kind: Gadget"),
    at(3, 7, "kind", "UnknownKind"),
  ),
  bad(
    "unknown-version",
    "of a version that is not served",
    product("unknown-version").replace("/v1beta1", "/v9"),
    at(2, 13, "apiVersion", "UnknownKind"),
  ),
  bad(
    "api-kind",
    "of a kind that the API owns",
    product("api-kind").replace(API, "gitstore.dev/v1beta1").replace("kind: Product", "kind: Namespace"),
    at(3, 7, "kind", "NotSupported"),
  ),
  bad("name", "whose name is no DNS subdomain", product("Not_A_Name"), at(5, 9, "metadata.name", "Invalid")),
  bad("long-name", "whose name has 254 characters", product("n".repeat(254)), at(5, 9, "metadata.name", "TooLong")),
  bad(
    "namespace",
    "of another namespace",
    product("namespace", { metadata: "  namespace: elsewhere\n" }),
    at(6, 14, "metadata.namespace", "NamespaceMismatch"),
  ),
  bad(
    "label-key",
    "with a label key that is none",
    product("label-key", { metadata: '  labels:\n    "not a key": x\n' }),
    at(7, 5, 'metadata.labels["not a key"]', "Invalid"),
  ),
  bad(
    "label-value",
    "with a label value of 64 characters",
    product("label-value", { metadata: `  labels:\n    shop: ${"v".repeat(64)}\n` }),
    at(7, 11, "metadata.labels.shop", "Invalid"),
  ),
  bad(
    "annotations",
    "with annotations over 256 KiB",
    product("annotations", {
      metadata: `  annotations:\n    a: ${"x".repeat(140_000)}\n    b: ${"x".repeat(140_000)}\n`,
    }),
    at(6, 3, "metadata.annotations", "TooLong"),
  ),
  bad(
    "status",
    "with a status of its author's",
    product("status").replace("---\n\n#", "status:\n  phase: published\n---\n\n#"),
    at(8, 1, "status", "Forbidden"),
  ),
  bad(
    "unknown-field",
    "with a field that the envelope does not know",
    product("unknown-field").replace("spec:", "lables: {}\nspec:"),
    at(6, 1, "lables", "UnknownField"),
  ),
  ...[
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "revision",
    "ownerReferences",
    "finalizers",
    "deletionTimestamp",
  ].map((field) =>
    bad(
      `system-${field.toLowerCase()}`,
      `with metadata.${field} of its author's`,
      product(`system-${field.toLowerCase()}`, { metadata: `  ${field}: null\n` }),
      at(6, 3, `metadata.${field}`, "Forbidden"),
    ),
  ),
];

/** The kind's own rules. */
const spec: BadFile[] = [
  bad(
    "long-title",
    "whose title has 201 characters",
    product("long-title", { spec: `  title: ${"t".repeat(201)}\n` }),
    at(7, 10, "spec.title", "TooLong"),
  ),
  bad(
    "misspelt",
    "with a field that the kind does not know",
    product("misspelt", { spec: "  titel: A hat\n  title: A hat\n" }),
    at(7, 3, "spec.titel", "UnknownField"),
  ),
  bad(
    "type",
    "whose tags are no list",
    product("type", { spec: "  title: A hat\n  tags: red\n" }),
    at(8, 9, "spec.tags", "TypeInvalid"),
  ),
  bad(
    "amount",
    "whose price is no decimal",
    variant("amount", price("amount: 1e3")),
    at(15, 19, "spec.pricing.priceSet.prices[0].amount", "Invalid"),
  ),
  bad(
    "time",
    "whose time has no offset",
    variant("time", price('amount: "10.00"\n          validFromTime: 2026-01-01T00:00:00')),
    at(16, 26, "spec.pricing.priceSet.prices[0].validFromTime", "Invalid"),
  ),
  bad(
    "enum",
    "with a value that is none of those there are",
    variant("enum", price("amount: 1").replace("fixed}", "free}")),
    at(17, 28, "spec.pricing.priceSet.prices[0].strategy.type", "NotSupported"),
  ),
  bad(
    "many",
    "wrong in many places: all of them at once, in file order",
    product("Many", {
      metadata: "  uid: 1\n  labels:\n    a: b c\n",
      spec: `  titel: x\n  title: ${"t".repeat(201)}\n  tags: [[a]]\n`,
    }).replace("---\n\n#", "status: {}\n---\n\n#"),
    at(5, 9, "metadata.name", "Invalid"),
    at(6, 3, "metadata.uid", "Forbidden"),
    at(8, 8, "metadata.labels.a", "Invalid"),
    at(10, 3, "spec.titel", "UnknownField"),
    at(11, 10, "spec.title", "TooLong"),
    at(12, 10, "spec.tags[0]", "TypeInvalid"),
    at(13, 1, "status", "Forbidden"),
  ),
];

export const BAD_FILES: readonly BadFile[] = [...form, ...envelope, ...spec];
