import type { KindDef, KindRegistry } from "../resource/kind.ts";
import { coreRegistry, registryWith } from "../resource/registry.ts";
import { selectableValues } from "../resource/selectors.ts";
import type { JsonObject, KindKey, Resource } from "../resource/types.ts";
import type { Selectable } from "./entry.ts";
import type { Store } from "./store.ts";

export const DEFINITION: KindKey = "CustomResourceDefinition.apiextensions.gitstore.dev";
export const REPOSITORY: KindKey = "Repository.gitstore.dev";
export const NAMESPACE: KindKey = "Namespace.gitstore.dev";
export const CATEGORY: KindKey = "CategoryTaxonomy.catalog.gitstore.dev";
export const VARIANT: KindKey = "ProductVariant.catalog.gitstore.dev";

/** The kinds a namespace knows now: core ones and those of its admitted definitions; made again when one changes. */
export class Kinds {
  readonly #store: Store;
  #registry: KindRegistry | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  registry(): KindRegistry {
    if (!this.#registry) {
      const specs = this.definitions();
      this.#registry = specs.length === 0 ? coreRegistry : registryWith(specs.map((spec) => ({ spec })));
    }
    return this.#registry;
  }

  definitions(): JsonObject[] {
    return this.#store.storage.sql
      .exec<{ json: string }>(
        "SELECT v.json FROM heads h JOIN versions v ON v.rv = h.rv WHERE h.kind = ? ORDER BY h.name",
        DEFINITION,
      )
      .toArray()
      .map(({ json }) => (JSON.parse(json) as Resource).spec);
  }

  /** After a definition was admitted or deleted. */
  forget(): void {
    this.#registry = undefined;
  }

  get(key: KindKey): KindDef | undefined {
    return this.registry().byKey(key);
  }
}

/** What filters read of one version, as the text beside it in the log. */
export function selectableText(kind: KindDef | undefined, resource: Resource): string {
  const fields: Record<string, string> = {};
  if (kind) {
    for (const [path, value] of Object.entries(selectableValues(kind, resource))) {
      // Name and namespace are columns already; repeating them in every row would be a third of its size.
      if (path !== "metadata.name" && path !== "metadata.namespace") fields[path] = value;
    }
  }
  const selectable: Selectable = { l: resource.metadata.labels ?? {}, f: fields };
  return JSON.stringify(selectable);
}
