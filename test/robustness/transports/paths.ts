import type { Connection, Start } from "../history.ts";
import { fieldText, labelText, type Selection } from "../selection.ts";

export interface KindPath {
  key: string;
  group: string;
  kind: string;
  plural: string;
}

/** The kinds that campaigns write. */
export const KINDS: readonly KindPath[] = [
  { key: "Product.catalog.gitstore.dev", group: "catalog.gitstore.dev", kind: "Product", plural: "products" },
  { key: "Repository.gitstore.dev", group: "gitstore.dev", kind: "Repository", plural: "repositories" },
  { key: "Channel.release.gitstore.dev", group: "release.gitstore.dev", kind: "Channel", plural: "channels" },
  { key: "GitEvent.events.gitstore.dev", group: "events.gitstore.dev", kind: "GitEvent", plural: "gitevents" },
];

export function kindPath(key: string): KindPath {
  const kind = KINDS.find((each) => each.key === key);
  if (!kind) throw new Error(`${key} is no kind of the campaigns`);
  return kind;
}

function selectors(selection: Selection): URLSearchParams {
  const query = new URLSearchParams();
  if (selection.labels.length > 0) query.set("labelSelector", labelText(selection.labels));
  if (selection.fields.length > 0) query.set("fieldSelector", fieldText(selection.fields));
  return query;
}

/** The collection's own path: one kind. */
export function collection(namespace: string, selection: Selection): { path: string; query: URLSearchParams } {
  const [key, ...others] = selection.kinds ?? [];
  if (key === undefined || others.length > 0) throw new Error("a collection is of one kind");
  const { group, plural } = kindPath(key);
  return { path: `/apis/${group}/v1beta1/namespaces/${namespace}/${plural}`, query: selectors(selection) };
}

/** A Kubernetes watch of one kind; the end of an initial state is announced (WatchList). */
export function kubeWatch(namespace: string, selection: Selection, start: Start): string {
  const { path, query } = collection(namespace, selection);
  query.set("watch", "1");
  query.set("allowWatchBookmarks", "true");
  if (start.from === "rv") query.set("resourceVersion", String(start.rv));
  else {
    query.set("sendInitialEvents", String(start.from === "state"));
    query.set("resourceVersionMatch", "NotOlderThan");
    if (start.from === "state" && start.notOlderThan) query.set("resourceVersion", String(start.notOlderThan));
  }
  return `${path}?${query}`;
}

/** `/watch/v1`: several kinds in one stream. */
export function multiWatch(
  namespace: string,
  { selection, start, expired, watcher }: Pick<Connection, "selection" | "start" | "expired" | "watcher">,
  window: number,
): string {
  const query = selectors(selection);
  if (expired === "compact") query.set("expired", "compact");
  if (watcher !== undefined) query.set("watcher", watcher);
  for (const key of selection.kinds ?? []) query.append("kind", kindPath(key).kind);
  query.set("window", String(window));
  if (start.from === "rv") query.set("resourceVersion", String(start.rv));
  if (start.from === "now") query.set("sendInitialEvents", "false");
  if (start.from === "state" && (start.notOlderThan || watcher !== undefined)) {
    query.set("sendInitialEvents", "true");
    if (start.notOlderThan) query.set("resourceVersion", String(start.notOlderThan));
  }
  return `/watch/v1/namespaces/${namespace}?${query}`;
}
