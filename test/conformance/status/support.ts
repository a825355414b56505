import assert from "node:assert/strict";
import type {
  Answer,
  RefusalCode,
  StatusWorld,
  TestCondition,
  TestConflict,
  TestObject,
  TestWrite,
  Writer,
} from "./types.ts";

export const ALICE: Writer = { sub: "serviceaccount:acme:alice", may: "status" };
export const BOB: Writer = { sub: "serviceaccount:acme:bob", may: "status" };
export const ADMIN: Writer = { sub: "user:root", may: "admin" };

export function condition(type: string, status = "True", more: Partial<TestCondition> = {}): TestCondition {
  return { type, status, reason: "Tested", message: `${type} is ${status}`, ...more };
}

/** Writes with the object's present RV unless the write says another. */
export async function write(t: StatusWorld, writer: Writer, given: TestWrite): Promise<Answer> {
  const { resourceVersion } = (await t.read(given.name)).metadata;
  return await t.transport.write(writer, { resourceVersion, ...given });
}

export async function accepted(t: StatusWorld, writer: Writer, given: TestWrite): Promise<TestObject> {
  const answer = await write(t, writer, given);
  assert.equal(answer.outcome, "accepted", JSON.stringify(answer));
  return (answer as Extract<Answer, { outcome: "accepted" }>).object;
}

/** Refused, naming the words; and nothing was written. */
export async function refused(
  t: StatusWorld,
  writer: Writer,
  given: TestWrite,
  code: RefusalCode,
  ...words: string[]
): Promise<void> {
  const before = await t.head();
  const answer = "resourceVersion" in given ? await t.transport.write(writer, given) : await write(t, writer, given);
  assertRefused(answer, code, ...words);
  assert.equal(await t.head(), before, "a refused write takes no RV");
}

export function assertRefused(answer: Answer, code: RefusalCode, ...words: string[]): void {
  assert.equal(answer.outcome, "refused", JSON.stringify(answer));
  const refusal = answer as Extract<Answer, { outcome: "refused" }>;
  assert.equal(refusal.code, code, refusal.text);
  for (const word of words) assert.ok(refusal.text.includes(word), `${JSON.stringify(word)} is not in ${refusal.text}`);
}

/** A conflict; and nothing was written. */
export async function conflicting(
  t: StatusWorld,
  writer: Writer,
  given: TestWrite,
  reason: string,
): Promise<TestConflict> {
  const before = await t.head();
  const answer = "resourceVersion" in given ? await t.transport.write(writer, given) : await write(t, writer, given);
  assert.equal(answer.outcome, "conflict", JSON.stringify(answer));
  const { conflict } = answer as Extract<Answer, { outcome: "conflict" }>;
  assert.equal(conflict.reason, reason);
  assert.equal(await t.head(), before, "a conflicting write takes no RV");
  return conflict;
}

/** Accepted without a new RV. */
export async function unchanged(t: StatusWorld, writer: Writer, given: TestWrite): Promise<TestObject> {
  const [before, stored] = [await t.head(), await t.read(given.name)];
  const object = await accepted(t, writer, given);
  assert.equal(object.metadata.resourceVersion, stored.metadata.resourceVersion, "a no-op keeps the RV");
  assert.equal(await t.head(), before, "a no-op takes no RV");
  return object;
}

export function find(object: TestObject, type: string): Required<TestCondition> {
  const found = object.status.conditions.find((one) => one.type === type);
  assert.ok(found, `no condition ${type} in ${JSON.stringify(object.status)}`);
  return found;
}

export const types = (object: TestObject): string[] => object.status.conditions.map(({ type }) => type);
