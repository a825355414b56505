/** The paths of one kind: what is served, and what is answered 405 because Git owns it. */
import type { KindDef } from "../../resource/kind.ts";
import { hasStatus } from "../kinds.ts";
import { answer, FAILURES, type Node, path, query, ref, STATUS } from "./parts.ts";
import { groupVersionKind, schemaName } from "./schemas.ts";

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

/** Every kind declares PATCH with fieldValidation, so that `kubectl apply` reaches our 405 where Git owns the kind. */
export function kindPaths(kind: KindDef): Node {
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
    "x-kubernetes-group-version-kind": groupVersionKind(kind),
    ...rest,
  });
  const one = { 200: answer(kind.kind, schema), ...FAILURES };
  const refused = kind.owner === "api" || kind.owner === "client" ? {} : { 405: STATUS };
  const status = { ...one, 409: STATUS };
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
    ...(hasStatus(kind)
      ? {
          [`${collection}/{name}/status`]: {
            parameters: [...scope, path("name")],
            get: operation("readStatus", { responses: one }),
            put: operation("replaceStatus", { parameters: WRITE_PARAMETERS, requestBody: body, responses: status }),
            patch: operation("patchStatus", { parameters: WRITE_PARAMETERS, requestBody: patch, responses: status }),
          },
        }
      : {}),
  };
}
