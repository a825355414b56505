/** An abstract write as the bodies of REST, as the input of a mutation, and as a frame. */
import type { TestCondition, TestKind, TestObject, TestStatus, TestWrite } from "./types.ts";

type Json = Record<string, unknown>;

/** PUT and server-side apply. */
export function objectBody(kind: TestKind, write: TestWrite): Json {
  return {
    apiVersion: kind.apiVersion,
    kind: write.kind ?? kind.kind,
    metadata: {
      name: write.name,
      ...(write.resourceVersion === undefined ? {} : { resourceVersion: write.resourceVersion }),
      ...write.metadata,
    },
    ...(write.spec === undefined ? {} : { spec: write.spec }),
    ...(write.body === undefined ? {} : { body: write.body }),
    ...(write.malformed ? { status: "well" } : write.status === undefined ? {} : { status: write.status }),
  };
}

export function mergePatchBody(write: TestWrite): Json {
  const metadata = {
    ...(write.resourceVersion === undefined ? {} : { resourceVersion: write.resourceVersion }),
    ...write.metadata,
  };
  return {
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(write.spec === undefined ? {} : { spec: write.spec }),
    ...(write.body === undefined ? {} : { body: write.body }),
    ...(write.malformed ? { status: "well" } : write.status === undefined ? {} : { status: write.status }),
  };
}

/** Operations on what the writer read: a condition is replaced at its index, or added. */
export function jsonPatchBody(write: TestWrite, current: TestObject | undefined): unknown {
  if (write.malformed) return { op: "add", path: "/status", value: "well" };
  const operations: Json[] = [];
  if (write.resourceVersion !== undefined)
    operations.push({ op: "test", path: "/metadata/resourceVersion", value: write.resourceVersion });
  for (const [key, value] of Object.entries(write.metadata ?? {}))
    operations.push({ op: "add", path: `/metadata/${key}`, value });
  if (write.spec !== undefined) operations.push({ op: "add", path: "/spec", value: write.spec });
  if (write.body !== undefined) operations.push({ op: "add", path: "/body", value: write.body });
  const { conditions, ...fields } = write.status ?? {};
  for (const [key, value] of Object.entries(fields)) operations.push({ op: "add", path: `/status/${key}`, value });
  operations.push(...conditionOperations(conditions ?? [], current?.status.conditions ?? []));
  return operations;
}

function conditionOperations(conditions: TestCondition[], current: TestCondition[]): Json[] {
  return conditions.map((value) => {
    const index = current.findIndex(({ type }) => type === value.type);
    return index < 0
      ? { op: "add", path: "/status/conditions/-", value }
      : { op: "replace", path: `/status/conditions/${index}`, value };
  });
}

/** `UpdateResourceStatusInput`, as the socket carries it; a condition's status in any letter case. */
export function inputFields(kind: TestKind, namespace: string, write: TestWrite): Json {
  const { observedGeneration, lastAppliedRevision, conditions, resolved, ...others } = (write.status ??
    {}) as TestStatus;
  const given = {
    resourceVersion: write.resourceVersion,
    observedGeneration,
    lastAppliedRevision,
    conditions: write.malformed ? "well" : conditions,
    resolved,
    spec: write.spec,
    metadata: write.metadata,
    force: write.force,
    fieldManager: write.fieldManager,
    idempotencyKey: write.idempotencyKey,
    ...others,
  };
  return {
    kind: write.kind ?? kind.kind,
    name: write.name,
    namespace,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}
