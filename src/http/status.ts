/** The one place that turns errors into Kubernetes `Status` objects. */
import type { LedgerError } from "../ledger/api.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  expired,
  failure,
  internalError,
  invalid,
  type KindName,
  methodNotAllowed,
  namespaceNotFound,
  notFound,
  OBJECT_MODIFIED,
  type Status,
  tooLarge,
  tooLargeResourceVersion,
  tooManyRequests,
  unavailable,
} from "../resource/apiStatus.ts";

export * from "../resource/apiStatus.ts";

/** Thrown inside `http/`, and made a response by the app's error handler. */
export class StatusError extends Error {
  readonly status: Status;
  constructor(status: Status) {
    super(status.message ?? status.reason ?? "");
    this.name = "StatusError";
    this.status = status;
  }
}

/** Every refusal of a ledger, for a request about `kind` in `namespace`. */
export function statusOfLedgerError(error: LedgerError, about: { namespace: string; kind: KindName }): Status {
  switch (error.code) {
    case "NoNamespace":
      return namespaceNotFound(about.namespace);
    case "NotFound":
      return notFound(about.kind, error.name);
    case "AlreadyExists":
      return alreadyExists(about.kind, error.name);
    case "Conflict":
      return conflict(about.kind, error.name, error.message || OBJECT_MODIFIED);
    case "Fenced":
      return failure(409, "Fenced", error.message);
    case "Invalid":
      return invalid(about.kind, error.name, error.errors);
    case "MethodNotAllowed":
      return methodNotAllowed(about.kind, error.message);
    case "Expired":
      return expired(error.message, { cause: error.cause });
    case "FutureVersion":
      return tooLargeResourceVersion(error.requested, error.current);
    case "TooLarge":
      return tooLarge(error.message);
    case "BadRequest":
      return badRequest(error.message);
    case "Unavailable":
      return unavailable(error.message, error.retryAfterSeconds);
  }
}

/** What a thrown error becomes. An object that is overloaded or just restarted is no fault of the request. */
export function statusOfThrown(error: unknown, requestId: string): Status {
  if (error instanceof StatusError) return error.status;
  if (error instanceof Error) {
    const { overloaded, retryable } = error as { overloaded?: boolean; retryable?: boolean };
    if (overloaded) return tooManyRequests("the namespace is overloaded: try again later", 5);
    if (retryable) return unavailable("the namespace is not reachable right now: try again", 1);
  }
  return internalError(requestId);
}

/** The response, with `Retry-After` where the details say when. */
export function statusResponse(status: Status): Response {
  const headers = new Headers({ "content-type": "application/json" });
  const retryAfter = status.details?.retryAfterSeconds;
  if (retryAfter !== undefined && retryAfter > 0) headers.set("retry-after", String(retryAfter));
  if (status.code === 401) headers.set("www-authenticate", 'Bearer realm="gitstore-edge"');
  return new Response(JSON.stringify(status), { status: status.code, headers });
}

/** Unwraps a ledger's answer, or throws what it becomes. */
export function unwrap<T>(
  result: { ok: true; value: T } | { ok: false; error: LedgerError },
  about: { namespace: string; kind: KindName },
): T {
  if (result.ok) return result.value;
  throw new StatusError(statusOfLedgerError(result.error, about));
}
