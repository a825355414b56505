/** A namespace's log, read as the specification states it: pushes, moves, and ids made again from the public formula. */
import { eventId } from "../../../src/resource/gitevent.ts";
import type { Stage } from "./stage.ts";
import type { WatchedEvent, WatchedObject } from "./watcher.ts";

export interface CloudEvent {
  id: string;
  type: string;
  source: string;
  subject: string;
  sequence: string;
  correlationid: string;
  data: Record<string, unknown>;
}

export const REF_EVENT = /^dev\.gitstore\.git\.(branch|tag)\./;

/** Every CloudEvent above an RV, oldest first. */
export async function cloudEvents(stage: Stage, namespace: string, after = "0"): Promise<CloudEvent[]> {
  const all: CloudEvent[] = [];
  for (let from = after; ; ) {
    const page = await stage.must<CloudEvent[]>(`/events/${namespace}?after=${from}&limit=1000`);
    all.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < 1_000) return all;
    from = String(Number(last.sequence));
  }
}

/** `branch.updated refs/heads/main 1111→2222` of every ref event. */
export function moves(events: readonly CloudEvent[]): string[] {
  return events
    .filter(({ type }) => REF_EVENT.test(type))
    .map(
      ({ type, data }) => `${type.split(".").slice(3, -1).join(".")} ${data.ref} ${short(data.old)}→${short(data.new)}`,
    );
}

export function short(oid: unknown): string {
  return typeof oid === "string" ? oid.slice(0, 7) : "∅";
}

/**
 * The ids that the public formula gives, beside those that the events have. What tells events of one type apart within
 * a push is the resource with its path, for those that are about files.
 */
export function rederivedIds(events: readonly CloudEvent[], repositoryUid: string): { is: string; formula: string }[] {
  const counters = new Map<string, number>();
  const ids: { is: string; formula: string }[] = [];
  for (const push of byPush(events)) {
    const move = push.find(({ type }) => REF_EVENT.test(type));
    if (move === undefined) throw new Error(`a push without a ref event: ${JSON.stringify(push)}`);
    const { ref, old, new: to } = move.data as { ref: string; old: string | null; new: string | null };
    const counter = (counters.get(ref) ?? 0) + 1;
    counters.set(ref, counter);
    for (const { id, type, data } of push) {
      const resource = resourceOf(type, data);
      const parts = {
        repositoryUid,
        ref,
        old,
        new: to,
        move: counter,
        type,
        ...(resource !== undefined && { resource }),
      };
      ids.push({ is: id, formula: eventId(parts) });
    }
  }
  return ids;
}

function resourceOf(type: string, data: Record<string, unknown>): string | undefined {
  if (type === "dev.gitstore.catalog.resource.parsed.v1") {
    const [first] = data.resources as { kind: string; name: string; path: string }[];
    return `${first?.kind}/${first?.name}@${first?.path}`;
  }
  if (type !== "dev.gitstore.catalog.resource.validation-failed.v1") return undefined;
  const { resource, path } = data as { resource?: { kind: string; name: string }; path: string };
  return `${resource === undefined ? "" : `${resource.kind}/${resource.name}`}@${path}`;
}

/** Events by what they correlate to, in order. */
export function byPush(events: readonly CloudEvent[]): CloudEvent[][] {
  const pushes = new Map<string, CloudEvent[]>();
  for (const event of events) {
    const { correlationid } = event;
    pushes.set(correlationid, [...(pushes.get(correlationid) ?? []), event]);
  }
  return [...pushes.values()];
}

/** What is the same for the same pushes, whoever told of them and in whichever namespace. */
export function comparable({ type, object }: WatchedEvent): unknown {
  if (object.kind === "GitEvent") {
    const { type: name, subject, data } = object.spec as unknown as CloudEvent;
    const { observedVia: _, actor: __, delivery: ___, namespace: ____, ...told } = data;
    return { type: name, subject, data: told };
  }
  const { kind, metadata, spec, status } = object as WatchedObject & { metadata: { revision?: string } };
  const failure = status?.admissionFailure as { errors: unknown } | undefined;
  const { name, generation, labels, revision } = metadata;
  return { change: type, kind, name, generation, labels, revision, spec, refused: failure?.errors };
}
