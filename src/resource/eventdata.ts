/**
 * JSON Schemas (2020-12) of the `data` of each Git event. They say what a consumer may rely on: `required` is always
 * there, and further properties may be added within a version, so that none is closed with `additionalProperties`.
 */

/** The part of JSON Schema 2020-12 that event data is described in. */
export interface DataSchema {
  type?: string | string[];
  description?: string;
  enum?: (string | null)[];
  pattern?: string;
  format?: string;
  minimum?: number;
  minItems?: number;
  maxItems?: number;
  items?: DataSchema;
  properties?: Record<string, DataSchema>;
  required?: string[];
}

/** An object whose properties are required unless their name ends in `?`. */
function object(properties: Record<string, DataSchema>, description?: string): DataSchema {
  const entries = Object.entries(properties);
  return {
    type: "object",
    ...(description === undefined ? {} : { description }),
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace(/\?$/, ""), schema])),
    required: entries.map(([name]) => name).filter((name) => !name.endsWith("?")),
  };
}

const list = (items: DataSchema, description?: string, maxItems?: number): DataSchema => ({
  type: "array",
  items,
  ...(maxItems === undefined ? {} : { maxItems }),
  ...(description === undefined ? {} : { description }),
});
const text = (description?: string): DataSchema => ({
  type: "string",
  ...(description === undefined ? {} : { description }),
});
const oneOf = (...values: string[]): DataSchema => ({ type: "string", enum: values });
const count = (description?: string): DataSchema => ({
  type: "integer",
  minimum: 0,
  ...(description === undefined ? {} : { description }),
});
const flag = (description: string): DataSchema => ({ type: "boolean", description });
const orNull = (schema: DataSchema): DataSchema => ({
  ...schema,
  type: [...(Array.isArray(schema.type) ? schema.type : [schema.type ?? "object"]), "null"],
  ...(schema.enum === undefined ? {} : { enum: [...schema.enum, null] }),
});

const oid: DataSchema = { type: "string", pattern: "^[0-9a-f]{40}([0-9a-f]{24})?$", description: "a Git object id" };
const fullRef = text("the full ref name, `refs/heads/main`");
const commitId = orNull({ ...oid, description: "the commit the ref shows; null where the ref is gone" });

const signature = object({ name: text(), email: text(), time: { type: "string", format: "date-time" } });
const commit = orNull(
  object(
    { sha: oid, tree: oid, message: text(), author: signature, committer: signature },
    "the commit behind `new`; null for a deleted ref",
  ),
);
const actor = object(
  { name: orNull(text()), email: orNull(text()), id: orNull(text()), provider: text() },
  "who pushed, as far as the provider or the hook said; nulls where a poll found the move",
);
const resource = object({ kind: text(), name: text() });
const fieldError = object({
  "path?": text("the file"),
  "line?": { type: "integer", minimum: 1 },
  "column?": { type: "integer", minimum: 1 },
  field: text("a JSON path such as `spec.options[1].name`; empty for the whole file"),
  reason: text("one of the reasons of a validation error"),
  message: text(),
  "hint?": text(),
  "policy?": text(),
});

export const refData: DataSchema = object({
  ref: fullRef,
  refType: oneOf("branch", "tag"),
  name: text("the short name, `main`"),
  old: orNull({ ...oid, description: "what the ref was applied at; null where it did not exist" }),
  new: orNull({ ...oid, description: "what the ref was observed at, for an annotated tag the tag object; null: gone" }),
  peeled: orNull({ ...oid, description: "the commit behind `new`" }),
  objectType: orNull(oneOf("lightweight", "annotated")),
  forced: flag("the old tip is no ancestor of the new one"),
  "baseline?": flag("found when the repository was registered, or its patterns widened"),
  commit,
  actor,
  observedVia: oneOf("webhook", "poll", "hook"),
  "delivery?": object({ provider: text(), id: text() }),
  policy: object(
    { branches: list(text()), releaseTags: list(text()), matched: flag("whether a pattern matches this ref") },
    "the patterns in force",
  ),
});

export const pushRejectedData: DataSchema = object({
  refs: list(object({ ref: fullRef, old: orNull(oid), new: orNull(oid) })),
  actor,
  stage: text("the first stage that refused: `parse`, `schema` or `pushers`"),
  errors: list(fieldError, "the first 100", 100),
  errorCount: count("all of them"),
});

export const namespaceTargetData: DataSchema = object({
  namespace: text(),
  repository: text(),
  ref: fullRef,
  commit: commitId,
  changed: object({ files: count(), resources: count(), deleted: count() }),
});

export const resourceParsedData: DataSchema = object({
  ref: fullRef,
  commit: commitId,
  resources: {
    ...list(object({ kind: text(), name: text(), path: text(), blob: oid }), "one up to 100 in a push, then 100", 100),
    minItems: 1,
  },
});

export const validationFailedData: DataSchema = object({
  ref: fullRef,
  commit: commitId,
  path: text(),
  "resource?": { ...resource, description: "where kind and name could be read" },
  trigger: oneOf("push", "api", "release"),
  stage: oneOf("parse", "schema", "references", "policies"),
  errors: { ...list(fieldError), minItems: 1 },
});

export const admissionEvaluatedData: DataSchema = object({
  ref: fullRef,
  commit: commitId,
  allowed: count("files or resources admitted"),
  refused: count(),
  warned: count(),
  stages: list(text(), "the stages that ran"),
  policies: list(object({ name: text(), decision: text(), durationMs: { type: "number", minimum: 0 } })),
});

export const releaseData: DataSchema = object({
  release: text("the Release's name"),
  repository: text(),
  tag: text("the tag's short name"),
  tagObject: orNull({ ...oid, description: "what the tag ref pointed at when it was pinned" }),
  commit: orNull({ ...oid, description: "the commit it peels to" }),
  "snapshot?": orNull(text("the snapshot's digest")),
  "channel?": text(),
  "from?": orNull(text("the Release the channel showed before")),
  "to?": orNull(text("the Release it shows now")),
  "epoch?": count("the channel's epoch after the move"),
  "reason?": text(),
  "diagnostics?": list(fieldError, "the first 100", 100),
});

export const draftPublishedData: DataSchema = object({
  release: text("the Release that was promoted"),
  resources: { ...list(resource, "100 an event", 100), minItems: 1 },
});
