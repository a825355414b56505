/** Conditions as callers give them: read, compared, and put into a list by type. */
import { isObject, show } from "../../resource/json.ts";
import type { Condition, ConditionStatus, FieldError, Json, JsonObject, Reason } from "../../resource/types.ts";

/** Only what was given; null (merge patches only) takes a field away. */
export interface GivenCondition {
  type: string;
  status?: ConditionStatus;
  observedGeneration?: number | null;
  reason?: string | null;
  message?: string | null;
}

export const MAX_CONDITIONS = 32;
/** Kubernetes' limits (apimachinery `metav1.Condition`). */
const MAX_TYPE = 316;
const MAX_REASON = 1024;
const MAX_MESSAGE = 32_768;
const TYPE = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const STATUSES: Record<string, ConditionStatus> = { TRUE: "True", FALSE: "False", UNKNOWN: "Unknown" };
const FIELDS = ["type", "status", "observedGeneration", "lastTransitionTime", "reason", "message"];

/** `partial`: of a merge patch, where a known type may be given without its status. */
export function readConditions(
  value: unknown,
  field: string,
  partial: boolean,
): { conditions: GivenCondition[]; errors: FieldError[] } {
  if (!Array.isArray(value)) return { conditions: [], errors: [wrong(field, "TypeInvalid", `a list`, value)] };
  const conditions: GivenCondition[] = [];
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    const at = `${field}[${index}]`;
    const before = errors.length;
    const condition = readCondition(item, at, partial, errors);
    if (errors.length > before || condition === undefined) continue;
    if (seen.has(condition.type)) {
      const message = `the type ${show(condition.type)} is in the list twice`;
      errors.push({ field: `${at}.type`, reason: "Duplicate", message });
    }
    seen.add(condition.type);
    conditions.push(condition);
  }
  return { conditions, errors };
}

function readCondition(item: Json, at: string, partial: boolean, errors: FieldError[]): GivenCondition | undefined {
  if (!isObject(item)) {
    errors.push(wrong(at, "TypeInvalid", "a condition, a mapping", item));
    return undefined;
  }
  for (const key of Object.keys(item)) {
    if (FIELDS.includes(key)) continue;
    const message = `unknown field ${show(key)}`;
    errors.push({ field: `${at}.${key}`, reason: "UnknownField", message, hint: `known fields: ${FIELDS.join(", ")}` });
  }
  const type = item.type;
  if (type === undefined || type === null || type === "")
    errors.push({ field: `${at}.type`, reason: "Required", message: "is required" });
  else if (typeof type !== "string" || type.length > MAX_TYPE || !TYPE.test(type))
    errors.push(wrong(`${at}.type`, "Invalid", "a condition type such as Ready or example.com/Ready", type));
  const condition: GivenCondition = { type: typeof type === "string" ? type : "" };
  readStatus(item, at, partial, condition, errors);
  readText(item, at, "reason", MAX_REASON, condition, errors);
  readText(item, at, "message", MAX_MESSAGE, condition, errors);
  const { observedGeneration } = item;
  if (observedGeneration === null) condition.observedGeneration = null;
  else if (observedGeneration !== undefined) {
    if (isGeneration(observedGeneration)) condition.observedGeneration = observedGeneration;
    else errors.push(wrong(`${at}.observedGeneration`, "TypeInvalid", "a whole number, 0 or more", observedGeneration));
  }
  return condition;
}

/** Any letter case: GraphQL's enum is TRUE, Kubernetes' text True, and clients send back what either gave them. */
function readStatus(item: JsonObject, at: string, partial: boolean, into: GivenCondition, errors: FieldError[]): void {
  const { status } = item;
  if (status === undefined || status === null) {
    if (!partial) errors.push({ field: `${at}.status`, reason: "Required", message: "is required" });
    return;
  }
  const known = typeof status === "string" ? STATUSES[status.toUpperCase()] : undefined;
  if (known) into.status = known;
  else errors.push(wrong(`${at}.status`, "NotSupported", `one of "True", "False", "Unknown"`, status));
}

function readText(
  item: JsonObject,
  at: string,
  key: "reason" | "message",
  max: number,
  into: GivenCondition,
  errors: FieldError[],
): void {
  const value = item[key];
  if (value === undefined) return;
  if (value === null) into[key] = null;
  else if (typeof value !== "string") errors.push(wrong(`${at}.${key}`, "TypeInvalid", "a string", value));
  else if (value.length > max) {
    const message = `must have at most ${max} characters, found ${value.length}`;
    errors.push({ field: `${at}.${key}`, reason: "TooLong", message });
  } else into[key] = value;
}

export function isGeneration(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

export function wrong(field: string, reason: Reason, must: string, found: unknown): FieldError {
  return { field, reason, message: `must be ${must}, found ${show(found)}` };
}

/** The whole condition; `over` gives what was not given. Undefined: a new one without a status. */
export function wholeCondition(given: GivenCondition, over: Condition | undefined): Condition | undefined {
  const status = given.status ?? over?.status;
  if (status === undefined) return undefined;
  const observed = given.observedGeneration === undefined ? over?.observedGeneration : given.observedGeneration;
  return {
    type: given.type,
    status,
    ...(observed === undefined || observed === null ? {} : { observedGeneration: observed }),
    reason: (given.reason === undefined ? over?.reason : given.reason) ?? "",
    message: (given.message === undefined ? over?.message : given.message) ?? "",
  };
}

/**
 * Whether two conditions say the same. The transition time is the server's; a generation that was never given comes
 * back as 0 from clients whose types have no absence.
 */
export function sameCondition(a: Condition, b: Condition): boolean {
  return (
    a.status === b.status &&
    (a.reason ?? "") === (b.reason ?? "") &&
    (a.message ?? "") === (b.message ?? "") &&
    (a.observedGeneration ?? 0) === (b.observedGeneration ?? 0)
  );
}
