import { describe, expect, it } from "vitest";
import { decodeUtf8 } from "../../../src/resource/canonical.ts";
import { isResourcePath, notUtf8, parseFile } from "../../../src/resource/parse.ts";
import { accepted, context, markdown, parse, refused, summary } from "./files.ts";

const PRODUCT = markdown("Product", "laptop", 'title: "Laptop"');

describe("a file that is a resource", () => {
  it("gives identity, resource, references with places, and digests", () => {
    const text = `---
apiVersion: catalog.gitstore.dev/v1beta1
kind: Product
metadata:
  name: "nodejs-20"
  namespace: "acme"
  labels:
    "gitstore.dev/section": "javascript"
    "gitstore.dev/priority": "optional"
spec:
  title: "Evented I/O for V8 — JavaScript"
  categoryRef:
    kind: CategoryTaxonomy
    name: "javascript"
  tags:
    - "runtime"
    - "devel"
---

# nodejs

Version 20.
`;
    const candidate = accepted(text, "products/nodejs-20.md");
    expect(candidate.identity).toEqual({ kind: "Product.catalog.gitstore.dev", name: "nodejs-20" });
    expect(candidate.resource).toEqual({
      apiVersion: "catalog.gitstore.dev/v1beta1",
      kind: "Product",
      metadata: {
        name: "nodejs-20",
        namespace: "acme",
        labels: { "gitstore.dev/section": "javascript", "gitstore.dev/priority": "optional" },
      },
      spec: {
        title: "Evented I/O for V8 — JavaScript",
        categoryRef: { kind: "CategoryTaxonomy", name: "javascript" },
        tags: ["runtime", "devel"],
      },
      body: "\n# nodejs\n\nVersion 20.\n",
    });
    expect(candidate.references).toEqual([
      {
        field: "spec.categoryRef",
        role: "category",
        kind: "CategoryTaxonomy.catalog.gitstore.dev",
        name: "javascript",
        line: 14,
        column: 11,
      },
    ]);
    expect(candidate.positions["metadata.name"]).toEqual({ line: 5, column: 9 });
    expect(candidate.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(candidate.specDigest).not.toBe(candidate.digest);
  });

  it("reads a category with a parent", () => {
    const text =
      '---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: CategoryTaxonomy\nmetadata:\n  name: "abcat0502000"\nspec:\n' +
      '  title: "Laptops"\n  parentRef:\n    name: "abcat0500000"\n---\n\n# Laptops\n';
    const candidate = accepted(text, "categories/retail/abcat0502000.md");
    expect(candidate.references).toMatchObject([{ role: "parent", name: "abcat0500000", line: 9, column: 11 }]);
  });

  it("takes the repository's namespace where it names none", () => {
    expect(accepted(PRODUCT).resource.metadata.namespace).toBe("acme");
  });

  it("is the same with CRLF line ends but for the body", () => {
    const candidate = accepted(PRODUCT.replaceAll("\n", "\r\n"));
    expect(candidate.resource.spec).toEqual({ title: "Laptop" });
    expect(candidate.resource.body).toBe("\r\n# Body\r\n");
  });

  it("is the same behind a byte order mark", () => {
    expect(accepted(`\ufeff${PRODUCT}`).digest).toBe(accepted(PRODUCT).digest);
  });

  it("drops fields without a value, so that `title:` equals no title at all", () => {
    const without = accepted(markdown("Product", "laptop", "tags: [a]"));
    const empty = accepted(markdown("Product", "laptop", "title:\ntags: [a]\nmedia: ~\ncategoryRef:"));
    expect(empty.resource.spec).toEqual({ tags: ["a"] });
    expect(empty.digest).toBe(without.digest);
  });

  it("takes an empty label for the empty value", () => {
    const text = PRODUCT.replace("  name: laptop\n", "  name: laptop\n  labels:\n    sale:\n");
    expect(accepted(text).resource.metadata.labels).toEqual({ sale: "" });
  });
});

describe("a file that is no resource", () => {
  it.each([
    ["another extension", "image.png", PRODUCT],
    ["YAML outside .gitstore/", "kinds/pricing.yaml", "apiVersion: x/v1\nkind: Y\n"],
    ["YAML in another directory's .gitstore/", "vendor/.gitstore/pricing.yaml", "apiVersion: x/v1\nkind: Y\n"],
    ["Markdown without front matter", "README.md", "# Readme\n\n---\n"],
    ["front matter without apiVersion", "post.md", "---\ntitle: A post\nkind: Product\n---\nText"],
    ["malformed front matter that does not claim to be one", "post.md", "---\ntitle: [a\n---\nText"],
    ["Markdown that begins with a rule across the page", "post.md", "---\nA chapter.\n"],
    ["empty front matter", "post.md", "---\n---\n"],
    ["front matter that is no mapping", "post.md", "---\n- a\n---\n"],
    ["YAML under .gitstore/ that is something else", ".gitstore/settings.yaml", "theme: dark\n"],
    ["an empty YAML file", ".gitstore/empty.yml", ""],
    ["a very long Markdown document", "book.md", "word ".repeat(200_000)],
    [
      "a very long post that shows a resource",
      "post.md",
      `---\ntitle: x\n---\napiVersion: v1\n${"word ".repeat(200_000)}`,
    ],
  ])("is ignored: %s", (_, path, text) => {
    expect(parse(text, path)).toEqual({ outcome: "ignored" });
  });

  it("can be told by its path, without fetching it", () => {
    expect(["a.md", "x/y.md", ".gitstore/a.yaml", ".gitstore/x/b.yml"].every(isResourcePath)).toBe(true);
    expect(["a.txt", "a.yaml", "x/.gitstore/a.yaml", ".gitstore/a.json", "md"].some(isResourcePath)).toBe(false);
  });
});

describe("an invalid file", () => {
  it("reports every violation at once, in file order, each with its place", () => {
    const text = `---
apiVersion: catalog.gitstore.dev/v1beta1
kind: Product
metadata:
  name: Laptop
  uid: 1234
  labels:
    "bad key!": x
spec:
  titel: Laptop
  tags: [[a], b]
  options:
    - title: Colour
status: {}
---
`;
    expect(refused(text, "p/laptop.md")).toEqual([
      expect.objectContaining({ path: "p/laptop.md", line: 5, column: 9, field: "metadata.name", reason: "Invalid" }),
      expect.objectContaining({ line: 6, column: 3, field: "metadata.uid", reason: "Forbidden" }),
      expect.objectContaining({ line: 8, column: 5, field: 'metadata.labels["bad key!"]', reason: "Invalid" }),
      expect.objectContaining({
        line: 10,
        column: 3,
        field: "spec.titel",
        reason: "UnknownField",
        hint: 'did you mean "title"?',
      }),
      expect.objectContaining({ line: 11, column: 10, field: "spec.tags[0]", reason: "TypeInvalid" }),
      expect.objectContaining({ line: 13, column: 7, field: "spec.options[0].name", reason: "Required" }),
      expect.objectContaining({ line: 14, column: 1, field: "status", reason: "Forbidden" }),
    ]);
  });

  it("points a missing field at its parent", () => {
    const text = markdown("ProductVariant", "v", "title: V\nproductRef:\n  kind: Product\nsku: S");
    expect(refused(text)).toMatchObject([{ field: "spec.productRef.name", line: 8, column: 3, reason: "Required" }]);
  });

  it("names its identity where kind and name could be read", () => {
    expect(parse(markdown("Product", "laptop", "titel: x"))).toMatchObject({
      identity: { kind: "Product.catalog.gitstore.dev", name: "laptop" },
    });
    expect(parse(PRODUCT.replace('"Laptop"', '"Laptop'))).toMatchObject({
      outcome: "invalid",
      identity: { kind: "Product.catalog.gitstore.dev", name: "laptop" },
    });
  });

  it.each([
    ["the name is no name", PRODUCT.replace("name: laptop", "name: Lap top")],
    ["the kind is unknown", PRODUCT.replace("kind: Product", "kind: Gadget")],
    // Or the file would be counted against this namespace's object of the same name.
    ["the namespace is another's", PRODUCT.replace("name: laptop", "name: laptop\n  namespace: other")],
    ["there are two names", PRODUCT.replace("name: laptop", "name: laptop\n  name: phone")],
    ["there are two kinds", PRODUCT.replace("kind: Product", "kind: Product\nkind: Collection")],
  ])("names no identity where %s", (_, text) => {
    const outcome = parse(text);
    expect(outcome.outcome).toBe("invalid");
    expect(outcome).not.toHaveProperty("identity");
  });

  it.each([
    ["apiVersion", "apiVersion: catalog.gitstore.dev/v1beta1", "apiVersion:"],
    ["kind", "kind: Product\n", ""],
    ["metadata", /metadata:\n {2}name: laptop\n/, ""],
    ["metadata.name", "name: laptop", "labels: {}"],
    ["metadata.name", "name: laptop", "name:"],
    ["spec", /spec:\n.*\n/, ""],
    ["spec", / {2}title: .*\n/, ""],
  ])("lacks %s", (field, from, to) => {
    expect(summary(refused(PRODUCT.replace(from, to)))).toEqual([`Required ${field}`]);
  });

  it.each([
    ["UnknownKind kind", "kind: Product", "kind: Produkt", 'did you mean "Product"?'],
    [
      "UnknownKind kind",
      "catalog.gitstore.dev/",
      "gitstore.dev/",
      "Product is of apiVersion catalog.gitstore.dev/v1beta1",
    ],
    ["UnknownKind apiVersion", "/v1beta1", "/v2", "served: catalog.gitstore.dev/v1beta1"],
    [
      "NamespaceMismatch metadata.namespace",
      "name: laptop",
      "name: laptop\n  namespace: other",
      "leave metadata.namespace out",
    ],
    ["UnknownField lables", "spec:", "lables: {}\nspec:", "known fields: apiVersion, kind, metadata, spec"],
    ["UnknownField body", "spec:", "body: text\nspec:", "the body is the Markdown after the front matter"],
    ["UnknownField metadata.label", "name: laptop", "name: laptop\n  label: {}", 'did you mean "labels"?'],
    ["TypeInvalid metadata.labels", "name: laptop", "name: laptop\n  labels: [a]", undefined],
    ["TypeInvalid metadata.labels.a", "name: laptop", "name: laptop\n  labels: {a: [b]}", "write text"],
    ["Invalid metadata.labels.a", "name: laptop", "name: laptop\n  labels: {a: b c}", undefined],
    ["TypeInvalid metadata.namespace", "name: laptop", "name: laptop\n  namespace: [acme]", undefined],
    ["TypeInvalid spec", / {2}title: .*/, "- a", undefined],
  ])("is refused: %s", (wanted, from, to, hint) => {
    const errors = refused(PRODUCT.replace(from, to));
    expect(summary(errors)).toEqual([wanted]);
    expect(errors[0]?.hint).toBe(hint);
  });

  it("refuses each field of metadata that the system sets, and status, also when they are empty", () => {
    const fields = ["uid", "resourceVersion", "generation", "creationTimestamp", "revision", "ownerReferences"];
    fields.push("finalizers", "deletionTimestamp", "managedFields");
    const text = PRODUCT.replace("name: laptop", `name: laptop\n${fields.map((f) => `  ${f}: null`).join("\n")}`);
    expect(summary(refused(text.replace("spec:", "status: {}\nspec:")))).toEqual([
      ...fields.map((field) => `Forbidden metadata.${field}`),
      "Forbidden status",
    ]);
  });

  it("refuses metadata.deletionTimestamp that an author wrote (regression)", () => {
    const text = PRODUCT.replace("name: laptop", "name: laptop\n  deletionTimestamp: 2026-01-01T00:00:00Z");
    expect(summary(refused(text))).toEqual(["Forbidden metadata.deletionTimestamp"]);
  });

  it("refuses `status: {}` that an author wrote (regression)", () => {
    expect(summary(refused(PRODUCT.replace("spec:", "status: {}\nspec:")))).toEqual(["Forbidden status"]);
  });

  it("sees keys behind a --- that is inside a string (regression)", () => {
    const text = PRODUCT.replace('"Laptop"', '"a --- b"\nstatus: {ready: true}');
    expect(summary(refused(text))).toEqual(["Forbidden status"]);
  });

  it("refuses unclosed front matter that claims to be a resource, at line 1", () => {
    expect(refused(PRODUCT.replace("\n---\n\n", "\n"))).toEqual([
      expect.objectContaining({ reason: "UnclosedFrontMatter", line: 1, column: 1, field: "" }),
    ]);
  });

  it("refuses annotations over 256 KiB together", () => {
    const long = "x".repeat(100_000);
    const text = PRODUCT.replace("name: laptop", `name: laptop\n  annotations: {a: ${long}, b: ${long}, c: ${long}}`);
    expect(summary(refused(text))).toEqual(["TooLong metadata.annotations"]);
  });

  it("shows at most 100 errors, and says that there are more", () => {
    const text = markdown("Product", "laptop", `tags:\n${"- [a]\n".repeat(300)}`);
    const errors = refused(text);
    expect(errors).toHaveLength(101);
    expect(errors.at(-1)).toMatchObject({ reason: "TooMany", field: "" });
  });
});

describe("kinds in the wrong place", () => {
  const repository =
    "---\napiVersion: gitstore.dev/v1beta1\nkind: Repository\nmetadata:\n  name: catalog\nspec:\n  provider: git\n---\n";

  it("refuses a kind that the API owns, saying so", () => {
    expect(refused(repository)).toMatchObject([
      { field: "kind", reason: "NotSupported", message: expect.stringContaining("owned by the API, not by Git") },
    ]);
  });

  it.each([
    ["the system", "release.gitstore.dev/v1beta1", "Release", "{repository: r, tag: v1, commit: c}"],
    ["clients", "coordination.k8s.io/v1", "Lease", "{holderIdentity: x}"],
  ])("refuses a kind that %s write", (who, apiVersion, kind, spec) => {
    const text = `---\napiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: x}\nspec: ${spec}\n---\n`;
    expect(refused(text)).toMatchObject([
      { field: "kind", reason: "NotSupported", message: expect.stringContaining(who) },
    ]);
  });

  it("refuses a kind with a body in a YAML file, and one without in a Markdown file", () => {
    const yaml = PRODUCT.split("---\n")[1] ?? "";
    expect(refused(yaml, ".gitstore/laptop.yaml")).toMatchObject([
      { field: "kind", reason: "NotSupported", hint: "move it to a .md file" },
    ]);
    const definition = `---\napiVersion: apiextensions.gitstore.dev/v1beta1\nkind: CustomResourceDefinition\nmetadata: {name: x.y.example}\nspec: {}\n---\n`;
    expect(refused(definition)[0]).toMatchObject({ field: "kind", hint: "move it to .gitstore/<name>.yaml" });
  });

  it("refuses YAML under .gitstore/ that has a kind and no apiVersion", () => {
    expect(
      summary(refused("kind: CustomResourceDefinition\nmetadata: {name: a.b.example}\n", ".gitstore/a.yaml")),
    ).toContain("Required apiVersion");
  });
});

describe("sizes", () => {
  const LIMIT = 512 * 1024;
  const sized = (bytes: number) => PRODUCT + "x".repeat(bytes - PRODUCT.length);

  it("takes a file of exactly 512 KiB and refuses one byte more", () => {
    expect(parse(sized(LIMIT)).outcome).toBe("resource");
    expect(refused(sized(LIMIT + 1))).toMatchObject([
      { reason: "FileTooLarge", message: expect.stringContaining("524289") },
    ]);
  });

  it("counts bytes, not characters", () => {
    expect(parse(PRODUCT + "é".repeat(LIMIT / 2 - PRODUCT.length)).outcome).toBe("resource");
    expect(summary(refused(PRODUCT + "é".repeat(LIMIT / 2)))).toEqual(["FileTooLarge"]);
  });

  it("refuses an object whose JSON is over 960 KiB, though its file is not", () => {
    const outcome = parse(PRODUCT + "\u0001".repeat(400_000));
    expect(outcome).toMatchObject({
      outcome: "invalid",
      identity: { name: "laptop" },
      errors: [{ reason: "FileTooLarge" }],
    });
  });

  it("refuses bytes that are no UTF-8", () => {
    expect(decodeUtf8(new Uint8Array([0x61, 0xff]))).toBeUndefined();
    expect(decodeUtf8(new TextEncoder().encode("\ufeffé"))).toBe("\ufeffé");
    expect(notUtf8("a.md")).toMatchObject({
      outcome: "invalid",
      errors: [{ path: "a.md", line: 1, column: 1, reason: "Invalid" }],
    });
    expect(notUtf8("a.png")).toEqual({ outcome: "ignored" });
  });
});

describe("custom kinds", () => {
  it("need the registry that knows them", () => {
    const text = "---\napiVersion: shop.example/v1\nkind: Size\nmetadata: {name: xl}\nspec: {}\n---\n";
    expect(summary(refused(text))).toEqual(["UnknownKind kind"]);
    expect(parseFile("a.md", text, context).outcome).toBe("invalid");
  });
});
