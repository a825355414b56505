import type { KindDef } from "../kind.ts";
import { column, coreKind, list, object, text } from "./define.ts";

export const file: KindDef = coreKind({
  group: "storage.gitstore.dev",
  version: "v1beta1",
  kind: "File",
  plural: "files",
  owner: "git",
  hasBody: true,
  printerColumns: [column("Type", ".spec.type"), column("Content-Type", ".spec.contentType")],
  spec: object("A file that catalogue resources show: where it is, and what it must be.", {
    contentType: text("Its media type, such as image/webp."),
    type: text("What it is, such as image."),
    source: object("Where its bytes are.", {
      type: text("The kind of place."),
      uri: text("The place.", { minLength: 1 }),
      checksum: object(
        "What the bytes must hash to.",
        {
          algorithm: text("The hash, such as sha256.", { minLength: 1 }),
          value: text("The hash's value.", { minLength: 1 }),
        },
        ["algorithm", "value"],
      ),
      // Upstream's shape of this one is not settled: the name alone, or a reference.
      credentialsRef: {
        description: "What to read the place with; never the secret itself.",
        "x-kubernetes-preserve-unknown-fields": true,
      },
    }),
    processing: object("What is made of it.", {
      image: object("For images.", {
        variants: list(
          "The sizes and crops to make.",
          object("One of them.", { name: text("Its name.", { minLength: 1 }) }, ["name"]),
          { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] },
        ),
      }),
    }),
  }),
});
