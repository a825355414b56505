import { DELETED, type Entry, GIT_EVENT, LOGGED, type Selectable } from "../ledger/entry.ts";
import {
  type FieldSelector,
  type LabelSelector,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
} from "../resource/selectors.ts";
import type { KindKey } from "../resource/types.ts";

/** What a watch lets through. As text it lives in a socket's attachment; `compileFilter` makes it work. */
export interface FilterSpec {
  /** Null: every kind but GitEvents, which are watched only where they are asked for. */
  kinds: KindKey[] | null;
  label: string;
  field: string;
}

export interface Filter {
  /** Equal for watches that let the same through: they share their frames. */
  key: string;
  namespace: string;
  kinds: ReadonlySet<KindKey> | null;
  label: LabelSelector | null;
  field: FieldSelector | null;
  /** What frames of this watch aim at, from its window. */
  frameBytes: number;
}

/** What an entry is to one watch. LEFT: it matched before and does not now; the watcher gets DELETED with the old body. */
export type Verdict = "ADDED" | "MODIFIED" | "DELETED" | "LEFT" | null;

/** The selectors were parsed when the watch was opened, so a failure here is a fault of ours. */
export function compileFilter(spec: FilterSpec, namespace: string, frameBytes: number): Filter {
  const label = spec.label ? parseLabelSelector(spec.label) : null;
  const field = spec.field ? parseFieldSelector(spec.field, null) : null;
  if (label && !label.ok) throw new Error(`labelSelector of an open watch: ${label.message}`);
  if (field && !field.ok) throw new Error(`fieldSelector of an open watch: ${field.message}`);
  return {
    key: JSON.stringify([spec.kinds ? [...spec.kinds].sort() : null, spec.label, spec.field, frameBytes]),
    namespace,
    kinds: spec.kinds ? new Set(spec.kinds) : null,
    label: label ? label.value : null,
    field: field ? field.value : null,
    frameBytes,
  };
}

export function wantsKind(filter: Filter, kind: KindKey): boolean {
  return filter.kinds ? filter.kinds.has(kind) : kind !== GIT_EVENT;
}

/** Whether what a field selector says of names lets this one through. Names are the one thing that never changes. */
export function matchesNames(filter: Filter, name: string): boolean {
  const requirements = filter.field?.requirements.filter(
    ({ field }) => field === "metadata.name" || field === "metadata.namespace",
  );
  if (!requirements || requirements.length === 0) return true;
  return matchesFields({ requirements }, { "metadata.name": name, "metadata.namespace": filter.namespace });
}

export function selects(filter: Filter, name: string, text: string): boolean {
  if (!filter.label && !filter.field) return true;
  const { l, f } = JSON.parse(text) as Selectable;
  if (filter.label && !matchesLabels(filter.label, l)) return false;
  return (
    !filter.field ||
    matchesFields(filter.field, { ...f, "metadata.name": name, "metadata.namespace": filter.namespace })
  );
}

/**
 * Kubernetes' rules: what enters the selector is ADDED, what leaves it is DELETED, whatever the change itself was.
 * `sel` of a deletion is that of the last object, so a deletion is told to those who had it.
 */
export function judge(filter: Filter, entry: Entry): Verdict {
  if (!wantsKind(filter, entry.kind)) return null;
  const plain = entry.type === DELETED ? "DELETED" : entry.type === 2 ? "MODIFIED" : "ADDED";
  if (!filter.label && !filter.field) return plain;
  const now = selects(filter, entry.name, entry.sel);
  if (entry.type === LOGGED || entry.type === 1 || entry.type === DELETED) return now ? plain : null;
  const before = entry.psel === null ? now : selects(filter, entry.name, entry.psel);
  if (now) return before ? "MODIFIED" : "ADDED";
  return before ? "LEFT" : null;
}
