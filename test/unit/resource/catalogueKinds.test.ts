import { describe, expect, it } from "vitest";
import { accepted, markdown, refused, summary } from "./files.ts";

/** Specs as [what, YAML, the errors wanted]. */
type Case = [string, string, string[]];

function holds(kind: string, cases: Case[], base = "") {
  it.each(cases)("%s", (_, yaml, wanted) => {
    const text = markdown(kind, "me", base === "" ? yaml : `${base}\n${yaml}`);
    if (wanted.length === 0) accepted(text);
    else expect(summary(refused(text))).toEqual(wanted);
  });
}

describe("Product", () => {
  holds("Product", [
    ["needs nothing", "{}", []],
    ["takes a title of 200 characters (regression)", `title: ${"x".repeat(200)}`, []],
    ["refuses a title of 201 characters (regression)", `title: ${"x".repeat(201)}`, ["TooLong spec.title"]],
    ["counts code points: 200 emoji are 200 characters", `title: ${"😀".repeat(200)}`, []],
    ["counts code points: 201 emoji are too many", `title: ${"😀".repeat(201)}`, ["TooLong spec.title"]],
    [
      "takes a category with every field of a reference",
      "categoryRef: {apiVersion: catalog.gitstore.dev/v1beta1, kind: CategoryTaxonomy, name: a, namespace: acme, uid: u, resourceVersion: 1, fieldPath: x}",
      [],
    ],
    ["needs the category's name", "categoryRef: {kind: CategoryTaxonomy}", ["Required spec.categoryRef.name"]],
    ["needs a name that is not empty", 'categoryRef: {name: ""}', ["Required spec.categoryRef.name"]],
    ["refuses a list of categories", "categoryRef: [{name: a}]", ["TypeInvalid spec.categoryRef"]],
    [
      "refuses a category of another kind",
      "categoryRef: {kind: Product, name: a}",
      ["NotSupported spec.categoryRef.kind"],
    ],
    ["takes tags", "tags: [a, 12, true]", []],
    ["refuses tags that are one string", "tags: a", ["TypeInvalid spec.tags"]],
    ["takes media", "media: [{fileRef: {kind: File, name: hero, optional: true}}]", []],
    ["needs a medium's file", "media: [{}]", ["Required spec.media[0].fileRef"]],
    [
      "needs the file's name and kind",
      "media: [{fileRef: {optional: false}}]",
      ["Required spec.media[0].fileRef.name", "Required spec.media[0].fileRef.kind"],
    ],
    [
      "refuses a medium that is another kind",
      "media: [{fileRef: {kind: Product, name: a}}]",
      ["NotSupported spec.media[0].fileRef.kind"],
    ],
    ["takes options", "options: [{name: color, title: Colour, values: [silver, 64]}, {name: size}]", []],
    ["needs an option's name", "options: [{title: a}]", ["Required spec.options[0].name"]],
    [
      "refuses two options of one name",
      "options: [{name: a}, {name: b}, {name: a}]",
      ["Duplicate spec.options[2].name"],
    ],
    [
      "refuses unknown keys at every level",
      "sku: x\nmedia: [{url: x, fileRef: {kind: File, name: a, alt: x}}]",
      ["UnknownField spec.sku", "UnknownField spec.media[0].url", "UnknownField spec.media[0].fileRef.alt"],
    ],
  ]);
});

describe("ProductVariant", () => {
  const base = "title: V\nsku: S\nproductRef: {name: p}";
  holds("ProductVariant", [
    ["needs title, sku and productRef", "{}", ["Required spec.title", "Required spec.sku", "Required spec.productRef"]],
  ]);
  holds(
    "ProductVariant",
    [
      ["needs no more than these", "media: []", []],
      ["takes an inventory", "inventory: {managed: true, policy: backorder, stockLocationRefs: [{name: berlin}]}", []],
      ["takes the empty inventory policy", 'inventory: {policy: ""}', []],
      ["refuses another inventory policy", "inventory: {policy: sell}", ["NotSupported spec.inventory.policy"]],
      [
        "needs a stock location's name",
        "inventory: {stockLocationRefs: [{kind: Location}]}",
        ["Required spec.inventory.stockLocationRefs[0].name"],
      ],
      ["needs a price set's name", "pricing: {priceSet: {prices: []}}", ["Required spec.pricing.priceSet.name"]],
      ["takes selected options", "selectedOptions: [{name: color, value: silver}]", []],
      [
        "needs a selected option's name and value",
        "selectedOptions: [{}]",
        ["Required spec.selectedOptions[0].name", "Required spec.selectedOptions[0].value"],
      ],
    ],
    base,
  );

  const price = (more: string) =>
    `${base}\npricing:\n  priceSet:\n    name: default\n    prices:\n      - {currencyCode: EUR, amount: 19.99, strategy: {type: fixed}${more}}`;
  const at = "spec.pricing.priceSet.prices[0]";
  it.each<Case>([
    ["takes a price", "", []],
    ["takes quantity.max equal to min", ", quantity: {min: 1, max: 1}", []],
    ["refuses quantity.max below min", ", quantity: {min: 2, max: 1}", [`Invalid ${at}.quantity.max`]],
    ["refuses a quantity that is no integer", ", quantity: {min: 1.5}", [`TypeInvalid ${at}.quantity.min`]],
    ["refuses a quantity over 32 bits", ", quantity: {min: 2147483648}", [`Invalid ${at}.quantity.min`]],
    ["takes a time range", ", validFromTime: 2026-01-01T00:00:00Z, validUntilTime: 2026-01-01T00:00:01Z", []],
    [
      "refuses a time range that ends as it begins",
      ", validFromTime: 2026-01-01T00:00:00Z, validUntilTime: 2026-01-01T01:00:00+01:00",
      [`Invalid ${at}.validUntilTime`],
    ],
    ["refuses a time without an offset", ", validFromTime: 2026-01-01T00:00:00", [`Invalid ${at}.validFromTime`]],
    ["refuses a day that is none", ", validFromTime: 2026-02-30T00:00:00Z", [`Invalid ${at}.validFromTime`]],
    ["takes a priority, the lowest too", ", priority: -1", []],
    ["refuses a priority that is text", ', priority: "1"', [`TypeInvalid ${at}.priority`]],
    ["takes eligibility", ", eligibility: {operator: Any, constraints: [{name: vip, expression: customer.vip}]}", []],
    ["refuses another operator", ", eligibility: {operator: None}", [`NotSupported ${at}.eligibility.operator`]],
    [
      "needs a constraint's expression",
      ", eligibility: {constraints: [{name: vip}]}",
      [`Required ${at}.eligibility.constraints[0].expression`],
    ],
  ])("%s", (_, more, wanted) => {
    const text = markdown("ProductVariant", "me", price(more));
    if (wanted.length === 0) accepted(text);
    else expect(summary(refused(text))).toEqual(wanted);
  });

  it("needs a price's currency, amount and strategy", () => {
    const text = markdown("ProductVariant", "me", `${base}\npricing: {priceSet: {name: x, prices: [{}]}}`);
    expect(summary(refused(text))).toEqual([
      `Required ${at}.currencyCode`,
      `Required ${at}.amount`,
      `Required ${at}.strategy`,
    ]);
  });

  it.each(["fixed", "fixedUnitPrice", "percentage", "tiered"])("takes the strategy %s", (strategy) => {
    accepted(markdown("ProductVariant", "me", price("").replace("type: fixed", `type: ${strategy}`)));
  });

  it("refuses another strategy", () => {
    const text = markdown("ProductVariant", "me", price("").replace("type: fixed", "type: free"));
    expect(summary(refused(text))).toEqual([`NotSupported ${at}.strategy.type`]);
  });

  it.each(["1e3", "1,50", "EUR 5", "12.", ".5", "0x10", "05"])(
    "refuses the amount %s, which is no decimal",
    (amount) => {
      const text = markdown("ProductVariant", "me", price("").replace("19.99", JSON.stringify(amount)));
      expect(summary(refused(text))).toEqual([`Invalid ${at}.amount`]);
    },
  );
});

describe("CategoryTaxonomy", () => {
  holds("CategoryTaxonomy", [
    ["needs a title", "{}", ["Required spec.title"]],
    ["takes a parent", "title: T\nparentRef: {name: root}", []],
    ["refuses itself as parent", "title: T\nparentRef: {name: me}", ["Cycle spec.parentRef.name"]],
  ]);
});

describe("Collection", () => {
  const expression = (text: string) => `title: T\nselector: {matchExpressions: [{${text}}]}`;
  const at = "spec.selector.matchExpressions[0]";
  holds("Collection", [
    ["needs a title", "{}", ["Required spec.title"]],
    ["takes an empty selector", "title: T\nselector: {}", []],
    ["takes labels", "title: T\nselector: {matchLabels: {gitstore.dev/section: javascript, sale: }}", []],
    [
      "refuses a label key that is none",
      'title: T\nselector: {matchLabels: {"a b": x}}',
      ['Invalid spec.selector.matchLabels["a b"]'],
    ],
    [
      "refuses a label value that is none",
      "title: T\nselector: {matchLabels: {a: b c}}",
      ["Invalid spec.selector.matchLabels.a"],
    ],
    ["takes In with a value", expression("key: a, operator: In, values: [b]"), []],
    ["refuses In without a value", expression("key: a, operator: In"), [`Required ${at}.values`]],
    ["refuses NotIn with an empty list", expression("key: a, operator: NotIn, values: []"), [`Required ${at}.values`]],
    ["takes Exists", expression("key: a, operator: Exists"), []],
    [
      "refuses values with DoesNotExist",
      expression("key: a, operator: DoesNotExist, values: [b]"),
      [`Forbidden ${at}.values`],
    ],
    ["refuses another operator", expression("key: a, operator: Equals"), [`NotSupported ${at}.operator`]],
    ["needs key and operator", expression("values: [a]"), [`Required ${at}.key`, `Required ${at}.operator`]],
    [
      "refuses a key and a value that are none",
      expression('key: "a b", operator: In, values: ["c d"]'),
      [`Invalid ${at}.key`, `Invalid ${at}.values[0]`],
    ],
    ["takes Products as its target", "title: T\ntargetRef: {kind: Product}", []],
    ["refuses another target", "title: T\ntargetRef: {kind: Collection}", ["NotSupported spec.targetRef.kind"]],
  ]);
});

describe("File", () => {
  const file = (spec: string) =>
    `---\napiVersion: storage.gitstore.dev/v1beta1\nkind: File\nmetadata: {name: hero}\nspec:\n  ${spec}\n---\nAlt text.\n`;

  it("takes its fields", () => {
    const { resource } = accepted(
      file(
        "{contentType: image/webp, type: image, source: {type: http, uri: 'https://cdn.example/a', checksum: {algorithm: sha256, value: ab}, credentialsRef: {name: cdn}}, processing: {image: {variants: [{name: thumb}]}}}",
      ),
    );
    expect(resource).toMatchObject({ kind: "File", body: "Alt text.\n" });
  });

  it("refuses half a checksum, and a variant twice", () => {
    expect(summary(refused(file("{source: {checksum: {value: ab}}}")))).toEqual([
      "Required spec.source.checksum.algorithm",
    ]);
    expect(summary(refused(file("{processing: {image: {variants: [{name: a}, {name: a}]}}}")))).toEqual([
      "Duplicate spec.processing.image.variants[1].name",
    ]);
  });
});
