import type { History } from "../history.ts";
import type { LogModel } from "../model.ts";
import { Violation } from "../violation.ts";

export const WELL_FORMED =
  "RVs are dense but where a restore skipped a range: each change takes the next integer, and one RV is one change of one object, or one GitEvent";

export class NotWellFormed extends Violation {
  readonly promise = WELL_FORMED;
}

export function wellFormed(_: History, log: LogModel): NotWellFormed[] {
  return log.problems.map((problem) => new NotWellFormed(problem));
}
