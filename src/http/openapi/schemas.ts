/** Schemas of objects: each kind's from its definition, and what all of them share. `kubectl explain` prints these. */
import type { KindDef } from "../../resource/kind.ts";
import { hasStatus } from "../kinds.ts";
import { type Node, ref } from "./parts.ts";

export function schemaName(kind: KindDef): string {
  return `${kind.group.split(".").reverse().join(".")}.${kind.version}.${kind.kind}`;
}

export function groupVersionKind({ group, version, kind }: KindDef): Node {
  return { group, version, kind };
}

const text = (description: string, more: Node = {}): Node => ({ type: "string", description, ...more });
const strings = (description: string): Node => ({
  type: "object",
  description,
  additionalProperties: { type: "string" },
});

export function objectSchema(kind: KindDef): Node {
  return {
    type: "object",
    description: kind.spec.description ?? `A ${kind.kind}.`,
    required: ["apiVersion", "kind", "metadata"],
    properties: {
      apiVersion: text("The group and version of the object.", { enum: [`${kind.group}/${kind.version}`] }),
      kind: text("The kind of the object.", { enum: [kind.kind] }),
      metadata: ref("ObjectMeta"),
      spec: kind.spec,
      ...(hasStatus(kind) ? { status: statusSchema(kind) } : {}),
      ...(kind.hasBody ? { body: text("The Markdown after the front matter.") } : {}),
    },
    "x-kubernetes-group-version-kind": [groupVersionKind(kind)],
  };
}

function statusSchema(kind: KindDef): Node {
  return {
    type: "object",
    description: "What controllers and the system observed. Written through the status subresource only.",
    additionalProperties: true,
    properties: {
      observedGeneration: { type: "integer", format: "int64", description: "The metadata.generation it is about." },
      conditions: {
        type: "array",
        description: "One for each type; each has one owner.",
        items: ref("Condition"),
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
      },
      ...(kind.catalogue ? CATALOGUE_STATUS : {}),
      ...(kind.owner === "git" ? { admissionFailure: ref("AdmissionFailure") } : {}),
      ...(kind.resolved === undefined ? {} : { resolved: kind.resolved }),
    },
  };
}

const CATALOGUE_STATUS: Node = {
  phase: text("Whether it was ever published.", { enum: ["draft", "published"] }),
  published: {
    type: "object",
    description: "The release it was last published by; absent until the first.",
    properties: {
      release: text("The release's name."),
      revision: text("The revision that is published."),
      digest: text("The digest of what is published."),
    },
  },
};

export const SHARED_SCHEMAS: Node = {
  ObjectMeta: {
    type: "object",
    description: "Who the object is. Authors write name, namespace, labels and annotations; the rest is the system's.",
    properties: {
      name: text("Unique in its namespace: a DNS-1123 subdomain.", { maxLength: 253 }),
      namespace: text("The namespace; the repository's where a file does not say it."),
      labels: strings("What selectors select by."),
      annotations: strings("Anything else that tools keep with the object; together at most 256 KiB."),
      uid: text("Unique in time and space: new when an object is deleted and made again."),
      resourceVersion: text("The namespace's counter at the object's last change: a decimal number."),
      generation: { type: "integer", format: "int64", description: "Grows when spec or body changes." },
      creationTimestamp: text("When it was first admitted.", { format: "date-time" }),
      revision: text("The commit that gave the spec: <branch>@sha1:<40 hex>."),
      ownerReferences: {
        type: "array",
        description: "The objects it depends on.",
        items: {
          type: "object",
          properties: {
            apiVersion: text("The owner's group and version."),
            kind: text("The owner's kind."),
            name: text("The owner's name."),
            uid: text("The owner's uid."),
            blockOwnerDeletion: { type: "boolean", description: "Whether the owner waits for it." },
          },
        },
      },
      finalizers: { type: "array", description: "Always empty.", items: { type: "string" } },
      deletionTimestamp: text("Always absent: deletion is immediate.", { format: "date-time" }),
    },
  },
  Condition: {
    type: "object",
    description: "One thing that was observed.",
    required: ["type", "status"],
    properties: {
      type: text("What is observed, CamelCase: Ready."),
      status: text("Whether it is so.", { enum: ["True", "False", "Unknown"] }),
      observedGeneration: { type: "integer", format: "int64", description: "The generation it is about." },
      lastTransitionTime: text("When status last changed; the server's.", { format: "date-time" }),
      reason: text("Why, in one CamelCase word."),
      message: text("Why, for people."),
    },
  },
  AdmissionFailure: {
    type: "object",
    description: "Why the newest file of the object was refused; what was admitted before stays.",
    properties: {
      revision: text("The revision that was refused."),
      path: text("The file."),
      at: text("When.", { format: "date-time" }),
      errors: { type: "array", description: "Everything that is wrong.", items: ref("FieldError") },
    },
  },
  FieldError: {
    type: "object",
    description: "One thing that is wrong with a file.",
    properties: {
      path: text("The file."),
      line: { type: "integer", description: "From 1." },
      column: { type: "integer", description: "From 1." },
      field: text("A JSON path such as spec.options[1].name."),
      reason: text("The kind of mistake."),
      message: text("What is wrong, and what was found."),
      hint: text("What would be right."),
      policy: text("The policy that refused it."),
    },
  },
  Status: {
    type: "object",
    description: "The answer to a request that failed, or whose object is gone.",
    properties: {
      kind: text("Status.", { enum: ["Status"] }),
      apiVersion: text("v1.", { enum: ["v1"] }),
      status: text("How it went.", { enum: ["Success", "Failure"] }),
      message: text("What happened."),
      reason: text("What happened, in one word."),
      details: { type: "object", description: "What it is about.", additionalProperties: true },
      code: { type: "integer", description: "The HTTP status." },
    },
  },
};
