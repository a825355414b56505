/** Reads what a caller sent, in each of the six modes, as far as it can be judged without the stored object. */
import { deeperThan, get, isObject, show } from "../../resource/json.ts";
import type { KindDef, KindRegistry } from "../../resource/kind.ts";
import type { FieldError, Json, JsonObject } from "../../resource/types.ts";
import { type GivenCondition, isGeneration, readConditions, wrong } from "./conditions.ts";
import type { StatusFields, StatusInput } from "./types.ts";

/** Objects nest less; a body of brackets would end the recursions below in a stack overflow. */
const MAX_DEPTH = 100;

export interface GivenFields {
  mode: "fields";
  spec?: Json;
  body?: Json;
  metadata: JsonObject;
  /** Without `conditions`, and without fields that are null: those are not given. */
  status: JsonObject;
  conditions?: GivenCondition[];
  /** `own`: the caller's types that are not in `conditions` go. */
  merge: "own" | "type";
  remove: string[];
}

export type Given =
  | GivenFields
  /** The patch without `status.conditions`; those null: taken away. */
  | { mode: "merge"; patch: JsonObject; conditions?: GivenCondition[] | null }
  | { mode: "json"; patch: Json[] };

export interface Read {
  given: Given;
  /** The `resourceVersion` asked for. */
  expected?: string;
  uid?: string;
}

export type ReadInput = { ok: true; read: Read } | { ok: false; errors: FieldError[] } | { ok: false; message: string };

export interface About {
  kind: KindDef;
  registry: KindRegistry;
  name: string;
  namespace: string | undefined;
}

export function readInput(input: StatusInput, about: About): ReadInput {
  if (deeperThan("fields" in input ? input.fields : "patch" in input ? input.patch : input.object, MAX_DEPTH)) {
    return { ok: false, message: `the body nests deeper than ${MAX_DEPTH} levels` };
  }
  switch (input.mode) {
    case "put":
    case "apply":
      return readObject(input.object, about);
    case "merge":
      return readMergePatch(input.patch, about);
    case "json":
      return readJsonPatch(input.patch);
    case "update":
      return readFields(input.fields, "own");
    case "product":
      return readFields(input.fields, "type");
  }
}

const KNOWN = ["apiVersion", "kind", "metadata", "spec", "status", "body"];

/** What names the object must agree with the URL; kube-apiserver's sentences, each a 400. */
function misnamed(object: JsonObject, about: About): string | undefined {
  const { kind, registry } = about;
  const { apiVersion } = object;
  if (typeof object.kind === "string" && object.kind !== "" && object.kind !== kind.kind)
    return `the kind in the data (${object.kind}) does not match the expected kind (${kind.kind})`;
  if (typeof apiVersion === "string" && apiVersion !== "") {
    const named = registry.byApiVersion(apiVersion, kind.kind);
    if (named?.key !== kind.key)
      return `the API version in the data (${apiVersion}) does not match the expected API version (${kind.group}/${kind.version})`;
  }
  const name = get(object.metadata, "name");
  if (typeof name === "string" && name !== "" && name !== about.name)
    return `the name of the object (${name}) does not match the name on the URL (${about.name})`;
  const namespace = get(object.metadata, "namespace");
  if (typeof namespace === "string" && namespace !== "" && namespace !== about.namespace)
    return "the namespace of the provided object does not match the namespace sent on the request";
  return undefined;
}

/** `metadata` and `status` as mappings, and no field beside those of an object. */
function shapeErrors(object: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of Object.keys(object)) {
    if (KNOWN.includes(key)) continue;
    const hint = `known fields: ${KNOWN.join(", ")}`;
    errors.push({ field: key, reason: "UnknownField", message: `unknown field ${show(key)}`, hint });
  }
  for (const key of ["metadata", "status"]) {
    const value = object[key];
    if (value !== undefined && value !== null && !isObject(value))
      errors.push(wrong(key, "TypeInvalid", "a mapping", value));
  }
  return errors;
}

function readObject(object: unknown, about: About): ReadInput {
  if (!isObject(object)) return { ok: false, message: `the body must be an object, found ${show(object)}` };
  const message = misnamed(object, about);
  if (message !== undefined) return { ok: false, message };
  const errors = shapeErrors(object);
  const metadata = isObject(object.metadata) ? object.metadata : {};
  const status = isObject(object.status) ? object.status : {};
  const given = fieldsOf(status, "status.", "own", errors);
  given.metadata = metadata;
  if (object.spec !== undefined && object.spec !== null) given.spec = object.spec;
  if (object.body !== undefined && object.body !== null) given.body = object.body;
  const asked = versionOf(metadata.resourceVersion, "metadata.resourceVersion", errors);
  return done(given, asked, metadata.uid, errors);
}

function readFields(fields: StatusFields, merge: "own" | "type"): ReadInput {
  const errors: FieldError[] = [];
  const { resourceVersion, spec, metadata, removeConditions, ...status } = fields;
  const given = fieldsOf(status as JsonObject, "", merge, errors);
  if (spec !== undefined && spec !== null) given.spec = spec as Json;
  if (isObject(metadata)) given.metadata = metadata;
  else if (metadata !== undefined && metadata !== null)
    errors.push(wrong("metadata", "TypeInvalid", "an object", metadata));
  given.remove = removedTypes(removeConditions, given, errors);
  const asked =
    versionOf(resourceVersion, "resourceVersion", errors) ??
    versionOf(given.metadata.resourceVersion, "metadata.resourceVersion", errors);
  return done(given, asked, given.metadata.uid, errors);
}

function removedTypes(value: unknown, given: GivenFields, errors: FieldError[]): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((type) => typeof type === "string")) {
    errors.push(wrong("removeConditions", "TypeInvalid", "a list of condition types", value));
    return [];
  }
  for (const [index, type] of value.entries()) {
    if (!given.conditions?.some((condition) => condition.type === type)) continue;
    const message = `${show(type)} is in conditions too: leave it out of one of them`;
    errors.push({ field: `removeConditions[${index}]`, reason: "Invalid", message });
  }
  return value;
}

function fieldsOf(status: JsonObject, prefix: string, merge: "own" | "type", errors: FieldError[]): GivenFields {
  const given = Object.fromEntries(
    Object.entries(status).filter(([key, value]) => key !== "conditions" && value !== null && value !== undefined),
  );
  errors.push(...scalarErrors(given, prefix));
  const fields: GivenFields = { mode: "fields", metadata: {}, status: given, merge, remove: [] };
  if (status.conditions === undefined || status.conditions === null) return fields;
  const read = readConditions(status.conditions, `${prefix}conditions`, false);
  errors.push(...read.errors);
  fields.conditions = read.conditions;
  return fields;
}

/** Types of the writable fields; whether their values hold is judged against the stored object. */
export function scalarErrors(status: JsonObject, prefix: string): FieldError[] {
  const errors: FieldError[] = [];
  const { observedGeneration, lastAppliedRevision } = status;
  if (observedGeneration !== undefined && observedGeneration !== null && !isGeneration(observedGeneration))
    errors.push(wrong(`${prefix}observedGeneration`, "TypeInvalid", "a whole number, 0 or more", observedGeneration));
  if (lastAppliedRevision !== undefined && lastAppliedRevision !== null && typeof lastAppliedRevision !== "string")
    errors.push(wrong(`${prefix}lastAppliedRevision`, "TypeInvalid", "a string", lastAppliedRevision));
  return errors;
}

function readMergePatch(patch: unknown, about: About): ReadInput {
  if (!isObject(patch)) return { ok: false, message: `a merge patch must be an object, found ${show(patch)}` };
  const message = misnamed(patch, about);
  if (message !== undefined) return { ok: false, message };
  const errors = shapeErrors(patch);
  if (patch.status === null) {
    const told = "must be a mapping, found nothing: to take a field of yours away, give that field as null";
    errors.push({ field: "status", reason: "TypeInvalid", message: told });
  }
  const metadata = isObject(patch.metadata) ? patch.metadata : {};
  const status = isObject(patch.status) ? patch.status : {};
  errors.push(...scalarErrors(status, "status."));
  const { conditions, ...others } = status;
  const given: Given = { mode: "merge", patch: isObject(patch.status) ? { ...patch, status: others } : patch };
  if (conditions === null) given.conditions = null;
  else if (conditions !== undefined) {
    const read = readConditions(conditions, "status.conditions", true);
    errors.push(...read.errors);
    given.conditions = read.conditions;
  }
  return done(given, versionOf(metadata.resourceVersion, "metadata.resourceVersion", errors), metadata.uid, errors);
}

function readJsonPatch(patch: unknown): ReadInput {
  if (!Array.isArray(patch))
    return { ok: false, message: `a JSON patch is a list of operations, found ${show(patch)}` };
  const bad = patch.findIndex(
    (item) => !isObject(item) || typeof item.op !== "string" || typeof item.path !== "string",
  );
  if (bad >= 0) return { ok: false, message: `operation ${bad} of the JSON patch is not {"op", "path", …}` };
  const errors: FieldError[] = [];
  const asked = versionOf(saidOf(patch, "/metadata/resourceVersion"), "metadata.resourceVersion", errors);
  return done({ mode: "json", patch }, asked, saidOf(patch, "/metadata/uid"), errors);
}

/** What a JSON patch says a field is: by a `test`, or, as kube-apiserver takes it too, by setting it. */
function saidOf(patch: Json[], path: string): Json | undefined {
  const about = patch.filter(isObject).filter((operation) => operation.path === path);
  const said = about.find(({ op }) => op === "test") ?? about.find(({ op }) => op === "add" || op === "replace");
  return said?.value;
}

function versionOf(value: unknown, field: string, errors: FieldError[]): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string" && /^[0-9]+$/.test(value)) return value;
  errors.push(wrong(field, "Invalid", "a resourceVersion, a decimal string as a read or a watch gave it", value));
  return undefined;
}

function done(given: Given, expected: string | undefined, uid: unknown, errors: FieldError[]): ReadInput {
  if (errors.length > 0) return { ok: false, errors };
  return {
    ok: true,
    read: {
      given,
      ...(expected === undefined ? {} : { expected }),
      ...(typeof uid === "string" && uid !== "" ? { uid } : {}),
    },
  };
}
