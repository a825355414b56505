/** What the contract promises about the stream a watcher gets, checked on what one got. Pure; each answers what is wrong. */
import { type EventName, typeOf } from "../../resource/gitevent.ts";
import type { Resource } from "../../resource/types.ts";
import type { Change } from "./recorder.ts";

export interface CloudEvent {
  id: string;
  type: string;
  subject: string;
  correlationid?: string;
  data: Record<string, unknown>;
}

/** What one push has to give. */
export interface ExpectedPush {
  event: EventName;
  ref: string;
  /** Object ids; null where the ref is not there before or after. */
  old: string | null;
  new: string | null;
  /** What `status.applied` says at its end: the commit, which is another object than an annotated tag. */
  commit: string | null;
  /** Changes of catalogue resources. */
  added: number;
  modified: number;
  deleted: number;
}

export function eventOf(change: Change): CloudEvent | undefined {
  return change.object.kind === "GitEvent" ? (change.object.spec as unknown as CloudEvent) : undefined;
}

function isCatalogue({ object }: Change): boolean {
  return object.apiVersion.startsWith("catalog.gitstore.dev/");
}

function keyOf(object: Resource): string {
  return `${object.kind}/${object.metadata.name}`;
}

/** Every RV once, in order and without a hole: nothing was lost, doubled or turned round. */
export function checkStream(changes: Change[], from: number): string[] {
  const wrong: string[] = [];
  const ids = new Set<string>();
  let expected = from + 1;
  for (const change of changes) {
    if (change.rv !== expected) wrong.push(`after RV ${expected - 1} came RV ${change.rv} instead of ${expected}`);
    if (change.rv !== Number(change.object.metadata.resourceVersion)) {
      wrong.push(`the object at RV ${change.rv} says it is at ${change.object.metadata.resourceVersion}`);
    }
    expected = change.rv + 1;
    const id = eventOf(change)?.id;
    if (id === undefined) continue;
    if (ids.has(id)) wrong.push(`the event ${id} came a second time at RV ${change.rv}`);
    ids.add(id);
  }
  return wrong;
}

/** What the changes add up to is what the server lists now. */
export function checkState(changes: Change[], listed: Resource[]): string[] {
  const state = new Map<string, string>();
  for (const change of changes.filter(isCatalogue)) {
    if (change.type === "DELETED") state.delete(keyOf(change.object));
    else state.set(keyOf(change.object), change.object.metadata.resourceVersion);
  }
  const wrong: string[] = [];
  for (const object of listed) {
    const seen = state.get(keyOf(object));
    state.delete(keyOf(object));
    if (seen === object.metadata.resourceVersion) continue;
    wrong.push(
      `${keyOf(object)} is at RV ${object.metadata.resourceVersion}; the watcher has ${seen ?? "nothing of it"}`,
    );
  }
  for (const key of state.keys()) wrong.push(`${key} is not listed; the watcher still has it`);
  return wrong;
}

/** The order within a push (events.md): target, ref event, parsed, changes, evaluated, and its end in `status.applied`. */
export function checkPush(changes: Change[], expected: ExpectedPush): string[] {
  const wrong: string[] = [];
  const events = changes.flatMap((change) => eventOf(change) ?? []);
  const types = events.map(({ type }) => type);
  const [target, ref] = changes.map(eventOf);
  if (target?.type !== typeOf("catalog-namespace-target"))
    wrong.push(`it begins with ${target?.type}, not with namespace-target`);
  if (ref?.type !== typeOf(expected.event))
    wrong.push(`its second event is ${ref?.type}, not ${typeOf(expected.event)}`);
  for (const key of ["ref", "old", "new"] as const) {
    if (ref?.data[key] !== expected[key])
      wrong.push(`the ref event says ${key} ${String(ref?.data[key])}, not ${expected[key]}`);
  }
  if (
    types.filter((type) => type === typeOf("catalog-admission-evaluated")).length !== 1 ||
    types.at(-1) !== typeOf("catalog-admission-evaluated")
  ) {
    wrong.push("admission-evaluated is not its one last event");
  }
  const allowed = expected.added + expected.modified + expected.deleted;
  const evaluated = events.at(-1)?.data;
  if (evaluated?.allowed !== allowed || evaluated.refused !== 0) {
    wrong.push(
      `admission allowed ${String(evaluated?.allowed)} and refused ${String(evaluated?.refused)}, not ${allowed} and 0`,
    );
  }
  if (new Set(events.map(({ correlationid }) => correlationid)).size > 1)
    wrong.push("its events have several correlation ids");
  return [
    ...wrong,
    ...checkCounts(changes, expected),
    ...checkParsed(changes),
    ...checkParents(changes),
    ...checkEnd(changes, expected),
  ];
}

function checkCounts(changes: Change[], expected: ExpectedPush): string[] {
  const wrong: string[] = [];
  const resources = changes.filter(isCatalogue);
  const keys = new Set(resources.map(({ object }) => keyOf(object)));
  if (keys.size !== resources.length) wrong.push(`${resources.length - keys.size} resources changed more than once`);
  for (const [type, count] of [
    ["ADDED", expected.added],
    ["MODIFIED", expected.modified],
    ["DELETED", expected.deleted],
  ] as const) {
    const found = resources.filter((change) => change.type === type).length;
    if (found !== count) wrong.push(`${found} resources came as ${type}, not ${count}`);
  }
  return wrong;
}

/** Every added or modified resource was told of as parsed, once, before its change. */
function checkParsed(changes: Change[]): string[] {
  const wrong: string[] = [];
  const parsed = new Set<string>();
  for (const change of changes) {
    const event = eventOf(change);
    if (event?.type === typeOf("catalog-resource-parsed")) {
      for (const { kind, name } of event.data.resources as { kind: string; name: string }[]) {
        if (parsed.has(`${kind}/${name}`)) wrong.push(`${kind}/${name} was told of as parsed twice`);
        parsed.add(`${kind}/${name}`);
      }
    }
    if (!isCatalogue(change) || change.type === "DELETED") continue;
    if (!parsed.has(keyOf(change.object)))
      wrong.push(`${keyOf(change.object)} changed before it was told of as parsed`);
  }
  return wrong;
}

/** Parents before children: a category that a push brings is there before what refers to it. */
function checkParents(changes: Change[]): string[] {
  const at = new Map(changes.map(({ object }, place) => [keyOf(object), place]));
  return changes.flatMap(({ object }, place) => {
    const spec = object.spec as { categoryRef?: { name?: string }; parentRef?: { name?: string } };
    const parent = at.get(`CategoryTaxonomy/${spec.categoryRef?.name ?? spec.parentRef?.name}`);
    return parent !== undefined && parent > place ? [`${keyOf(object)} came before its category`] : [];
  });
}

/** The push's last change is the Repository, whose status names what is applied. */
function checkEnd(changes: Change[], expected: ExpectedPush): string[] {
  const last = changes.at(-1)?.object;
  const applied = appliedIn(last);
  if (applied === undefined)
    return [`it ends with ${last === undefined ? "nothing" : keyOf(last)}, not with the Repository`];
  const found = applied[expected.ref] ?? null;
  return found === expected.commit ? [] : [`status.applied says ${found} of ${expected.ref}, not ${expected.commit}`];
}

/** `status.applied` of a Repository; undefined of anything else. */
export function appliedIn(object: Resource | undefined): Record<string, string> | undefined {
  if (object?.kind !== "Repository") return undefined;
  return (object.status?.applied as Record<string, string> | undefined) ?? {};
}
