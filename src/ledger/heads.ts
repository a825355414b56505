import type { Identity, Resource } from "../resource/types.ts";
import type { HeadMeta } from "./entry.ts";
import type { Sql } from "./sql.ts";
import type { Head } from "./store.ts";

type HeadRow = Identity & Record<"rv" | "created", number> & Record<"meta" | "sel" | "json", string>;

const key = ({ kind, name }: Identity): string => `${kind}/${name}`;

/** The admitted objects of a chunk's identities, read at once: a query for each costs more than its row. */
export class Heads {
  readonly #found = new Map<string, Head>();

  constructor(sql: Sql, identities: readonly Identity[]) {
    const asked = JSON.stringify(identities.map(({ kind, name }) => [kind, name]));
    const rows = sql
      .exec<HeadRow & Record<string, string | number>>(
        `SELECT h.kind, h.name, h.rv, h.created, h.meta, v.sel, v.json FROM json_each(?) w
           JOIN heads h ON h.kind = w.value ->> 0 AND h.name = w.value ->> 1 JOIN versions v ON v.rv = h.rv`,
        asked,
      )
      .toArray();
    for (const { kind, name, meta, ...row } of rows)
      this.#found.set(key({ kind, name }), { ...row, meta: JSON.parse(meta) as HeadMeta });
  }

  get(identity: Identity): Head | undefined {
    return this.#found.get(key(identity));
  }
}

/** Larger objects are parsed again instead: a chunk's thousand would be held twice at once. */
const KEPT_BYTES = 16 * 1024;

const parsed = new WeakMap<Head, Resource>();

/** A head's object to read, never to change: everyone who judges the head shares it. */
export function objectOf(head: Head): Readonly<Resource> {
  let resource = parsed.get(head);
  if (!resource) {
    resource = JSON.parse(head.json) as Resource;
    if (head.json.length <= KEPT_BYTES) parsed.set(head, resource);
  }
  return resource;
}
