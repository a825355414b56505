/** Equality as status.md has it: by leaf, where absent, null and empty are the same nothing. */
import { canonicalJson } from "../../resource/canonical.ts";
import type { FieldPath } from "../../resource/field.ts";
import { isObject } from "../../resource/json.ts";
import type { Json } from "../../resource/types.ts";

/** Enough to tell what is wrong; a spec of 100,000 leaves is not named leaf by leaf. */
const MAX_NAMED = 16;

/** Paths of leaves at which the two differ. Clients whose types have no absence send `""`, `[]` and `{}` for it. */
export function differingLeaves(given: Json | undefined, stored: Json | undefined, base: FieldPath): FieldPath[] {
  const found: FieldPath[] = [];
  compare(given, stored, base, found);
  return found;
}

function compare(given: Json | undefined, stored: Json | undefined, path: FieldPath, found: FieldPath[]): void {
  if (found.length >= MAX_NAMED) return;
  if (isNothing(given) && isNothing(stored)) return;
  if (isMap(given) && isMap(stored)) {
    const [a, b] = [given ?? {}, stored ?? {}];
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      compare(own(a, key), own(b, key), [...path, key], found);
    }
    return;
  }
  if (Array.isArray(given) && Array.isArray(stored) && given.length === stored.length) {
    for (const [index, item] of given.entries()) compare(item, stored[index], [...path, index], found);
    return;
  }
  if (canonicalJson(given ?? null) !== canonicalJson(stored ?? null)) found.push(path);
}

/** An absent mapping is compared key by key with a present one, so that the leaves are named. */
function isMap(value: Json | undefined): value is { [key: string]: Json } | null | undefined {
  return value === undefined || value === null || isObject(value);
}

function own(map: { [key: string]: Json }, key: string): Json | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function isNothing(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.values(value).every((item) => isNothing(item));
}
