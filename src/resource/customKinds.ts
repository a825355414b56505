/** CustomResourceDefinitions: what a valid one is, and the kinds that it gives. */
import { get, isObject, listAt, objectAt, show, stringAt } from "./json.ts";
import type { KindDef, PrinterColumn, Schema } from "./kind.ts";
import { AGE_COLUMN, kindKey, violation } from "./kinds/define.ts";
import { dnsLabelProblem, dnsSubdomainProblem } from "./names.ts";
import { schemaErrors } from "./structural.ts";
import type { FieldError, Json, JsonObject } from "./types.ts";

/** A custom group under these would pass for a kind of the platform. */
const RESERVED_GROUPS = ["gitstore.dev", "k8s.io"];
/** A plural that is a subresource's name would be read as one in a path. */
const RESERVED_PLURALS = ["status", "finalize"];
const ROOT_PROPERTIES = ["apiVersion", "kind", "metadata", "spec", "status"];

/** Every reason why a CustomResourceDefinition's spec, under this name, cannot come into force. */
export function definitionErrors(spec: JsonObject, name: string): FieldError[] {
  return [...groupErrors(spec), ...namesErrors(spec), ...nameErrors(spec, name), ...versionsErrors(spec)];
}

function groupErrors(spec: JsonObject): FieldError[] {
  const group = stringAt(spec, "group");
  if (group === undefined || group === "") return [];
  const problem = dnsSubdomainProblem(group) ?? (group.includes(".") ? undefined : "must have at least one dot");
  if (problem !== undefined) return [violation("spec.group", "Invalid", `${problem}, found ${show(group)}`)];
  const reserved = RESERVED_GROUPS.find((suffix) => group.endsWith(suffix));
  if (reserved === undefined) return [];
  return [
    violation("spec.group", "Forbidden", `must not end in ${reserved}, found ${show(group)}`, "use a domain of yours"),
  ];
}

function namesErrors(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const names = objectAt(spec, "names");
  const kind = stringAt(names, "kind");
  if (kind && !/^[A-Z][A-Za-z0-9]{0,62}$/.test(kind)) {
    const message = `must be letters and digits, begin with a capital, at most 63, found ${show(kind)}`;
    errors.push(violation("spec.names.kind", "Invalid", message));
  }
  for (const key of ["plural", "singular"]) {
    const value = stringAt(names, key);
    const problem = value ? dnsLabelProblem(value) : undefined;
    if (problem !== undefined)
      errors.push(violation(`spec.names.${key}`, "Invalid", `${problem}, found ${show(value)}`));
  }
  for (const key of ["shortNames", "categories"]) {
    for (const [index, value] of listAt(names, key).entries()) {
      const problem = typeof value === "string" ? dnsLabelProblem(value) : undefined;
      if (problem === undefined) continue;
      errors.push(violation(`spec.names.${key}[${index}]`, "Invalid", `${problem}, found ${show(value)}`));
    }
  }
  const plural = stringAt(names, "plural") ?? "";
  if (RESERVED_PLURALS.includes(plural)) {
    errors.push(violation("spec.names.plural", "Forbidden", `must not be ${show(plural)}, which names a subresource`));
  }
  return errors;
}

function nameErrors(spec: JsonObject, name: string): FieldError[] {
  const group = stringAt(spec, "group");
  const plural = stringAt(objectAt(spec, "names"), "plural");
  if (!group || !plural || name === `${plural}.${group}`) return [];
  const message = `must be spec.names.plural and spec.group joined by a dot, found ${show(name)}`;
  return [violation("metadata.name", "Invalid", message, `name it ${show(`${plural}.${group}`)}`)];
}

function versionsErrors(spec: JsonObject): FieldError[] {
  const versions = listAt(spec, "versions");
  if (versions.length === 0) return [];
  const errors = versions.flatMap((version, index) => versionErrors(version, `spec.versions[${index}]`, index));
  const stored = versions.filter((version) => get(version, "storage") === true).length;
  if (stored !== 1)
    errors.push(violation("spec.versions", "Invalid", `exactly one must have storage: true, found ${stored}`));
  if (!versions.some((version) => get(version, "served") === true)) {
    errors.push(violation("spec.versions", "Required", "at least one must have served: true"));
  }
  return errors;
}

function versionErrors(version: Json, field: string, index: number): FieldError[] {
  const errors: FieldError[] = [];
  const name = stringAt(version, "name");
  const problem = name ? dnsLabelProblem(name) : undefined;
  if (problem !== undefined) errors.push(violation(`${field}.name`, "Invalid", `${problem}, found ${show(name)}`));
  const root = get(objectAt(version, "schema"), "openAPIV3Schema");
  if (!isObject(root)) return errors;
  const path = ["spec", "versions", index, "schema", "openAPIV3Schema"];
  errors.push(...schemaErrors(root, path));
  if (root.type !== undefined && root.type !== "object") {
    errors.push(
      violation(`${field}.schema.openAPIV3Schema.type`, "Invalid", `must be "object", found ${show(root.type)}`),
    );
  }
  for (const key of Object.keys(objectAt(root, "properties"))) {
    if (ROOT_PROPERTIES.includes(key)) continue;
    const message = `objects have no field ${show(key)} beside ${ROOT_PROPERTIES.join(", ")}`;
    errors.push(
      violation(`${field}.schema.openAPIV3Schema.properties.${key}`, "NotSupported", message, "put it into spec"),
    );
  }
  // In a schema that is wrong itself, whatever a path leads to is wrong too.
  return errors.length > 0 ? errors : selectableErrors(version, root, field);
}

const SIMPLE_PATH = /^(\.[A-Za-z_][\w-]*)+$/;

function selectableErrors(version: Json, root: JsonObject, field: string): FieldError[] {
  return listAt(version, "selectableFields").flatMap((item, index) => {
    const path = stringAt(item, "jsonPath");
    if (path === undefined) return [];
    const at = `${field}.selectableFields[${index}].jsonPath`;
    if (!SIMPLE_PATH.test(path))
      return [violation(at, "Invalid", `must be a simple path such as .spec.color, found ${show(path)}`)];
    let schema: Json | undefined = root;
    for (const key of path.slice(1).split(".")) schema = get(get(schema, "properties"), key);
    const type = stringAt(schema, "type");
    if (type === "string" || type === "integer" || type === "boolean") return [];
    return [
      violation(at, "Invalid", `must lead to a string, an integer or a boolean of the schema, found ${show(path)}`),
    ];
  });
}

const NOTHING: Schema = { type: "object", properties: {} };
const ANYTHING: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** The kind's versions that a valid definition gives, the storage version first. Each is a kind of its own to callers. */
export function kindsOf(spec: JsonObject): KindDef[] {
  const versions = listAt(spec, "versions").filter(isObject);
  const stored = versions.filter((version) => version.storage === true);
  const others = versions.filter((version) => version.storage !== true && version.served === true);
  return [...stored, ...others].map((version) => kindOf(spec, version));
}

/** Whether a version of a definition may be read and written by clients. */
export function isServed(spec: JsonObject, version: string): boolean {
  return listAt(spec, "versions").some((item) => get(item, "name") === version && get(item, "served") === true);
}

function strings(values: Json[]): string[] {
  return values.filter((value) => typeof value === "string");
}

function kindOf(spec: JsonObject, version: JsonObject): KindDef {
  const names = objectAt(spec, "names");
  const group = stringAt(spec, "group") ?? "";
  const kind = stringAt(names, "kind") ?? "";
  const root = objectAt(objectAt(version, "schema"), "openAPIV3Schema");
  const specSchema = get(objectAt(root, "properties"), "spec");
  const resolved = get(objectAt(objectAt(objectAt(root, "properties"), "status"), "properties"), "resolved");
  const fallback = root["x-kubernetes-preserve-unknown-fields"] === true ? ANYTHING : NOTHING;
  return {
    key: kindKey(group, kind),
    group,
    version: stringAt(version, "name") ?? "",
    kind,
    plural: stringAt(names, "plural") ?? "",
    singular: stringAt(names, "singular") || kind.toLowerCase(),
    shortNames: strings(listAt(names, "shortNames")),
    categories: [...new Set(["all", "gitstore", ...strings(listAt(names, "categories"))])],
    scope: "Namespaced",
    owner: "git",
    hasBody: true,
    catalogue: false,
    spec: isObject(specSchema) ? (specSchema as Schema) : fallback,
    ...(isObject(resolved) ? { resolved: resolved as Schema } : {}),
    printerColumns: columnsOf(version),
    selectableFields: listAt(version, "selectableFields").flatMap((item) => stringAt(item, "jsonPath")?.slice(1) ?? []),
    custom: true,
  };
}

function columnsOf(version: JsonObject): PrinterColumn[] {
  const columns = listAt(version, "additionalPrinterColumns").filter(isObject);
  return columns.length === 0 ? [AGE_COLUMN] : (columns as unknown as PrinterColumn[]);
}
