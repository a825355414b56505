import type { Case } from "../types.ts";
import { bookmarks } from "./bookmarks.ts";
import { closes } from "./closes.ts";
import { flow } from "./flow.ts";
import { frames } from "./frames.ts";
import { leases } from "./leases.ts";
import { listRows } from "./lists.ts";
import { order } from "./order.ts";
import { paging } from "./paging.ts";
import { roots } from "./roots.ts";
import { selectors } from "./selectors.ts";
import { statuses } from "./statuses.ts";
import { subprotocols } from "./subprotocols.ts";
import { transactions } from "./transactions.ts";
import { watchRows } from "./watch-rows.ts";
import { watchers } from "./watchers.ts";

/** The suite. */
export const CASES: readonly Case[] = [
  ...watchRows,
  ...order,
  ...leases,
  ...listRows,
  ...paging,
  ...selectors,
  ...bookmarks,
  ...subprotocols,
  ...frames,
  ...transactions,
  ...flow,
  ...watchers,
  ...closes,
  ...statuses,
  ...roots,
];
