/** Kubernetes `Status` objects: exact codes, reasons, messages and details; for HTTP, and for frames of the watch socket. */
import type { KindDef } from "./kind.ts";
import type { FieldError, Reason } from "./types.ts";

export interface StatusCause {
  reason: string;
  message: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  /** The plural, but for `Invalid`, where it is the kind (apimachinery pkg/api/errors). */
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface Status {
  kind: "Status";
  apiVersion: "v1";
  metadata: { continue?: string; resourceVersion?: string };
  status: "Failure" | "Success";
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
}

/** What messages and details name a kind by: `products.catalog.gitstore.dev`. */
export interface KindName {
  group: string;
  plural: string;
  kind?: string;
}

const qualified = ({ group, plural }: KindName) => (group === "" ? plural : `${plural}.${group}`);

export function failure(code: number, reason: string, message: string, details?: StatusDetails): Status {
  const status: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
  return details ? { ...status, details } : status;
}

export const badRequest = (message: string) => failure(400, "BadRequest", message);
export const unauthorized = (message: string) => failure(401, "Unauthorized", message);
export const unsupportedMediaType = (accepted: string[]) =>
  failure(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
  );
export const notAcceptable = (accepted: string[], why?: string) =>
  failure(406, "NotAcceptable", why ?? `only the following media types are accepted: ${accepted.join(", ")}`);
export const tooLarge = (message: string) => failure(413, "RequestEntityTooLarge", message);
export const unavailable = (message: string, retryAfterSeconds: number) =>
  failure(503, "ServiceUnavailable", message, { retryAfterSeconds });
export const tooManyRequests = (message: string, retryAfterSeconds: number) =>
  failure(429, "TooManyRequests", message, { retryAfterSeconds });
export const notImplemented = (message: string) => failure(501, "NotImplemented", message);

/** For a path that is nothing here, as kube-apiserver answers one. */
export const noSuchPath = () => failure(404, "NotFound", "the server could not find the requested resource", {});

export function internalError(requestId: string): Status {
  const message = `Internal error occurred: report it with the request id ${requestId}, by which the server's log has the cause`;
  return failure(500, "InternalError", message, {
    causes: [{ reason: "InternalError", message: `request ${requestId}` }],
  });
}

/** Also for a namespace that does not exist: the text is made from the request and the token alone. */
export function forbidden(
  kind: KindName,
  access: {
    sub: string;
    verb: string;
    namespace?: string | undefined;
    name?: string | undefined;
    subresource?: string | undefined;
  },
): Status {
  const resource = access.subresource ? `${kind.plural}/${access.subresource}` : kind.plural;
  const where = access.namespace === undefined ? "at the cluster scope" : `in the namespace "${access.namespace}"`;
  const named = access.name === undefined ? "" : ` "${access.name}"`;
  return failure(
    403,
    "Forbidden",
    `${qualified(kind)}${named} is forbidden: User "${access.sub}" cannot ${access.verb} resource "${resource}" in API group "${kind.group}" ${where}`,
    { ...(access.name === undefined ? {} : { name: access.name }), group: kind.group, kind: kind.plural },
  );
}

export const notFound = (kind: KindName, name: string) =>
  failure(404, "NotFound", `${qualified(kind)} "${name}" not found`, { name, group: kind.group, kind: kind.plural });

export const NAMESPACES: KindName = { group: "gitstore.dev", plural: "namespaces", kind: "Namespace" };
export const REPOSITORIES: KindName = { group: "gitstore.dev", plural: "repositories", kind: "Repository" };

export const namespaceNotFound = (namespace: string) => notFound(NAMESPACES, namespace);

export const methodNotAllowed = (kind: KindName, message: string) =>
  failure(405, "MethodNotAllowed", message, { group: kind.group, kind: kind.plural });

export const alreadyExists = (kind: KindName, name: string) =>
  failure(409, "AlreadyExists", `${qualified(kind)} "${name}" already exists`, {
    name,
    group: kind.group,
    kind: kind.plural,
  });

export const OBJECT_MODIFIED =
  "the object has been modified; please apply your changes to the latest version and try again";

export function conflict(kind: KindName, name: string, message = OBJECT_MODIFIED): Status {
  return failure(409, "Conflict", `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${message}`, {
    name,
    group: kind.group,
    kind: kind.plural,
  });
}

/** `continueToken`: where a list that has expired goes on at the newest state, inconsistent with the pages before. */
export function expired(
  message: string,
  options: { cause?: string | undefined; continueToken?: string | undefined } = {},
): Status {
  const details = options.cause ? { causes: [{ reason: options.cause, message }] } : undefined;
  const status = failure(410, "Expired", message, details);
  return options.continueToken ? { ...status, metadata: { continue: options.continueToken } } : status;
}

export const LIST_EXPIRED = "The resourceVersion for the provided list is too old.";
export const CONTINUE_EXPIRED =
  "The provided continue parameter is too old to display a consistent list result. You can start a new list without " +
  "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. " +
  "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or " +
  "deleted between the time the first chunk was returned and now may show up in the list.";

/** client-go knows this by the cause, and older ones by the text (apiserver pkg/storage/errors.go). */
export function tooLargeResourceVersion(requested: string, current: string): Status {
  return failure(504, "Timeout", `Timeout: Too large resource version: ${requested}, current: ${current}`, {
    retryAfterSeconds: 1,
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
  });
}

const CAUSE: Partial<Record<Reason, string>> = {
  Required: "FieldValueRequired",
  TooLong: "FieldValueTooLong",
  TooMany: "FieldValueTooMany",
  Duplicate: "FieldValueDuplicate",
  DuplicateResource: "FieldValueDuplicate",
  NotSupported: "FieldValueNotSupported",
  Forbidden: "FieldValueForbidden",
  UnknownField: "FieldValueForbidden",
  TypeInvalid: "FieldValueTypeInvalid",
  ReferenceNotFound: "FieldValueNotFound",
};

const WORDS: Record<string, string> = {
  FieldValueRequired: "Required value",
  FieldValueTooLong: "Too long",
  FieldValueTooMany: "Too many",
  FieldValueDuplicate: "Duplicate value",
  FieldValueNotSupported: "Unsupported value",
  FieldValueForbidden: "Forbidden",
  FieldValueTypeInvalid: "Invalid value",
  FieldValueNotFound: "Not found",
  FieldValueInvalid: "Invalid value",
};

/** 422. `errors` are ours (`reason: "UnknownField"`); causes carry the nearest of Kubernetes' reasons. */
export function invalid(
  kind: KindName,
  name: string,
  errors: Pick<FieldError, "field" | "reason" | "message" | "hint">[],
): Status {
  const causes = errors.map((error) => {
    const reason = CAUSE[error.reason] ?? "FieldValueInvalid";
    const hint = error.hint ? ` (${error.hint})` : "";
    return { reason, message: `${WORDS[reason]}: ${error.message}${hint}`, field: error.field };
  });
  const texts = causes.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const qualifiedKind = `${kind.kind ?? kind.plural}${kind.group === "" ? "" : `.${kind.group}`}`;
  return failure(422, "Invalid", `${qualifiedKind} "${name}" is invalid: ${list}`, {
    name,
    group: kind.group,
    kind: kind.kind ?? kind.plural,
    causes,
  });
}

/** What a query parameter violates: Kubernetes judges the parameters of a list as an object of kind ListOptions. */
export function invalidListOptions(field: string, reason: Reason, message: string): Status {
  return invalid({ group: "meta.k8s.io", plural: "ListOptions", kind: "ListOptions" }, "", [
    { field, reason, message },
  ]);
}

export function kindName(kind: KindDef): KindName {
  return { group: kind.group, plural: kind.plural, kind: kind.kind };
}
