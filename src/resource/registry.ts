/** Look-up of kinds: the core ones, and those a namespace's CustomResourceDefinitions give. */
import { isServed, kindsOf } from "./customKinds.ts";
import type { KindDef, KindRegistry } from "./kind.ts";
import { CORE_KINDS } from "./kinds.ts";
import type { JsonObject } from "./types.ts";

/**
 * @param stored the version that stands for its kind: one per key.
 * @param served every version that clients may use.
 */
function registryOf(stored: readonly KindDef[], served: readonly KindDef[]): KindRegistry {
  const byKey = new Map<string, KindDef>();
  const byApiVersion = new Map<string, KindDef>();
  const byPlural = new Map<string, KindDef>();
  const byWord = new Map<string, KindDef>();
  const take = (map: Map<string, KindDef>, key: string, kind: KindDef) => {
    // The first stands, so that no custom kind takes over what a core one is called.
    if (!map.has(key)) map.set(key, kind);
  };
  for (const kind of stored) take(byKey, kind.key, kind);
  for (const kind of served) {
    take(byApiVersion, `${kind.group}/${kind.version} ${kind.kind}`, kind);
    take(byPlural, `${kind.group}/${kind.version}/${kind.plural}`, kind);
  }
  for (const kind of stored) {
    for (const word of [kind.kind, kind.plural, kind.singular, `${kind.plural}.${kind.group}`, kind.key]) {
      take(byWord, word.toLowerCase(), kind);
    }
  }
  for (const kind of served) take(byWord, `${kind.plural}.${kind.version}.${kind.group}`.toLowerCase(), kind);
  // After all full names: a custom kind's short name must not hide another kind's own name.
  for (const kind of stored) for (const word of kind.shortNames) take(byWord, word.toLowerCase(), kind);
  const all = [...served];
  return {
    byKey: (key) => byKey.get(key),
    byApiVersion: (apiVersion, kind) => byApiVersion.get(`${apiVersion} ${kind}`),
    byPlural: (group, version, plural) => byPlural.get(`${group}/${version}/${plural}`),
    resolve: (word) => byWord.get(word.toLowerCase()),
    all: () => [...all],
  };
}

export const coreRegistry: KindRegistry = registryOf(CORE_KINDS, CORE_KINDS);

/** The core kinds and those of valid definitions; the first of two definitions with the same name stands. */
export function registryWith(definitions: readonly { spec: JsonObject }[]): KindRegistry {
  if (definitions.length === 0) return coreRegistry;
  const stored = [...CORE_KINDS];
  const served = [...CORE_KINDS];
  for (const { spec } of definitions) {
    const kinds = kindsOf(spec);
    stored.push(...kinds.slice(0, 1));
    served.push(...kinds.filter((kind) => isServed(spec, kind.version)));
  }
  return registryOf(stored, served);
}
