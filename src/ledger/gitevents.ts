import { eventType } from "../resource/gitevent.ts";
import type { FieldSelector, LabelSelector } from "../resource/selectors.ts";
import { GIT_EVENT, LOGGED } from "./entry.ts";
import { selects } from "./list.ts";
import type { Store } from "./store.ts";
import type { Window } from "./window.ts";

export interface KeptEvent {
  rv: number;
  json: string;
  sel: string;
}

/** A GitEvent's name is its RV in 20 digits, so that name order is RV order. */
export function eventName(rv: number): string {
  return String(rv).padStart(20, "0");
}

/** GitEvents in (after, upTo], oldest first: from D1 what left the tail, then the tail. Throws WindowUnavailable. */
export async function keptEvents(
  store: Store,
  window: Window,
  after: number,
  upTo: number,
  limit: number,
): Promise<KeptEvent[]> {
  const events: KeptEvent[] = [];
  if (after < store.floor) events.push(...(await window.events(after, Math.min(store.floor, upTo), limit)));
  if (events.length >= limit) return events.slice(0, limit);
  const from = Math.max(after, store.floor);
  const tail = store.storage.sql
    .exec<{ rv: number; json: string; sel: string }>(
      "SELECT rv, json, sel FROM versions WHERE rv > ? AND rv <= ? AND type = ? ORDER BY rv LIMIT ?",
      from,
      upTo,
      LOGGED,
      limit - events.length,
    )
    .toArray();
  return [...events, ...tail];
}

/** `GET /events/{ns}`: CloudEvents (the `spec`) as JSON text, audit rows included, in RV order. */
export async function cloudEvents(
  store: Store,
  window: Window,
  query: { after: number; types?: string[]; limit: number },
): Promise<string[]> {
  const types = query.types && new Set(query.types.map((type) => eventType(type)?.type ?? type));
  const found: { rv: number; spec: string }[] = [];
  let after = query.after;
  if (after < store.floor) {
    for (const row of await window.audit(after, store.floor, query.limit)) push(row);
  }
  while (found.length < query.limit) {
    const page = await keptEvents(store, window, after, store.head, 500);
    for (const event of page) {
      after = event.rv;
      push(event);
    }
    if (page.length < 500) break;
  }
  found.sort((a, b) => a.rv - b.rv);
  const unique = found.filter((event, i) => i === 0 || found[i - 1]?.rv !== event.rv);
  return unique.slice(0, query.limit).map(({ spec }) => spec);

  function push(row: { rv: number; json: string }): void {
    const event = JSON.parse(row.json) as { spec: { type: string } };
    if (!types || types.has(event.spec.type)) found.push({ rv: row.rv, spec: JSON.stringify(event.spec) });
  }
}

/** GitEvents as a list: in name order, which is RV order. */
export async function listEvents(
  store: Store,
  window: Window,
  query: {
    at: number;
    after: string;
    limit: number;
    namespace: string;
    label: LabelSelector | null;
    field: FieldSelector | null;
  },
): Promise<{ items: string[]; next?: string }> {
  let after = query.after === "" ? 0 : Number(query.after);
  const items: { rv: number; json: string }[] = [];
  for (;;) {
    const page = await keptEvents(store, window, after, query.at, 500);
    for (const event of page) {
      after = event.rv;
      if (!selects(query, { name: eventName(event.rv), sel: event.sel })) continue;
      if (items.length === query.limit)
        return { items: items.map(({ json }) => json), next: String(items[items.length - 1]?.rv ?? 0) };
      items.push(event);
    }
    if (page.length < 500) return { items: items.map(({ json }) => json) };
  }
}

export { GIT_EVENT };
