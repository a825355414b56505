/** The one place where what went wrong becomes a GraphQL error: its code, whether to try again, and the HTTP status. */
import { type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from "graphql";
import { type Status, StatusError, statusOfThrown } from "../http/status.ts";
import { log } from "../telemetry/log.ts";

export const CODES = [
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "NOT_FOUND",
  "KIND_NOT_FOUND",
  "BAD_USER_INPUT",
  "SPEC_IMMUTABLE",
  "ALREADY_EXISTS",
  "CONFLICT",
  "FAILED_PRECONDITION",
  "WATCH_EXPIRED",
  "NOT_IMPLEMENTED",
  "RATE_LIMITED",
  "UNAVAILABLE",
  "INTERNAL_ERROR",
] as const;
export type Code = (typeof CODES)[number];

/** Whether an error has a code of ours; graphql-js and yoga have their own for what a document does wrong. */
function isSaid(error: GraphQLError): boolean {
  return (CODES as readonly unknown[]).includes(error.extensions.code);
}

/** The same request may succeed later, or, after a conflict, once it was read again. */
const RETRYABLE: ReadonlySet<Code> = new Set(["CONFLICT", "RATE_LIMITED", "UNAVAILABLE"]);

export function failure(code: Code, message: string, more: Record<string, unknown> = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { code, retryable: RETRYABLE.has(code), ...more } });
}

export const badInput = (message: string, more?: Record<string, unknown>) => failure("BAD_USER_INPUT", message, more);

/** What REST answers with this Status. */
export function failureOf(status: Status): GraphQLError {
  const seconds = status.details?.retryAfterSeconds;
  const causes = status.details?.causes;
  return failure(codeOf(status), status.message ?? "", {
    // Another instance works: who was taken over has to stop.
    ...(status.reason === "Fenced" ? { retryable: false, reason: "FENCED" } : {}),
    ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }),
    ...(causes === undefined ? {} : { causes }),
  });
}

function codeOf({ code, reason }: Status): Code {
  switch (code) {
    case 401:
      return "UNAUTHENTICATED";
    case 403:
      return "FORBIDDEN";
    case 404:
      return "NOT_FOUND";
    case 409:
      return reason === "AlreadyExists" ? "ALREADY_EXISTS" : "CONFLICT";
    case 429:
      return "RATE_LIMITED";
    case 501:
      return "NOT_IMPLEMENTED";
    case 503:
    case 504:
      return "UNAVAILABLE";
    default:
      return code >= 500 ? "INTERNAL_ERROR" : "BAD_USER_INPUT";
  }
}

/** For the log and for masking: which request, and where what is told to the client has its cause. */
export interface Asked {
  requestId: string;
}

/**
 * Errors as clients get them. What has a code was said on purpose. Without a path nothing was executed: parsing,
 * validation and variables are the caller's mistakes. Everything else is a fault: logged, and masked.
 */
export function tidied(error: GraphQLError, asked: Asked): GraphQLFormattedError {
  const known = isSaid(error) ? error : explained(error, asked);
  const { path, locations } = error.toJSON();
  return {
    message: known.message,
    ...(locations === undefined ? {} : { locations }),
    ...(path === undefined ? {} : { path }),
    extensions: { retryable: false, ...known.extensions },
  };
}

function explained(error: GraphQLError, asked: Asked): GraphQLError {
  const thrown = original(error);
  if (thrown instanceof GraphQLError) {
    if (isSaid(thrown)) return thrown;
    if (error.path === undefined) return badInput(error.message);
  }
  if (thrown instanceof StatusError) return failureOf(thrown.status);
  const status = statusOfThrown(thrown, asked.requestId);
  if (status.code !== 500) return failureOf(status);
  log("error", "a GraphQL field failed", {
    requestId: asked.requestId,
    path: error.path?.join("."),
    error: thrown,
    stack: thrown instanceof Error ? thrown.stack : undefined,
  });
  return failure(
    "INTERNAL_ERROR",
    `Internal error: report it with the request id ${asked.requestId}, by which the server's log has the cause`,
    { requestId: asked.requestId },
  );
}

function original(error: GraphQLError): unknown {
  let cause: unknown = error;
  while (cause instanceof GraphQLError && cause.originalError !== undefined) cause = cause.originalError;
  return cause;
}

interface Executed {
  data?: unknown;
  errors?: readonly GraphQLError[] | undefined;
  extensions?: unknown;
}

export function tidiedResult(result: Executed, asked: Asked): FormattedExecutionResult {
  const { errors, ...rest } = result as Executed & FormattedExecutionResult;
  if (errors === undefined || errors.length === 0) return rest as FormattedExecutionResult;
  return { ...rest, errors: errors.map((error) => tidied(asGraphQLError(error), asked)) } as FormattedExecutionResult;
}

/** The executor's own errors may come from another copy of graphql-js's class, or be plain objects already. */
function asGraphQLError(error: GraphQLError | GraphQLFormattedError): GraphQLError {
  return error instanceof GraphQLError ? error : new GraphQLError(error.message, error as GraphQLError);
}

const HTTP_STATUS: Partial<Record<string, number>> = { RATE_LIMITED: 429, UNAVAILABLE: 503, INTERNAL_ERROR: 500 };

/** 200 for everything GraphQL has words for; 429 and 5xx so that proxies and simple clients back off too. */
export function httpOf(errors: readonly GraphQLFormattedError[] | undefined): {
  status: number;
  retryAfterSeconds?: number;
} {
  let status = 200;
  let retryAfterSeconds: number | undefined;
  for (const { extensions } of errors ?? []) {
    const found = HTTP_STATUS[String(extensions?.code)] ?? 200;
    if (found > status) status = found;
    const seconds = extensions?.retryAfterSeconds;
    if (typeof seconds === "number") retryAfterSeconds = Math.max(retryAfterSeconds ?? 0, seconds);
  }
  return { status, ...(status === 200 || retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) };
}
