import type { Became } from "../ledger/compact.ts";
import { GIT_EVENT } from "../ledger/entry.ts";
import { type Filter, matchesNames, selects, wantsKind } from "./filter.ts";
import type { WatchSource } from "./source.ts";

const PAGE_CHANGES = 500;

export interface CompactedPage {
  events: string[];
  /** How far the page covers. */
  rv: number;
  end: boolean;
}

/** DELETED with metadata only: what is left to say of an object that is gone, or that does not match any more. */
function goneText(
  kind: { group: string; version: string; kind: string },
  namespace: string,
  change: { name: string; uid: string; rv: number },
): string {
  const metadata = { name: change.name, namespace, uid: change.uid, resourceVersion: String(change.rv) };
  const object = { apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, metadata };
  return `{"type":"DELETED","object":${JSON.stringify(object)}}`;
}

type KindNames = (key: string) => { group: string; version: string; kind: string };

/**
 * The next page of (pos, to] as of `to`. What changed and matches is MODIFIED (known to the client or not); what changed
 * and does not match is DELETED, also where the client never had it: its labels at the client's RV are not known. The
 * name never changes, so a selector by name does narrow deletions.
 */
export function compactedPage(
  source: WatchSource,
  filter: Filter,
  pos: number,
  to: number,
  kindNames: KindNames,
): CompactedPage {
  const { changes, done } = source.compact(pos, to, PAGE_CHANGES);
  const events: string[] = [];
  let bytes = 0;
  let rv = pos;
  for (const change of changes) {
    if (bytes > filter.frameBytes) return { events, rv, end: false };
    rv = change.rv;
    const text = eventOf(change, filter, kindNames);
    if (text === null) continue;
    events.push(text);
    bytes += text.length;
  }
  return done ? { events, rv: to, end: true } : { events, rv, end: false };
}

function eventOf(change: Became, filter: Filter, kindNames: KindNames): string | null {
  if (!wantsKind(filter, change.kind) || !matchesNames(filter, change.name)) return null;
  if (change.became === "gone") return goneText(kindNames(change.kind), filter.namespace, change);
  if (selects(filter, change.name, change.sel)) return `{"type":"MODIFIED","object":${change.json}}`;
  const { metadata } = JSON.parse(change.json) as { metadata: { uid: string } };
  return goneText(kindNames(change.kind), filter.namespace, { name: change.name, uid: metadata.uid, rv: change.rv });
}

/** GitEvents happened and cannot be made up: a watch that has them among others is told so, one of them alone is expired. */
export function losesEvents(filter: Filter): "all" | "some" | "none" {
  if (!filter.kinds?.has(GIT_EVENT)) return "none";
  return filter.kinds.size === 1 ? "all" : "some";
}
