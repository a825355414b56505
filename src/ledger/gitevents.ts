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
  // A namespace made again under its name begins behind that one's events, also where D1 should still have some.
  const begin = Math.max(after, store.holes.find((hole) => hole.from === 0)?.to ?? 0);
  if (begin < store.floor) events.push(...(await window.events(begin, Math.min(store.floor, upTo), limit)));
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
  const events: string[] = [];
  const audit = pages(query.after, async (from) =>
    from < store.floor ? await window.audit(from, store.floor, EVENT_PAGE) : [],
  );
  const kept = pages(query.after, (from) => keptEvents(store, window, from, store.head, EVENT_PAGE));
  for await (const { json } of inOrder(audit, kept)) {
    const { spec } = JSON.parse(json) as { spec: { type: string } };
    if (types && !types.has(spec.type)) continue;
    events.push(JSON.stringify(spec));
    if (events.length === query.limit) break;
  }
  return events;
}

const EVENT_PAGE = 500;

interface Row {
  rv: number;
  json: string;
}

async function* pages(after: number, read: (from: number) => Promise<Row[]>): AsyncGenerator<Row> {
  let from = after;
  for (;;) {
    const page = await read(from);
    yield* page;
    if (page.length < EVENT_PAGE) return;
    from = page.at(-1)?.rv ?? from;
  }
}

/**
 * Two logs as one, each RV once. An audit row is in the window too, as long as that lasts; what lies between two of them
 * is only there, so neither log may be read ahead of the other.
 */
async function* inOrder(one: AsyncGenerator<Row>, other: AsyncGenerator<Row>): AsyncGenerator<Row> {
  let [a, b] = [await one.next(), await other.next()];
  while (!a.done || !b.done) {
    const first = b.done || (!a.done && a.value.rv <= b.value.rv) ? a : b;
    if (first.done) return;
    yield first.value;
    const { rv } = first.value;
    if (!a.done && a.value.rv === rv) a = await one.next();
    if (!b.done && b.value.rv === rv) b = await other.next();
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
