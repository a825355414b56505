/** What can go wrong between us and a Git remote, by the action it calls for. */
export type GitRemoteErrorCode =
  /** The remote wants credentials, or refuses those it got. */
  | "Unauthorized"
  /** No such repository. Many hosts say this, too, to a caller who may not see it. */
  | "NotFound"
  /** An object that was asked for by id is not there (any more). */
  | "ObjectNotFound"
  /** A URL, or a redirect, that the URL rules forbid. */
  | "Forbidden"
  | "Unreachable"
  | "FetchTooLarge"
  | "BadResponse"
  | "Timeout";

export class GitRemoteError extends Error {
  readonly code: GitRemoteErrorCode;

  constructor(code: GitRemoteErrorCode, message: string) {
    super(message);
    this.name = "GitRemoteError";
    this.code = code;
  }
}
