/** What admission refused and never had before: for operators only, invisible to every other list and watch. */
import { ledgerOf } from "../config.ts";
import type { RejectedRecord } from "../ledger/api.ts";
import type { KindDef } from "../resource/kind.ts";
import { type AppContext, authorize } from "./context.ts";
import type { Place } from "./kinds.ts";
import { badRequest, NAMESPACES, StatusError, unwrap } from "./status.ts";

const PAGE = 500;

/**
 * `GET …/{plural}?view=rejected`. A file whose kind could not be read may have been meant as any kind that is written
 * in files, so every such kind shows it.
 */
export async function rejectedOfKind(
  c: AppContext,
  place: Place,
  kind: KindDef,
  query: URLSearchParams,
): Promise<Response> {
  const fits = (record: RejectedRecord) =>
    record.kind === kind.key || (record.kind === undefined && kind.owner === "git" && kind.hasBody);
  return await rejected(
    c,
    place.namespace ?? "",
    query,
    fits,
    `${kind.group}/${kind.version}`,
    `Rejected${kind.kind}List`,
  );
}

/** `GET /rejected/{ns}`: of all kinds. */
export async function handleRejected(c: AppContext): Promise<Response> {
  const namespace = c.req.param("ns") ?? "";
  await authorize(c, { kind: { group: "", plural: "rejected" }, verb: "list", namespace });
  const query = new URL(c.req.url).searchParams;
  return await rejected(c, namespace, query, () => true, "gitstore.dev/v1beta1", "RejectedList");
}

async function rejected(
  c: AppContext,
  namespace: string,
  query: URLSearchParams,
  fits: (record: RejectedRecord) => boolean,
  apiVersion: string,
  kind: string,
): Promise<Response> {
  const limit = limitOf(query);
  const repository = query.get("repository");
  const ledger = ledgerOf(c.env, namespace);
  const items: RejectedRecord[] = [];
  let after = query.get("continue") || undefined;
  do {
    const result = await ledger.rejected({
      limit: Math.min(limit - items.length, PAGE),
      ...(repository ? { repository } : {}),
      ...(after === undefined ? {} : { after }),
    });
    const page = unwrap(result, { namespace, kind: NAMESPACES });
    items.push(...page.records.filter(fits));
    after = page.next;
  } while (after !== undefined && items.length < limit);
  return c.json({ kind, apiVersion, metadata: after === undefined ? {} : { continue: after }, items });
}

function limitOf(query: URLSearchParams): number {
  const text = query.get("limit") ?? "";
  if (text === "" || text === "0") return 10_000;
  if (!/^[0-9]{1,9}$/.test(text)) {
    throw new StatusError(badRequest(`limit: Invalid value: ${JSON.stringify(text)}: must be a whole number from 0`));
  }
  return Number(text);
}
