/** Named watchers of a namespace: where each stands, and how to forget one. */

import { allows } from "../auth/grants.ts";
import { ledgerOf } from "../config.ts";
import { type AppContext, authorize } from "./context.ts";
import { badRequest, NAMESPACES, notFound, StatusError, unwrap } from "./status.ts";

const WATCHERS = { group: "", plural: "watchers" };

/** `GET /watchers/{ns}`: position, lag and connections of each; for who may not list them, of the caller's own. */
export async function listWatchers(c: AppContext): Promise<Response> {
  const namespace = c.req.param("ns") ?? "";
  c.set("namespace", namespace);
  const identity = await authorize(c, { kind: WATCHERS, verb: "get", namespace });
  const all = unwrap(await ledgerOf(c.env, namespace).watchers(), { namespace, kind: NAMESPACES });
  const isShown = allows(identity, { namespace, resource: "watchers", verb: "list" });
  const items = isShown ? all : all.filter(({ subject }) => subject === identity.sub);
  return c.json({ kind: "WatcherList", apiVersion: "gitstore.dev/v1beta1", items });
}

/** `DELETE /watchers/{ns}/{name}`: the caller's own; another subject's (`?subject=`) for who may list them too. */
export async function deleteWatcher(c: AppContext): Promise<Response> {
  const namespace = c.req.param("ns") ?? "";
  const name = c.req.param("name") ?? "";
  c.set("namespace", namespace);
  const identity = await authorize(c, { kind: WATCHERS, verb: "delete", namespace });
  const subject = c.req.query("subject") ?? identity.sub;
  if (subject !== identity.sub) await authorize(c, { kind: WATCHERS, verb: "list", namespace });
  const removed = await ledgerOf(c.env, namespace).removeWatcher(name, subject);
  if (unwrap(removed, { namespace, kind: NAMESPACES }).removed === 0) throw new StatusError(notFound(WATCHERS, name));
  return c.json({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 200 });
}

/** `GitStore-Watcher: <name>/<epoch>`: the named watcher's connection that a write belongs to. */
export function writerOf(
  request: Request,
  subject: string,
): { subject: string; name: string; epoch: number } | undefined {
  const header = request.headers.get("gitstore-watcher");
  if (header === null) return undefined;
  const match = /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\/([1-9][0-9]{0,14})$/.exec(header);
  if (!match)
    throw new StatusError(
      badRequest(
        `GitStore-Watcher: Invalid value: ${JSON.stringify(header)}: give <name>/<epoch>, as the connection's first frame has them`,
      ),
    );
  return { subject, name: match[1] ?? "", epoch: Number(match[2]) };
}
