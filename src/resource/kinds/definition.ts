import { definitionErrors } from "../customKinds.ts";
import type { KindDef, Schema } from "../kind.ts";
import { column, coreKind, list, object, text } from "./define.ts";

const names = object(
  "What the kind is called.",
  {
    kind: text("As in files: CamelCase, singular.", { minLength: 1 }),
    plural: text("As in URLs: lower case, plural.", { minLength: 1 }),
    singular: text("Lower case; the kind's name where absent."),
    shortNames: list("Short names to type.", text("One name.", { minLength: 1 })),
    categories: list("Groups of kinds it is listed with.", text("One category.", { minLength: 1 })),
    listKind: text("The kind of lists; not used."),
  },
  ["kind", "plural"],
);

const printerColumn = object(
  "A column of tables.",
  {
    name: text("The column's head.", { minLength: 1 }),
    type: text("The type of its cells.", { enum: ["string", "integer", "date", "boolean", "number"] }),
    jsonPath: text("Where its cells come from, such as .spec.color.", { pattern: "^\\." }),
    description: text("What it shows."),
    format: text("How clients may show it."),
    priority: { type: "integer", format: "int32", minimum: 0, description: "0 is always shown, more only when wide." },
  },
  ["name", "type", "jsonPath"],
);

const version: Schema = object(
  "One version of the kind.",
  {
    name: text("The version, such as v1.", { minLength: 1 }),
    served: { type: "boolean", description: "Whether clients may use it." },
    storage: { type: "boolean", description: "Whether objects are kept in it; exactly one version is." },
    deprecated: { type: "boolean", description: "Whether clients should leave it." },
    deprecationWarning: text("What to tell them."),
    schema: object(
      "What its objects are like.",
      {
        openAPIV3Schema: {
          type: "object",
          description: "A structural schema of the whole object.",
          "x-kubernetes-preserve-unknown-fields": true,
        },
      },
      ["openAPIV3Schema"],
    ),
    subresources: object("Every kind has its status.", {
      status: object("Nothing to set.", {}),
    }),
    additionalPrinterColumns: list("Columns of tables.", printerColumn),
    selectableFields: list(
      "Fields that field selectors may name.",
      object("One field.", { jsonPath: text("Its path, such as .spec.color.", { minLength: 1 }) }, ["jsonPath"]),
      { maxItems: 8 },
    ),
  },
  ["name", "served", "storage", "schema"],
);

export const customResourceDefinition: KindDef = coreKind({
  group: "apiextensions.gitstore.dev",
  version: "v1beta1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  shortNames: ["crd", "crds"],
  owner: "git",
  printerColumns: [column("Group", ".spec.group"), column("Kind", ".spec.names.kind")],
  spec: object(
    "A kind of the namespace's own.",
    {
      group: text("The API group, a domain of yours.", { minLength: 1 }),
      names,
      scope: text("Where its objects live.", { enum: ["Namespaced"] }),
      versions: list("Its versions.", version, {
        minItems: 1,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
      }),
      storefront: { type: "boolean", description: "Whether the storefront serves its published objects." },
    },
    ["group", "names", "scope", "versions"],
  ),
  rules: definitionErrors,
});
