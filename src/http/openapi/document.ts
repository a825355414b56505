/** `/openapi.json`: OpenAPI 3.0 of the core kinds' paths and of the project's own, from the registry that serves them. */
import { coreRegistry } from "../../resource/registry.ts";
import { VERSION } from "../version.ts";
import { kindPaths } from "./kindPaths.ts";
import { OWN_PATHS } from "./ownPaths.ts";
import type { Node } from "./parts.ts";
import { objectSchema, SHARED_SCHEMAS, schemaName } from "./schemas.ts";

let document: Node | undefined;

export function openApi(): Node {
  document ??= build();
  return document;
}

function build(): Node {
  const kinds = coreRegistry.all();
  return {
    openapi: "3.0.3",
    info: {
      title: "gitstore-edge",
      version: VERSION,
      description: "The control plane of GitStore: list, watch and operate what Git says.",
      license: { name: "Apache-2.0" },
    },
    security: [{ bearer: [] }],
    paths: Object.assign({}, OWN_PATHS, ...kinds.map(kindPaths)) as Node,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      schemas: {
        ...Object.fromEntries(kinds.map((kind) => [schemaName(kind), objectSchema(kind)])),
        ...SHARED_SCHEMAS,
      },
    },
  };
}
