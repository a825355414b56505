import type { Row } from "../types.ts";
import { IMMUTABLE } from "./immutable.ts";
import { MERGE } from "./merge.ts";
import { ORDER } from "./order.ts";
import { PRECONDITION } from "./precondition.ts";
import { VALUES } from "./values.ts";

/** Every row of status.md's tables. */
export const ROWS: readonly Row[] = [...ORDER, ...PRECONDITION, ...IMMUTABLE, ...MERGE, ...VALUES];
