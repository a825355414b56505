/** Ends of a look that are no fault of the remote. */
import type { LedgerError, Result } from "../../ledger/api.ts";

/** The ledger's state is not the one that was planned from: read it and plan again. */
export class StalePlan extends Error {}

/** The namespace or the Repository is gone: nothing to do until it is reconciled again. */
export class RepositoryGone extends Error {}

/** A change that would delete most of what the repository holds, and that nobody has allowed yet. */
export class MassDeletion extends Error {
  readonly deletes: number;
  readonly resources: number;
  readonly ref: string;

  constructor(ref: string, deletes: number, resources: number) {
    super(`${ref} would delete ${deletes} of the repository's ${resources} resources`);
    this.ref = ref;
    this.deletes = deletes;
    this.resources = resources;
  }
}

/** The ledger did not do what it was asked for now. */
export class LedgerUnavailable extends Error {}

export function ledgerValue<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw ledgerError(result.error);
}

function ledgerError(error: LedgerError): Error {
  switch (error.code) {
    case "NoNamespace":
      return new RepositoryGone("the namespace is gone");
    case "NotFound":
      return new RepositoryGone(`the ${error.kind.split(".")[0]} ${error.name} is gone`);
    default:
      return new LedgerUnavailable(`the ledger answers ${error.code}${"message" in error ? `: ${error.message}` : ""}`);
  }
}
