/** Several files with one identity: told alike by the check before a push and by admission after it. */
import type { Candidate, FieldError, Identity } from "../../resource/types.ts";

/** What the file itself gives: a resource, or the errors of one that could be identified all the same. */
export type Duplicate = { candidate: Pick<Candidate, "positions"> } | { errors: FieldError[] };

/** What is wrong with the file at `path`, one of `paths`: that it is not alone, after whatever else is. */
export function duplicateErrors(
  identity: Identity,
  path: string,
  paths: readonly string[],
  file: Duplicate,
): FieldError[] {
  const place = "candidate" in file ? file.candidate.positions["metadata.name"] : undefined;
  const kind = identity.kind.split(".")[0];
  const duplicate: FieldError = {
    path,
    ...(place !== undefined && { line: place.line, column: place.column }),
    field: "metadata.name",
    reason: "DuplicateResource",
    message: `${kind} ${JSON.stringify(identity.name)} is in ${[...paths].sort().join(" and ")}: none of them is admitted`,
    hint: "keep one of the files, or give the others names of their own",
  };
  return "errors" in file ? [...file.errors, duplicate] : [duplicate];
}
