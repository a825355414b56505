/** The object that a request asks for: what is stored with the request's change in it, whichever mode it came in. */
import { isObject } from "../../resource/json.ts";
import { jsonPatch, mergePatch, PatchError } from "../../resource/patch.ts";
import type { Condition, FieldError, Json, JsonObject, Resource } from "../../resource/types.ts";
import { type GivenCondition, readConditions, wholeCondition, wrong } from "./conditions.ts";
import { type Given, type GivenFields, scalarErrors } from "./input.ts";

export interface Desired {
  spec: Json | undefined;
  body: Json | undefined;
  metadata: JsonObject;
  /** Without `conditions`. */
  status: JsonObject;
  conditions: Condition[];
}

export type DesiredResult = { ok: true; desired: Desired } | { ok: false; errors: FieldError[] };

/** `isOwn`: whether a condition type is the caller's. */
export function desiredOf(given: Given, stored: Resource, isOwn: (type: string) => boolean): DesiredResult {
  switch (given.mode) {
    case "fields":
      return fromFields(given, stored, isOwn);
    case "merge":
      return fromMergePatch(given.patch, given.conditions, stored);
    case "json":
      return fromJsonPatch(given.patch, stored);
  }
}

const conditionsOf = (stored: Resource): Condition[] => stored.status?.conditions ?? [];

function statusOf(stored: Resource): JsonObject {
  const { conditions: _, ...status } = stored.status ?? {};
  return status as JsonObject;
}

function fromFields(given: GivenFields, stored: Resource, isOwn: (type: string) => boolean): DesiredResult {
  const mine = given.conditions;
  const kept = conditionsOf(stored).filter(({ type }) => {
    if (given.remove.includes(type)) return false;
    return mine === undefined || given.merge === "type" || !isOwn(type) || mine.some((one) => one.type === type);
  });
  return {
    ok: true,
    desired: {
      spec: given.spec ?? stored.spec,
      body: given.body ?? stored.body,
      metadata: merged(stored.metadata as unknown as JsonObject, given.metadata),
      status: { ...statusOf(stored), ...given.status },
      conditions: withConditions(kept, mine ?? [], false).conditions,
    },
  };
}

/** Fields of `metadata` that are not given are as they are stored; an empty name is not given, as in Kubernetes. */
function merged(stored: JsonObject, given: JsonObject): JsonObject {
  const isGiven = ([key, value]: [string, Json]) => value !== null && !(value === "" && NAMES.includes(key));
  return { ...stored, ...Object.fromEntries(Object.entries(given).filter(isGiven)) };
}

const NAMES = ["name", "namespace"];

function withConditions(
  kept: readonly Condition[],
  given: readonly GivenCondition[],
  over: boolean,
): { conditions: Condition[]; lacking: number[] } {
  const conditions = [...kept];
  const lacking: number[] = [];
  for (const [index, one] of given.entries()) {
    const at = conditions.findIndex(({ type }) => type === one.type);
    const whole = wholeCondition(one, over ? conditions[at] : undefined);
    if (whole === undefined) lacking.push(index);
    else if (at < 0) conditions.push(whole);
    else conditions[at] = whole;
  }
  return { conditions, lacking };
}

function fromMergePatch(
  patch: JsonObject,
  given: GivenCondition[] | null | undefined,
  stored: Resource,
): DesiredResult {
  const result = mergePatch(stored as unknown as Json, patch) as JsonObject;
  const { conditions, lacking } = withConditions(given === null ? [] : conditionsOf(stored), given ?? [], true);
  if (lacking.length > 0) {
    const message = "is required for a condition that is not there yet";
    const errors = lacking.map(
      (index): FieldError => ({ field: `status.conditions[${index}].status`, reason: "Required", message }),
    );
    return { ok: false, errors };
  }
  return { ok: true, desired: desiredFrom(result, conditions) };
}

function fromJsonPatch(patch: Json[], stored: Resource): DesiredResult {
  let result: Json;
  try {
    result = jsonPatch(stored as unknown as Json, patch);
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    return { ok: false, errors: [{ field: "", reason: "Invalid", message: error.message }] };
  }
  if (!isObject(result)) return { ok: false, errors: [wrong("", "TypeInvalid", "an object after the patch", result)] };
  const { status } = result;
  if (status !== undefined && !isObject(status))
    return { ok: false, errors: [wrong("status", "TypeInvalid", "a mapping after the patch", status)] };
  const errors = scalarErrors(status ?? {}, "status.");
  const list = status?.conditions ?? [];
  const read = readConditions(list, "status.conditions", false);
  errors.push(...read.errors);
  if (errors.length > 0) return { ok: false, errors };
  return { ok: true, desired: desiredFrom(result, withConditions([], read.conditions, false).conditions) };
}

function desiredFrom(result: JsonObject, conditions: Condition[]): Desired {
  const { conditions: _, ...status } = isObject(result.status) ? result.status : {};
  return {
    spec: result.spec,
    body: result.body,
    metadata: isObject(result.metadata) ? result.metadata : {},
    status,
    conditions,
  };
}
