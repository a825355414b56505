/** `/openapi.json`: OpenAPI 3.0 of the core kinds' paths and of the project's own, from the registry that serves them. */
import type { KindDef } from "../resource/kind.ts";
import { coreRegistry } from "../resource/registry.ts";
import { VERSION } from "./version.ts";

type Node = Record<string, unknown>;

const STATUS = {
  description: "What is wrong, as a Kubernetes Status.",
  content: { "application/json": { schema: ref("Status") } },
};
const FAILURES = Object.fromEntries(
  ["400", "401", "403", "404", "410", "422", "503", "504"].map((code) => [code, STATUS]),
);

const LIST_PARAMETERS = [
  query("labelSelector", "Objects with these labels."),
  query("fieldSelector", "Objects with these fields: metadata.name, and the kind's own."),
  query("limit", "Objects a page; a page also ends at 8 MiB. None: the whole list.", "integer"),
  query("continue", "Where the page before ended."),
  query("resourceVersion", "A state to read at."),
  query("resourceVersionMatch", "Exact or NotOlderThan."),
  query("watch", "A stream of changes instead of a list; see /asyncapi.json.", "boolean"),
  query("view", "rejected: what admission refused, for operators."),
];
const WRITE_PARAMETERS = [
  query("dryRun", "All: judged, not written."),
  query("fieldManager", "Taken and not used: a spec has one owner."),
  query("fieldValidation", "Always Strict: unknown fields are errors."),
];

function ref(name: string): Node {
  return { $ref: `#/components/schemas/${name}` };
}

function query(name: string, description: string, type = "string"): Node {
  return { name, in: "query", description, schema: { type } };
}

function path(name: string): Node {
  return { name, in: "path", required: true, schema: { type: "string" } };
}

function answer(description: string, schema: Node): Node {
  return { description, content: { "application/json": { schema } } };
}

function schemaName(kind: KindDef): string {
  return `${kind.group.split(".").reverse().join(".")}.${kind.version}.${kind.kind}`;
}

function objectSchema(kind: KindDef): Node {
  return {
    type: "object",
    required: ["apiVersion", "kind", "metadata"],
    properties: {
      apiVersion: { type: "string", enum: [`${kind.group}/${kind.version}`] },
      kind: { type: "string", enum: [kind.kind] },
      metadata: ref("ObjectMeta"),
      spec: kind.spec,
      status: { type: "object", additionalProperties: true },
      ...(kind.hasBody ? { body: { type: "string", description: "The Markdown after the front matter." } } : {}),
    },
    "x-kubernetes-group-version-kind": [{ group: kind.group, version: kind.version, kind: kind.kind }],
  };
}

function kindPaths(kind: KindDef): Node {
  const base = `/apis/${kind.group}/${kind.version}`;
  const namespaced = kind.scope === "Namespaced";
  const collection = namespaced ? `${base}/namespaces/{namespace}/${kind.plural}` : `${base}/${kind.plural}`;
  const scope = namespaced ? [path("namespace")] : [];
  const schema = ref(schemaName(kind));
  const list = {
    type: "object",
    properties: { metadata: { type: "object" }, items: { type: "array", items: schema } },
  };
  const body = { required: true, content: { "application/json": { schema } } };
  const patch = {
    required: true,
    content: { "application/merge-patch+json": { schema: {} }, "application/json-patch+json": { schema: {} } },
  };
  const operation = (verb: string, rest: Node): Node => ({
    operationId: `${verb}${kind.kind}`,
    tags: [kind.plural],
    "x-kubernetes-action": verb,
    "x-kubernetes-group-version-kind": { group: kind.group, version: kind.version, kind: kind.kind },
    ...rest,
  });
  const one = { 200: answer(kind.kind, schema), ...FAILURES };
  // Every kind declares PATCH with fieldValidation, so that kubectl apply reaches our 405 where Git owns the kind.
  const refused = kind.owner === "api" || kind.owner === "client" ? {} : { 405: STATUS };
  const writes = {
    put: operation("replace", { parameters: WRITE_PARAMETERS, requestBody: body, responses: { ...one, ...refused } }),
    patch: operation("patch", { parameters: WRITE_PARAMETERS, requestBody: patch, responses: { ...one, ...refused } }),
    delete: operation("delete", {
      parameters: WRITE_PARAMETERS,
      responses: { 200: answer("Deleted.", ref("Status")), ...FAILURES, ...refused },
    }),
  };
  return {
    [collection]: {
      parameters: scope,
      get: operation("list", {
        parameters: LIST_PARAMETERS,
        responses: { 200: answer(`${kind.kind}List`, list), ...FAILURES },
      }),
      post: operation("create", {
        parameters: WRITE_PARAMETERS,
        requestBody: body,
        responses: { 201: answer(kind.kind, schema), ...FAILURES, ...refused },
      }),
    },
    [`${collection}/{name}`]: {
      parameters: [...scope, path("name")],
      get: operation("read", { parameters: [query("resourceVersion", "Not older than this.")], responses: one }),
      ...writes,
    },
  };
}

const OWN_PATHS: Node = {
  "/healthz": {
    get: { operationId: "healthz", security: [], responses: { 200: { description: "The process answers." } } },
  },
  "/readyz": {
    get: {
      operationId: "readyz",
      security: [],
      responses: { 200: { description: "Ready." }, 503: { description: "What is not." } },
    },
  },
  "/version": { get: { operationId: "version", security: [], responses: { 200: { description: "version.Info." } } } },
  "/metrics": {
    get: {
      operationId: "metrics",
      parameters: [query("namespace", "Ask this ledger now.")],
      responses: { 200: { description: "Prometheus text." }, ...FAILURES },
    },
  },
  "/webhooks/{namespace}/{repository}": {
    parameters: [path("namespace"), path("repository")],
    post: {
      operationId: "webhook",
      security: [],
      responses: {
        200: { description: "Ping." },
        202: { description: "Stored." },
        401: { description: "Not signed." },
        404: { description: "No such repository." },
        413: { description: "Over 25 MiB." },
      },
    },
  },
  "/hooks/{namespace}/{repository}/pre-receive": {
    parameters: [path("namespace"), path("repository")],
    post: {
      operationId: "preReceive",
      security: [],
      responses: {
        200: { description: "Whether the push may pass." },
        401: { description: "Not signed." },
        404: { description: "No such repository." },
      },
    },
  },
  "/apis/gitstore.dev/v1beta1/namespaces/{namespace}/repositories/{name}/sync": {
    parameters: [path("namespace"), path("name")],
    post: { operationId: "syncRepository", responses: { 202: { description: "The sync's id." }, ...FAILURES } },
  },
  "/apis/gitstore.dev/v1beta1/namespaces/{namespace}/repositories/{name}/syncs/{id}": {
    parameters: [path("namespace"), path("name"), path("id")],
    get: { operationId: "readSync", responses: { 200: { description: "running, done or failed." }, ...FAILURES } },
  },
  "/apis/gitstore.dev/v1beta1/namespaces/{namespace}/repositories/{name}/rotate-secret": {
    parameters: [path("namespace"), path("name")],
    post: {
      operationId: "rotateSecret",
      responses: { 201: { description: "The new secret, shown once." }, ...FAILURES },
    },
  },
  "/watch/v1/namespaces/{namespace}": {
    parameters: [path("namespace")],
    get: {
      operationId: "watchNamespace",
      parameters: [
        query("kind", "Kind, plural or plural.group; repeatable."),
        query("resourceVersion", "Strictly after this."),
      ],
      responses: {
        101: { description: "gitstore.watch.v1, see /asyncapi.json." },
        200: { description: "One event a line." },
      },
    },
  },
  "/events/{namespace}": {
    parameters: [path("namespace")],
    get: {
      operationId: "listEvents",
      parameters: [
        query("after", "A resourceVersion."),
        query("type", "A short name or CloudEvent type; repeatable."),
        query("limit", "At most 1000.", "integer"),
      ],
      responses: { 200: { description: "A batch of CloudEvents." }, ...FAILURES },
    },
  },
  "/rejected/{namespace}": {
    parameters: [path("namespace")],
    get: {
      operationId: "listRejected",
      parameters: [
        query("repository", "Of this repository."),
        query("limit", "Records.", "integer"),
        query("continue", "The page after."),
      ],
      responses: { 200: { description: "Rejected records." }, ...FAILURES },
    },
  },
  "/admin/revocations": {
    get: { operationId: "listRevocations", responses: { 200: { description: "Those in force." }, ...FAILURES } },
    post: { operationId: "revoke", responses: { 201: { description: "Revoked." }, ...FAILURES } },
  },
};

let document: Node | undefined;

export function openApi(): Node {
  document ??= build();
  return document;
}

function build(): Node {
  const kinds = coreRegistry.all();
  return {
    openapi: "3.0.3",
    info: {
      title: "gitstore-edge",
      version: VERSION,
      description: "The control plane of GitStore: list, watch and operate what Git says.",
      license: { name: "Apache-2.0" },
    },
    security: [{ bearer: [] }],
    paths: Object.assign({}, OWN_PATHS, ...kinds.map(kindPaths)) as Node,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      schemas: {
        ...Object.fromEntries(kinds.map((kind) => [schemaName(kind), objectSchema(kind)])),
        ObjectMeta: {
          type: "object",
          properties: {
            name: { type: "string", maxLength: 253 },
            namespace: { type: "string" },
            labels: { type: "object", additionalProperties: { type: "string" } },
            annotations: { type: "object", additionalProperties: { type: "string" } },
            uid: { type: "string" },
            resourceVersion: { type: "string" },
            generation: { type: "integer", format: "int64" },
            creationTimestamp: { type: "string", format: "date-time" },
            revision: { type: "string", description: "<branch>@sha1:<40 hex>" },
          },
        },
        Status: {
          type: "object",
          properties: {
            kind: { type: "string", enum: ["Status"] },
            apiVersion: { type: "string", enum: ["v1"] },
            status: { type: "string", enum: ["Success", "Failure"] },
            message: { type: "string" },
            reason: { type: "string" },
            details: { type: "object", additionalProperties: true },
            code: { type: "integer" },
          },
        },
      },
    },
  };
}
