/** The paths that are the project's own, not a kind's. */
import { FAILURES, type Node, path, query } from "./parts.ts";

export const OWN_PATHS: Node = {
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
  "/admin/drain": {
    post: { operationId: "drainCluster", responses: { 200: { description: "How many were closed." }, ...FAILURES } },
  },
  "/admin/drain/{namespace}": {
    parameters: [path("namespace")],
    post: { operationId: "drain", responses: { 200: { description: "How many were closed." }, ...FAILURES } },
  },
  "/admin/revocations": {
    get: { operationId: "listRevocations", responses: { 200: { description: "Those in force." }, ...FAILURES } },
    post: { operationId: "revoke", responses: { 201: { description: "Revoked." }, ...FAILURES } },
  },
};
