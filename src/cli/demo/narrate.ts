/** What a watcher got, for people: like changes that follow each other are one line. Pure. */
import { nameOf } from "../../resource/gitevent.ts";
import { appliedIn, eventOf } from "./checks.ts";
import type { Change } from "./recorder.ts";

export type Paint = (colour: "green" | "yellow" | "red" | "cyan" | "dim" | "bold", text: string) => string;

const COLOURS = { ADDED: "green", MODIFIED: "yellow", DELETED: "red" } as const;
/** Names shown of a run of many. */
const NAMES_SHOWN = 3;

export function narrate(changes: Change[], paint: Paint): string[] {
  return runs(changes).map((run) => {
    const [first] = run;
    if (first === undefined) return "";
    const rvs = paint("dim", rangeOf(run).padStart(13));
    const event = eventOf(first);
    if (event !== undefined) {
      const name = nameOf(event.type) ?? event.type;
      return `${rvs}  ${paint("cyan", `${name}${times(run)}`.padEnd(32))} ${aboutEvent(run)}`;
    }
    const what = `${first.type} ${first.object.kind}${times(run)}`;
    return `${rvs}  ${paint(COLOURS[first.type], what.padEnd(32))} ${aboutObjects(run)}`;
  });
}

/** Changes of one type and kind (or events of one type) that follow each other. */
function runs(changes: Change[]): Change[][] {
  const all: Change[][] = [];
  let key = "";
  for (const change of changes) {
    const its = `${change.type} ${change.object.kind} ${eventOf(change)?.type}`;
    if (its === key) all.at(-1)?.push(change);
    else all.push([change]);
    key = its;
  }
  return all;
}

function rangeOf(run: Change[]): string {
  const [from, to] = [run[0]?.rv, run.at(-1)?.rv];
  return from === to ? `RV ${from}` : `RV ${from}–${to}`;
}

function times(run: Change[]): string {
  return run.length === 1 ? "" : ` ×${run.length}`;
}

function aboutObjects(run: Change[]): string {
  const applied = appliedIn(run.at(-1)?.object);
  if (applied !== undefined && Object.keys(applied).length > 0) {
    const refs = Object.entries(applied).map(
      ([ref, oid]) => `${ref.replace(/^refs\/(heads|tags)\//, "")} ${short(oid)}`,
    );
    return `${run[0]?.object.metadata.name}: applied ${refs.join(", ")}`;
  }
  const names = run.map(({ object }) => object.metadata.name);
  if (names.length <= NAMES_SHOWN + 1) return names.join(", ");
  return `${names.slice(0, NAMES_SHOWN).join(", ")}, … ${names.at(-1)}`;
}

function aboutEvent(run: Change[]): string {
  const events = run.flatMap((change) => eventOf(change) ?? []);
  const [first] = events;
  const data = first?.data ?? {};
  switch (first === undefined ? "" : nameOf(first.type)) {
    case "catalog-namespace-target": {
      const { files, resources } = data.changed as { files: number; resources: number };
      return `${String(data.namespace)}: ${files} files, ${resources} resources`;
    }
    case "catalog-resource-parsed": {
      const count = events.reduce((sum, event) => sum + (event.data.resources as unknown[]).length, 0);
      return `${count} resources`;
    }
    case "catalog-admission-evaluated":
      return `allowed ${String(data.allowed)}, refused ${String(data.refused)}`;
    case "push-rejected":
      return `${first?.subject}, ${String(data.errorCount)} errors in stage ${String(data.stage)}`;
    default: {
      const {
        old,
        new: after,
        actor,
      } = data as { old?: string | null; new?: string | null; actor?: { name?: string } };
      return `${first?.subject} ${short(old)} → ${short(after)}${actor?.name ? ` by ${actor.name}` : ""}`;
    }
  }
}

function short(oid: string | null | undefined): string {
  return oid ? oid.slice(0, 7) : "∅";
}
