import type { Candidate, FieldError, KindKey, Resource } from "./types.ts";

/**
 * The structural subset of OpenAPI v3 that Kubernetes allows in a CustomResourceDefinition. Core kinds are written in
 * it too, so that one validator, one OpenAPI document and one `kubectl explain` serve both.
 */
export interface Schema {
  type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  /** `date-time` (RFC 3339 with an offset), `decimal` (a decimal string, never a float), `int32`, `int64`, `uri`. */
  format?: string;
  enum?: (string | number | boolean)[];
  minimum?: number;
  maximum?: number;
  /** As in OpenAPI 3.0: whether `minimum` or `maximum` itself is excluded. */
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minProperties?: number;
  maxProperties?: number;
  default?: unknown;
  nullable?: boolean;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  not?: Schema;
  "x-kubernetes-preserve-unknown-fields"?: boolean;
  "x-kubernetes-int-or-string"?: boolean;
  "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  "x-kubernetes-list-map-keys"?: string[];
}

export interface PrinterColumn {
  name: string;
  type: "string" | "integer" | "date" | "boolean" | "number";
  jsonPath: string;
  description?: string;
  /** How clients may show it. */
  format?: string;
  priority?: number;
}

/** Who may write a kind's spec: Git, the API, the system itself, or any client with the verb (leases). */
export type Owner = "git" | "api" | "system" | "client";

export interface KindDef {
  key: KindKey;
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  shortNames: string[];
  categories: string[];
  scope: "Namespaced" | "Cluster";
  owner: Owner;
  /** Whether its files are `.md` with a body; the others are `.yaml` under `.gitstore/`. */
  hasBody: boolean;
  /** One of the four catalogue kinds, whose status carries `phase` and `published`. */
  catalogue: boolean;
  /** Schema of `spec`. */
  spec: Schema;
  /** Schema of `status.resolved`, where the kind has one. */
  resolved?: Schema;
  printerColumns: PrinterColumn[];
  /** JSON paths a field selector may name besides `metadata.name` and `metadata.namespace`. */
  selectableFields: string[];
  /** True for kinds that a CustomResourceDefinition gave. */
  custom: boolean;
  /** Rules the schema cannot say (unique names, time ranges). Returns every violation; `path`, `line` are added by the caller. */
  rules?: (spec: Candidate["resource"]["spec"], name: string) => FieldError[];
}

/** The kinds a namespace knows: the core ones and those its CustomResourceDefinitions give. */
export interface KindRegistry {
  byKey(key: KindKey): KindDef | undefined;
  /** By `apiVersion` (`group/version`) and `kind`. */
  byApiVersion(apiVersion: string, kind: string): KindDef | undefined;
  /** By the segments of a URL. */
  byPlural(group: string, version: string, plural: string): KindDef | undefined;
  /** By what a user types: `Product`, `products`, `prod`, `products.catalog.gitstore.dev`. Case-insensitive. */
  resolve(word: string): KindDef | undefined;
  all(): KindDef[];
}

/** Reads a selectable field (`spec.title`, `status.phase`) of an object as the string that field selectors compare. */
export type FieldReader = (object: Resource, path: string) => string;
