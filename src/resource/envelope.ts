/** The envelope of a resource: which kind it is, and its metadata. The same rules for files and for API bodies. */
import { utf8Length } from "./canonical.ts";
import { isObject, setOwn, show } from "./json.ts";
import type { KindDef, KindRegistry, Schema } from "./kind.ts";
import { dnsSubdomainProblem, labelKeyProblem, labelValueProblem } from "./names.ts";
import { didYouMean } from "./suggest.ts";
import type { AuthoredResource, Json, JsonObject } from "./types.ts";
import type { Violation } from "./validate.ts";

export const MAX_ANNOTATIONS_BYTES = 256 * 1024;

const STRING: Schema = { type: "string" };
const STRINGS: Schema = { type: "object", additionalProperties: STRING };

/** What an author may write into metadata; decoding is directed by it too. */
export const METADATA: Schema = {
  type: "object",
  properties: { name: STRING, namespace: STRING, labels: STRINGS, annotations: STRINGS },
};

/** Set by the system: refused in a file, ignored in an API body, since clients send whole objects back. */
const SYSTEM_METADATA = [
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "revision",
  "ownerReferences",
  "finalizers",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "managedFields",
  "selfLink",
];

export const TOP_LEVEL = ["apiVersion", "kind", "metadata", "spec"];

export interface Envelope {
  kind: KindDef | undefined;
  /** The name, where it is a valid one and not another namespace's. */
  name: string | undefined;
  metadata: AuthoredResource["metadata"] | undefined;
  violations: Violation[];
}

export interface EnvelopeContext {
  namespace: string;
  registry: KindRegistry;
  /** In a file: refused. In an API body: ignored. */
  systemFields: "forbidden" | "ignored";
}

export function checkEnvelope(value: JsonObject, context: EnvelopeContext): Envelope {
  const violations: Violation[] = [];
  const kind = checkKind(value, context.registry, violations);
  if (context.systemFields === "forbidden" && Object.hasOwn(value, "status")) {
    violations.push(forbidden(["status"], "status is written by controllers and the system, never by authors"));
  }
  const metadata = checkMetadata(value, kind, context, violations);
  return { kind, name: metadata?.name, metadata, violations };
}

function forbidden(path: string[], message: string): Violation {
  return { path, reason: "Forbidden", message, hint: `remove ${path.join(".")}`, atKey: true };
}

/** A string that must be there; undefined, with a violation, where it is not. */
function requiredString(value: JsonObject, path: string[], violations: Violation[]): string | undefined {
  const key = path.at(-1) ?? "";
  const found = Object.hasOwn(value, key) ? value[key] : undefined;
  if (found === undefined || found === null || found === "") {
    violations.push({ path, reason: "Required", message: "is required" });
    return undefined;
  }
  if (typeof found === "string") return found;
  violations.push({ path, reason: "TypeInvalid", message: `must be a string, found ${show(found)}` });
  return undefined;
}

function checkKind(value: JsonObject, registry: KindRegistry, violations: Violation[]): KindDef | undefined {
  const apiVersion = requiredString(value, ["apiVersion"], violations);
  const kind = requiredString(value, ["kind"], violations);
  if (apiVersion === undefined || kind === undefined) return undefined;
  const found = registry.byApiVersion(apiVersion, kind);
  if (found !== undefined) return found;
  const group = apiVersion.split("/")[0] ?? "";
  const all = registry.all();
  const versions = all.filter((one) => one.kind === kind && one.group === group);
  if (versions.length > 0) {
    const served = versions.map((one) => `${one.group}/${one.version}`).join(", ");
    const message = `no version ${show(apiVersion)} of kind ${kind} is served`;
    violations.push({ path: ["apiVersion"], reason: "UnknownKind", message, hint: `served: ${served}` });
    return undefined;
  }
  const sameName = all.find((one) => one.kind === kind);
  const hint =
    sameName !== undefined
      ? `${kind} is of apiVersion ${sameName.group}/${sameName.version}`
      : didYouMean(
          kind,
          all.map((one) => one.kind),
        );
  const message = `no kind ${show(kind)} is known in ${show(apiVersion)}`;
  violations.push({ path: ["kind"], reason: "UnknownKind", message, ...(hint === undefined ? {} : { hint }) });
  return undefined;
}

function checkMetadata(
  value: JsonObject,
  kind: KindDef | undefined,
  context: EnvelopeContext,
  violations: Violation[],
): AuthoredResource["metadata"] | undefined {
  const metadata = Object.hasOwn(value, "metadata") ? value.metadata : undefined;
  if (metadata === undefined || metadata === null) {
    violations.push({ path: ["metadata"], reason: "Required", message: "is required, with metadata.name" });
    return undefined;
  }
  if (!isObject(metadata)) {
    violations.push({
      path: ["metadata"],
      reason: "TypeInvalid",
      message: `must be a mapping, found ${show(metadata)}`,
    });
    return undefined;
  }
  checkMetadataKeys(metadata, context, violations);
  const labels = checkMap(metadata, "labels", violations);
  const annotations = checkMap(metadata, "annotations", violations);
  const isMine = checkNamespace(metadata, kind, context.namespace, violations);
  const name = checkName(metadata, violations);
  if (name === undefined || !isMine) return undefined;
  return {
    name,
    ...(kind?.scope === "Cluster" ? {} : { namespace: context.namespace }),
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
}

function checkMetadataKeys(metadata: JsonObject, context: EnvelopeContext, violations: Violation[]): void {
  const known = Object.keys(METADATA.properties ?? {});
  for (const key of Object.keys(metadata)) {
    if (known.includes(key)) continue;
    const path = ["metadata", key];
    if (SYSTEM_METADATA.includes(key)) {
      if (context.systemFields === "forbidden") {
        violations.push(forbidden(path, `metadata.${key} is set by the system, never by authors`));
      }
    } else if (context.systemFields === "forbidden" || metadata[key] !== null) {
      const hint = didYouMean(key, known) ?? `known fields: ${known.join(", ")}`;
      violations.push({ path, reason: "UnknownField", message: `unknown field ${show(key)}`, hint, atKey: true });
    }
  }
}

function checkName(metadata: JsonObject, violations: Violation[]): string | undefined {
  const path = ["metadata", "name"];
  const name = requiredString(metadata, path, violations);
  const problem = name === undefined ? undefined : dnsSubdomainProblem(name);
  if (problem === undefined) return name;
  const reason = name !== undefined && name.length > 253 ? "TooLong" : "Invalid";
  violations.push({ path, reason, message: `${problem}, found ${show(name)}` });
  return undefined;
}

/** Whether the object is one of this namespace's. Another's must not be taken for ours of the same name. */
function checkNamespace(
  metadata: JsonObject,
  kind: KindDef | undefined,
  namespace: string,
  violations: Violation[],
): boolean {
  const found = Object.hasOwn(metadata, "namespace") ? metadata.namespace : undefined;
  if (found === undefined || found === null || found === "") return true;
  const path = ["metadata", "namespace"];
  if (typeof found !== "string") {
    violations.push({ path, reason: "TypeInvalid", message: `must be a string, found ${show(found)}` });
    return false;
  }
  if (kind?.scope === "Cluster") {
    violations.push(forbidden(path, `a ${kind.kind} is in no namespace, found ${show(found)}`));
    return true;
  }
  if (found === namespace) return true;
  const message = `must be the repository's namespace ${show(namespace)}, found ${show(found)}`;
  violations.push({ path, reason: "NamespaceMismatch", message, hint: "leave metadata.namespace out" });
  return false;
}

function checkMap(
  metadata: JsonObject,
  field: "labels" | "annotations",
  violations: Violation[],
): Record<string, string> {
  const found: Json | undefined = Object.hasOwn(metadata, field) ? metadata[field] : undefined;
  const values: Record<string, string> = {};
  if (found === undefined || found === null) return values;
  if (!isObject(found)) {
    const message = `must be a mapping of strings, found ${show(found)}`;
    violations.push({ path: ["metadata", field], reason: "TypeInvalid", message });
    return values;
  }
  let bytes = 0;
  for (const [key, value] of Object.entries(found)) {
    const path = ["metadata", field, key];
    const keyProblem = labelKeyProblem(key);
    if (keyProblem !== undefined) {
      violations.push({ path, reason: "Invalid", message: `key ${keyProblem}, found ${show(key)}`, atKey: true });
    }
    if (typeof value !== "string") {
      const hint = isObject(value) || Array.isArray(value) ? "write text" : "write it in quotes";
      violations.push({ path, reason: "TypeInvalid", message: `must be a string, found ${show(value)}`, hint });
      continue;
    }
    const problem = field === "labels" ? labelValueProblem(value) : undefined;
    if (problem !== undefined)
      violations.push({ path, reason: "Invalid", message: `${problem}, found ${show(value)}` });
    bytes += utf8Length(key) + utf8Length(value);
    setOwn(values, key, value);
  }
  if (field === "annotations" && bytes > MAX_ANNOTATIONS_BYTES) {
    const message = `must be at most ${MAX_ANNOTATIONS_BYTES} bytes together, found ${bytes}`;
    violations.push({ path: ["metadata", field], reason: "TooLong", message });
  }
  return values;
}
