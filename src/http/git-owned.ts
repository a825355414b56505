/** Why a kind is not written here, and where it is: the text of its 405. */
import type { LedgerStub } from "../ledger/api.ts";
import type { KindDef } from "../resource/kind.ts";
import type { Resource } from "../resource/types.ts";

const REPOSITORY = "Repository.gitstore.dev";
/** Repositories named in the message when it is not known which one is meant. */
const MAX_REPOSITORIES = 5;

export async function notOwnedByApi(
  ledger: LedgerStub,
  kind: KindDef,
  namespace: string,
  name: string | undefined,
  method: string,
): Promise<string> {
  const qualified = `${kind.plural}.${kind.group}${name === undefined ? "" : ` "${name}"`}`;
  if (kind.owner === "system") return `${qualified} is written by the system: it cannot be changed through the API`;
  return `${qualified} is owned by Git: commit it to ${await whereOf(ledger, kind, namespace, name, method)}`;
}

async function whereOf(
  ledger: LedgerStub,
  kind: KindDef,
  namespace: string,
  name: string | undefined,
  method: string,
): Promise<string> {
  if (name !== undefined) {
    const place = await placeFromLedger(ledger, kind, name, method);
    if (place !== undefined) return place;
  }
  const listed = await ledger.list({ kind: REPOSITORY, limit: MAX_REPOSITORIES });
  const repositories = listed.ok ? listed.value.items.map((item) => JSON.parse(item) as Resource) : [];
  const [only, ...others] = repositories;
  if (!only)
    return `a repository of the namespace (it has none yet: gitstorectl repo add ${namespace}/NAME --url URL --provider P)`;
  const branch = await branchOf(ledger, kind, name);
  if (others.length > 0) {
    const urls = repositories.map(({ metadata, spec }) => `${String(spec.url ?? metadata.name)}`).join(" or ");
    return `one of ${urls}, ${branch ?? "a branch that it follows"}, in the file of the resource`;
  }
  return `${String(only.spec.url ?? only.metadata.name)}, ${branch ?? firstBranch(only)}, in the file of the resource`;
}

/** The ledger knows which repository, branch and path hold an identity; it says so in its own refusal. */
async function placeFromLedger(
  ledger: LedgerStub,
  kind: KindDef,
  name: string,
  method: string,
): Promise<string | undefined> {
  const operation = method === "POST" ? "CREATE" : method === "DELETE" ? "DELETE" : "UPDATE";
  const refused = await ledger.write({ operation, kind: kind.key, name, actor: "", dryRun: true });
  if (refused.ok || refused.error.code !== "MethodNotAllowed") return undefined;
  return /owned by Git: commit it to (.+)$/.exec(refused.error.message)?.[1];
}

async function branchOf(ledger: LedgerStub, kind: KindDef, name: string | undefined): Promise<string | undefined> {
  if (name === undefined) return undefined;
  const found = await ledger.get(kind.key, name);
  if (!found.ok) return undefined;
  const { revision } = (JSON.parse(found.value) as Resource).metadata;
  return revision?.slice(0, revision.lastIndexOf("@sha1:"));
}

function firstBranch({ spec }: Resource): string {
  const [first] = Array.isArray(spec.branches) ? spec.branches : [];
  return typeof first === "string" && !/[*?[!]/.test(first) ? first : "a branch that it follows";
}
