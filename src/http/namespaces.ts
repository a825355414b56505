/** Namespaces: making one opens its ledger, deleting one ends it. */
import { ledgerOf, repositoryOf } from "../config.ts";
import type { Written } from "../ledger/api.ts";
import type { Resource } from "../resource/types.ts";
import { log } from "../telemetry/log.ts";
import { conflict, NAMESPACES, StatusError, unwrap } from "./status.ts";
import { about, type WriteRequest, type WriteTarget, write } from "./write-target.ts";

const REPOSITORY = "Repository.gitstore.dev";
const PAGE = 500;

/**
 * The cluster ledger opens it too, from what it wrote down with the Namespace; this only makes it ready for the request
 * that follows at once.
 */
export async function afterNamespaceCreated({ c }: WriteTarget, { metadata }: Resource): Promise<void> {
  const opened = await ledgerOf(c.env, metadata.name).open({ name: metadata.name, uid: metadata.uid });
  if (opened.ok) return;
  log("warn", "a new namespace could not be opened yet", {
    requestId: c.get("requestId"),
    namespace: metadata.name,
    error: opened.error,
  });
}

/**
 * Only without repositories, or with `?force=true`. The Namespace object goes first, because it is what counts; should
 * closing the ledger fail then, the cluster ledger repeats it.
 */
export async function deleteNamespace(target: WriteTarget, request: WriteRequest): Promise<Written> {
  const { c, query, dryRun } = target;
  const { name } = request;
  const ledger = ledgerOf(c.env, name);
  const repositories = await repositoriesIn(name, ledger);
  if (repositories.length > 0 && query.get("force") !== "true") {
    const named = repositories.slice(0, 5).join(", ");
    const more = repositories.length > 5 ? " and more" : "";
    const how = `remove them first (gitstorectl repo remove ${name}/NAME), or delete it with them (?force=true, gitstorectl namespace delete ${name} --force)`;
    throw new StatusError(conflict(NAMESPACES, name, `it has repositories (${named}${more}): ${how}`));
  }
  const deleted = unwrap(await write(target, request), about(target));
  // A namespace made again under the name since is none of an earlier request.
  if (dryRun || deleted.replayed) return deleted;
  for (const repository of repositories) await forget(target, name, repository);
  const closed = await ledger.close();
  if (!closed.ok && closed.error.code !== "NoNamespace") {
    log("warn", "a deleted namespace could not be closed yet", {
      requestId: c.get("requestId"),
      namespace: name,
      error: closed.error,
    });
  }
  return deleted;
}

/** The names of all of a namespace's Repositories, at one RV; none where there is no such namespace. */
export async function repositoriesIn(
  namespace: string,
  ledger: Pick<ReturnType<typeof ledgerOf>, "list">,
  limit = PAGE,
): Promise<string[]> {
  const names: string[] = [];
  let page: { at?: number; after?: string } | undefined = {};
  while (page) {
    const listed = await ledger.list({ kind: REPOSITORY, limit, ...page });
    if (!listed.ok && listed.error.code === "NoNamespace") return names;
    const { items, next, rv } = unwrap(listed, { namespace, kind: NAMESPACES });
    for (const item of items) names.push((JSON.parse(item) as Resource).metadata.name);
    page = next === undefined ? undefined : { at: Number(rv), after: next };
  }
  return names;
}

async function forget({ c }: WriteTarget, namespace: string, repository: string): Promise<void> {
  try {
    await repositoryOf(c.env, namespace, repository).remove();
  } catch (error) {
    // It finds out by itself, at its next look, that its namespace is gone.
    log("warn", "a repository of a deleted namespace could not be told", { namespace, repository, error });
  }
}
