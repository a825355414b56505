/** Files that admission refused and that gave no object before, as pages. */
import { unwrap } from "../http/status.ts";
import type { RejectedRecord } from "../ledger/api.ts";
import type { KindDef } from "../resource/kind.ts";
import { DEFAULT_PAGE, type Edge, ends, type PageArgs, type PageInfo } from "./connection.ts";
import { about, type GraphContext, ledgerFor } from "./context.ts";
import { badInput } from "./errors.ts";
import { kindOf } from "./kinds.ts";

export interface RejectedFilter {
  namespace: string;
  kind?: KindDef | undefined;
  repository?: string | undefined;
}

/** Records read at once; a filter may leave few of them. */
const PAGE = 500;

/** The caller is authorised for `rejected`. */
export async function rejectedPage(
  graph: GraphContext,
  { namespace, kind, repository }: RejectedFilter,
  { first, last, before, after }: PageArgs,
): Promise<{ edges: Edge<RejectedRecord>[]; pageInfo: PageInfo; rv: string }> {
  if (typeof last === "number" || (before ?? "") !== "") throw badInput("last, before: refused files go forwards only");
  const size = first ?? DEFAULT_PAGE;
  if (size < 0) throw badInput(`first: must not be negative, found ${size}`);
  const ledger = ledgerFor(graph, namespace);
  const asked = about(kindOf("Namespace"), namespace);
  const { rv } = unwrap(await ledger.head(), asked);
  const start = after ? decode(after) : { page: "", skip: 0 };
  if (!start) throw badInput(`after: ${JSON.stringify(after?.slice(0, 80))} is no cursor that this list gave`);
  const edges: Edge<RejectedRecord>[] = [];
  let { page: from, skip } = start;
  for (;;) {
    const query = { limit: PAGE, ...(repository ? { repository } : {}), ...(from === "" ? {} : { after: from }) };
    const page = unwrap(await ledger.rejected(query), asked);
    for (const [index, record] of page.records.entries()) {
      if (index < skip || !fits(record, kind)) continue;
      if (edges.length === size) return { edges, pageInfo: infoOf(edges, true, after), rv };
      edges.push({ node: record, cursor: encode({ page: from, skip: index + 1 }) });
    }
    if (page.next === undefined) return { edges, pageInfo: infoOf(edges, false, after), rv };
    from = page.next;
    skip = 0;
  }
}

/** A file whose kind could not be read may have been meant as any kind that is written in files. */
function fits(record: RejectedRecord, kind: KindDef | undefined): boolean {
  if (kind === undefined) return true;
  return record.kind === kind.key || (record.kind === undefined && kind.owner === "git" && kind.hasBody);
}

function infoOf(edges: Edge<unknown>[], hasNextPage: boolean, after: string | null | undefined): PageInfo {
  return { hasNextPage, hasPreviousPage: Boolean(after), ...ends(edges) };
}

/** The ledger's pages have cursors, their records none: a place is a page and how many of it came before. */
interface Place {
  page: string;
  skip: number;
}

function encode({ page, skip }: Place): string {
  const bytes = new TextEncoder().encode(`${skip} ${page}`);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function decode(cursor: string): Place | undefined {
  try {
    const text = new TextDecoder().decode(Uint8Array.from(atob(cursor), (char) => char.charCodeAt(0)));
    const [, skip, page] = /^([0-9]{1,6}) (|\[".*"\])$/s.exec(text) ?? [];
    if (page === undefined) return undefined;
    if (page !== "") JSON.parse(page);
    return { page, skip: Number(skip) };
  } catch {
    return undefined;
  }
}
