import assert from "node:assert/strict";
import { assertStatus } from "../client/api.ts";
import { type KubeObject, rvOf, type Status, told } from "../client/types.ts";
import { TRANSPORTS, type Transport, type Watch } from "../client/watch.ts";
import type { Case, Context, Table } from "../types.ts";

/** The same case on each transport, `{id}/{transport}`. */
export function onEach(
  one: Omit<Case, "run"> & { run: (t: Context, transport: Transport) => Promise<void> },
  transports: readonly Transport[] = TRANSPORTS,
): Case[] {
  return transports.map((transport) => ({
    ...one,
    id: `${one.id}/${transport}`,
    title: `${one.title} (${transport})`,
    run: (t: Context) => one.run(t, transport),
  }));
}

/** Cases of one table. */
export const inTable = (table: Table, cases: readonly Omit<Case, "table">[]): Case[] =>
  cases.map((one) => ({ ...one, table }));

export const MiB = 1024 * 1024;

/** Text for an annotation: what makes an object large. ASCII, so that characters are bytes. */
export const filler = (bytes: number): Record<string, string> => ({ "conformance/filler": "x".repeat(bytes) });

/** `count` objects `{prefix}-000…`, written a few at a time; in the order of their names. */
export async function makeMany(
  t: Context,
  namespace: string,
  count: number,
  meta: (index: number) => Parameters<Context["make"]>[2] = () => undefined,
  prefix = "object",
): Promise<KubeObject[]> {
  return await inParallel(count, (index) => t.make(namespace, nameOf(index, prefix), meta(index)));
}

export const nameOf = (index: number, prefix = "object"): string => `${prefix}-${String(index).padStart(4, "0")}`;

/** Work that goes on beside the case and is awaited later. A case that fails before that must not end the whole run. */
export function meanwhile<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

/** Runs `count` jobs, 12 at a time; the results in the order of their numbers. */
export async function inParallel<T>(count: number, job: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) results[index] = await job(index);
  };
  await Promise.all(Array.from({ length: Math.min(12, count) }, worker));
  return results;
}

/** What of a watch is told about the objects of these names, in order. */
export const toldOf = (watch: Watch): string[] => watch.events.map(told);

export const namesOf = (objects: readonly KubeObject[]): string[] => objects.map(({ metadata }) => metadata.name);

/** `name@rv` of each, sorted: the same for the same state. */
export function stateText(objects: Iterable<KubeObject>): string[] {
  return [...objects].map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).sort();
}

/**
 * The state at an RV as the log tells it: replayed from the beginning by a watch of its own. Makes an object, so that
 * there is an event behind `rv` that says that all up to it has come.
 */
export async function stateAt(t: Context, namespace: string, rv: number): Promise<KubeObject[]> {
  const behind = await t.make(namespace, `behind-${rv}`);
  const watch = await t.open(namespace, { query: { resourceVersion: 1 } });
  await watch.untilRv(behind.metadata.resourceVersion);
  const state = new Map<string, KubeObject>();
  for (const { type, object } of watch.events) {
    if (rvOf(object) > rv) continue;
    if (type === "DELETED") state.delete(object.metadata.name);
    else state.set(object.metadata.name, object);
  }
  watch.cut();
  return [...state.values()];
}

/** That a refusal names the parameter it is about: in its message, or in the field of a cause. */
export function assertNames(status: Status, parameter: string): void {
  const fields = status.details?.causes?.map(({ field }) => field) ?? [];
  assert.ok(
    status.message.includes(parameter) || fields.includes(parameter),
    `the refusal names ${parameter}: ${JSON.stringify(status)}`,
  );
}

/** The end of a refused or ended socket: the upgrade is made, the error is a whole Status, and the reason fits. */
export async function assertCloses(watch: Watch, code: number, statusCodes: readonly number[]): Promise<Status> {
  const ended = await watch.untilEnd(`close code ${code}`);
  assert.equal(watch.status, 101, "the upgrade is accepted: a failed one shows its client neither status nor body");
  assert.equal(ended.code, code, `the close code; got ${watch.describe()}`);
  assert.notEqual(ended.reason, "", "the close has a reason");
  assert.ok(Buffer.byteLength(ended.reason) <= 123, `the reason is at most 123 bytes: ${ended.reason}`);
  const { error } = watch;
  assert.ok(error, "the error comes before the close");
  assertStatus(error);
  assert.ok(
    statusCodes.includes(error.code),
    `the Status has code ${statusCodes.join(" or ")}: ${JSON.stringify(error)}`,
  );
  return error;
}

export const isTooLarge = (status: Status | undefined): boolean =>
  status?.details?.causes?.some(({ reason }) => reason === "ResourceVersionTooLarge") === true;

/** Refused as a path of an unknown kind is; the group is as foreign as the plural. */
export const UNKNOWN_KIND = { group: "nobody.example.com", version: "v1", plural: "nothings", kind: "Nothing" };
