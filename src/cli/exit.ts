/** How the program ends: its exit codes, and the errors that mean them. */
import { ApiError, Unreachable } from "../client/http.ts";
import { WatchError } from "../client/watch.ts";

export const EXIT = { done: 0, failed: 1, usage: 2, conflict: 3, notFound: 4, notAllowed: 5 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command line is wrong. */
export class UsageError extends Error {}

/** The command could not do what it was asked to. */
export class Failure extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof ApiError || error instanceof WatchError) return exitCodeOfStatus(error.status.code);
  return EXIT.failed;
}

function exitCodeOfStatus(code: number): ExitCode {
  switch (code) {
    case 401:
    case 403:
      return EXIT.notAllowed;
    case 404:
      return EXIT.notFound;
    case 409:
      return EXIT.conflict;
    default:
      return EXIT.failed;
  }
}

/** What is printed of an error, and what to do about it. */
export function explain(error: unknown): { message: string; hint?: string } {
  if (error instanceof Failure)
    return { message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  if (error instanceof UsageError) return { message: error.message };
  if (error instanceof Unreachable) {
    return {
      message: error.message,
      hint: "Is it running (npm start)? Name another with --server or GITSTORE_SERVER.",
    };
  }
  if (error instanceof ApiError) {
    const { message } = error;
    if (error.status.code === 401) {
      return {
        message,
        hint: "Give a token with --token or GITSTORE_TOKEN; gitstorectl token create makes one for a local server.",
      };
    }
    const hint =
      error.status.code >= 500 && error.requestId !== undefined
        ? `The server's log has more under ${error.requestId}.`
        : undefined;
    return { message, ...(hint === undefined ? {} : { hint }) };
  }
  if (error instanceof WatchError && error.status.code === 410) {
    return { message: error.message, hint: "Watch from the present state instead: leave --rv out." };
  }
  return { message: error instanceof Error ? error.message : String(error) };
}
