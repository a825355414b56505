/** The taxonomy written out for those who consume it: as an AsyncAPI 3 document, and as the reference in docs/events.md. */
import type { DataSchema } from "../resource/eventdata.ts";
import { EVENT_LABELS, EVENT_TYPES, type EventType } from "../resource/gitevent.ts";

const JSON_POINTER = "#/components";
const ROWS: readonly EventType[] = EVENT_TYPES;

/** What each class asks of whoever consumes the event; `blocking` is said of an answer, not of an event. */
export const CLASSES: Record<EventType["class"], string> = {
  blocking: "someone waits for the answer before anything has happened",
  "must-be-acknowledged": "the sync controller has to act on it, and is driven again until its Release left Pending",
  durable: "a fact to act on; written in the transaction of what it reports",
  "fire-and-forget": "written alike, and nobody may act on it: it tells how far a push has come",
};

const cloudEvent = {
  type: "object",
  description: "CloudEvents 1.0, structured JSON.",
  required: [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "sequence",
    "correlationid",
    "datacontenttype",
    "data",
  ],
  properties: {
    specversion: { type: "string", const: "1.0" },
    id: {
      type: "string",
      description: "The same for the same event, however often it is derived; with `source` it tells duplicates.",
    },
    source: { type: "string", format: "uri-reference", description: "/namespaces/{namespace}/repositories/{name}" },
    type: { type: "string" },
    subject: { type: "string", description: "The ref, or {kind}/{name}." },
    time: { type: "string", format: "date-time" },
    sequence: { type: "string", pattern: "^[0-9]{20}$", description: "The resourceVersion, zero-padded." },
    correlationid: { type: "string", description: "One for all events of a push." },
    causationid: { type: "string", description: "The id of the event that led to this one." },
    traceparent: { type: "string", description: "W3C Trace Context." },
    datacontenttype: { type: "string", const: "application/json" },
    data: { type: "object" },
  },
};

const gitEvent = {
  type: "object",
  required: ["apiVersion", "kind", "metadata", "spec"],
  properties: {
    apiVersion: { type: "string", const: "events.gitstore.dev/v1beta1" },
    kind: { type: "string", const: "GitEvent" },
    metadata: {
      type: "object",
      required: ["name", "namespace", "labels", "uid", "resourceVersion", "creationTimestamp"],
      properties: {
        name: { type: "string", pattern: "^[0-9]{20}$", description: "The resourceVersion, zero-padded." },
        namespace: { type: "string" },
        labels: {
          type: "object",
          properties: Object.fromEntries(Object.values(EVENT_LABELS).map((label) => [label, { type: "string" }])),
        },
        uid: { type: "string", format: "uuid" },
        resourceVersion: { type: "string", pattern: "^[1-9][0-9]*$" },
        generation: { type: "integer", const: 1 },
        creationTimestamp: { type: "string", format: "date-time" },
      },
    },
    spec: { $ref: `${JSON_POINTER}/schemas/CloudEvent` },
  },
};

/** `branch-force-pushed` → `branchForcePushed`: AsyncAPI names its components so. */
const camel = (name: string) => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

function message(row: EventType): Record<string, unknown> {
  const retention = row.audit ? "Kept 400 days (`AUDIT_DAYS`)." : "Kept as long as the replay window.";
  return {
    name: row.type,
    title: row.name,
    summary: row.when,
    description: `Class ${classOf(row)}. ${retention}`,
    contentType: "application/cloudevents+json",
    tags: [{ name: row.class }],
    "x-delivery-class": row.class,
    "x-audit": row.audit,
    payload: {
      allOf: [
        { $ref: `${JSON_POINTER}/schemas/CloudEvent` },
        {
          type: "object",
          properties: {
            type: { const: row.type },
            data: { $ref: `${JSON_POINTER}/schemas/${camel(row.name)}Data` },
          },
        },
      ],
    },
  };
}

/** The AsyncAPI 3.0 document of what a namespace sends; `version` is the project's. */
export function asyncApi(version = "1.0.0"): Record<string, unknown> {
  const names = ROWS.map((row) => camel(row.name));
  const parameters = { namespace: { description: "The namespace." } };
  const channelMessages = Object.fromEntries(names.map((name) => [name, { $ref: `${JSON_POINTER}/messages/${name}` }]));
  return {
    asyncapi: "3.0.0",
    info: {
      title: "GitStore Git events",
      version,
      description:
        "What happened to a namespace's Git repositories, in the order of its resourceVersion. Events are also GitEvent resources, listed and watched like any kind.",
      license: { name: "Apache-2.0" },
    },
    defaultContentType: "application/json",
    channels: {
      events: {
        address: "/events/{namespace}",
        title: "CloudEvents, a batch a request",
        description:
          "GET with `after` (a resourceVersion), `type` (short name or CloudEvent type, repeatable) and `limit`; the answer is application/cloudevents-batch+json, oldest first.",
        parameters,
        messages: channelMessages,
      },
      gitevents: {
        address: "/apis/events.gitstore.dev/v1beta1/namespaces/{namespace}/gitevents",
        title: "GitEvent resources, listed or watched",
        description:
          "With `watch=true` a stream of ADDED events, one JSON document a line, or frames over a WebSocket; `labelSelector` picks types, repositories and refs. There is no MODIFIED and no DELETED.",
        parameters,
        messages: { gitEvent: { $ref: `${JSON_POINTER}/messages/gitEvent` } },
      },
    },
    operations: {
      sendEvents: operation("events", names),
      sendGitEvents: operation("gitevents", ["gitEvent"]),
    },
    components: {
      messages: {
        ...Object.fromEntries(ROWS.map((row) => [camel(row.name), message(row)])),
        gitEvent: {
          name: "GitEvent",
          title: "A GitEvent was added",
          contentType: "application/json",
          payload: {
            type: "object",
            required: ["type", "object"],
            properties: {
              type: { type: "string", enum: ["ADDED", "BOOKMARK", "ERROR"] },
              object: { $ref: `${JSON_POINTER}/schemas/GitEvent` },
            },
          },
        },
      },
      schemas: {
        CloudEvent: cloudEvent,
        GitEvent: gitEvent,
        ...Object.fromEntries(ROWS.map((row) => [`${camel(row.name)}Data`, row.dataSchema])),
      },
    },
  };
}

function operation(channel: string, messages: string[]): Record<string, unknown> {
  return {
    action: "send",
    channel: { $ref: `#/channels/${channel}` },
    messages: messages.map((name) => ({ $ref: `#/channels/${channel}/messages/${name}` })),
  };
}

/** The event reference as Markdown: a table of all events, then the data of each. docs/events.md holds exactly this. */
export function eventReference(): string {
  const rows = ROWS.map(
    (row) =>
      `| \`${row.name}\` | \`${row.type}\` | ${row.when} | ${classOf(row)} | ${row.audit ? "400 days" : "window"} |`,
  );
  // Rows that share a schema share a section.
  const bySchema = new Map<DataSchema, EventType[]>();
  for (const row of ROWS) bySchema.set(row.dataSchema, [...(bySchema.get(row.dataSchema) ?? []), row]);
  const sections = [...bySchema].map(([schema, group]) =>
    [
      `### Data of ${group.map(({ name }) => `\`${name}\``).join(", ")}`,
      "",
      "| field | type | |",
      "|---|---|---|",
      ...fields(schema, ""),
      "",
    ].join("\n"),
  );
  return [
    "| name | CloudEvent type | when | class | kept |",
    "|---|---|---|---|---|",
    ...rows,
    "",
    sections.join("\n"),
  ].join("\n");
}

function classOf(row: EventType): string {
  return row.answer === undefined ? row.class : `${row.class}, the answer itself ${row.answer}`;
}

function fields(schema: DataSchema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const optional = schema.required?.includes(name) ? "" : "?";
    const isList = typesOf(property).includes("array");
    const field = `${prefix}${name}${isList ? "[]" : ""}`;
    const own = `| \`${field}${optional}\` | ${typeText(property)} | ${property.description ?? ""} |`;
    return [own, ...fields(isList ? (property.items ?? {}) : property, `${field}.`)];
  });
}

const typesOf = ({ type }: DataSchema): string[] => (Array.isArray(type) ? type : [type ?? "object"]);

function typeText(schema: DataSchema): string {
  const types = typesOf(schema);
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(", ");
  const list = types.includes("array") && schema.items !== undefined ? ` of ${typeText(schema.items)}` : "";
  const limit = schema.maxItems === undefined ? "" : `, at most ${schema.maxItems}`;
  const format = schema.format === undefined ? "" : ` (${schema.format})`;
  return `${types.join(" or ")}${format}${list}${limit}`;
}
