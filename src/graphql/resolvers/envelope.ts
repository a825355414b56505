/** The parts that objects of every kind have: metadata, conditions, status. */
import type { Resource } from "../../resource/types.ts";
import { idOf, typeName } from "../ids.ts";
import { keyOf, typeOf } from "../kinds.ts";
import {
  choice,
  type Fields,
  flag,
  int,
  intOrNull,
  present,
  record,
  records,
  text,
  textOrNull,
  texts,
} from "./read.ts";

const meta: Fields = {
  labels: record("labels"),
  annotations: record("annotations"),
  generation: int("generation"),
  ownerReferences: records("ownerReferences"),
  finalizers: texts("finalizers"),
};

/** Of kinds with a type of their own. */
export const statusFields: Fields = {
  observedGeneration: int("observedGeneration"),
  lastAppliedRevision: textOrNull("lastAppliedRevision"),
  conditions: records("conditions"),
  phase: textOrNull("phase"),
  published: record("published"),
  admissionFailure: record("admissionFailure"),
  resolved: record("resolved"),
};

/** `id`, and the parts whose absence is no error. */
export const objectFields: Fields = {
  id: (parent) => idOf(parent as unknown as Resource),
  spec: present("spec"),
  status: record("status"),
  body: textOrNull("body"),
};

export const envelope: Record<string, Fields> = {
  ObjectMeta: { ...meta, namespace: text("namespace") },
  NamespaceMetadata: meta,
  OwnerReference: { apiVersion: text("apiVersion"), uid: text("uid"), blockOwnerDeletion: flag("blockOwnerDeletion") },
  Condition: {
    type: text("type"),
    status: choice("status", { True: "TRUE", False: "FALSE", Unknown: "UNKNOWN" }, "UNKNOWN"),
    observedGeneration: intOrNull("observedGeneration"),
    lastTransitionTime: text("lastTransitionTime", "1970-01-01T00:00:00Z"),
  },
  AdmissionFailure: { errors: records("errors") },
  FieldError: { field: text("field"), line: intOrNull("line"), column: intOrNull("column") },
  CatalogObjectReference: { name: text("name") },
  MediaDefinition: { fileRef: present("fileRef") },
  FileReference: { name: text("name"), kind: text("kind", "File"), optional: flag("optional") },
  ResolvedFileDefinition: { name: text("name"), url: text("url") },
};

/** The type that stands behind `Node`. */
export function nodeType(resource: Resource): string {
  return typeOf(keyOf(resource)) === undefined ? "Resource" : typeName(resource);
}
