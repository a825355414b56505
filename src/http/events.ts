/** `GET /events/{ns}`: the namespace's Git events as batches of CloudEvents, oldest first. */
import { ledgerOf } from "../config.ts";
import { EVENT_TYPES, eventType } from "../resource/gitevent.ts";
import { type AppContext, authorize } from "./context.ts";
import { parseResourceVersion } from "./list-options.ts";
import { badRequest, NAMESPACES, StatusError, unwrap } from "./status.ts";

export const GIT_EVENTS = { group: "events.gitstore.dev", plural: "gitevents", kind: "GitEvent" };
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

export async function handleEvents(c: AppContext): Promise<Response> {
  const namespace = c.req.param("ns") ?? "";
  c.set("namespace", namespace);
  await authorize(c, { kind: GIT_EVENTS, verb: "list", namespace });
  const url = new URL(c.req.url);
  const query = eventsQuery(url.searchParams);
  const result = await ledgerOf(c.env, namespace).events(query);
  const { events } = unwrap(result, { namespace, kind: NAMESPACES });
  const headers = new Headers({ "content-type": "application/cloudevents-batch+json" });
  const last = events.at(-1);
  if (last !== undefined && events.length === query.limit) {
    url.searchParams.set("after", String(sequenceOf(last)));
    headers.set("link", `<${url.pathname}${url.search}>; rel="next"`);
  }
  return new Response(`[${events.join(",")}]`, { headers });
}

/** CloudEvents' `sequence` is the RV, zero-padded. */
function sequenceOf(event: string): number {
  return Number((JSON.parse(event) as { sequence: string }).sequence);
}

export function eventsQuery(query: URLSearchParams): { after: number; types?: string[]; limit: number } {
  const after = parseResourceVersion(query.get("after"));
  if (after === undefined) {
    throw new StatusError(
      badRequest(`after: Invalid value: ${JSON.stringify(query.get("after"))}: must be a resourceVersion`),
    );
  }
  const text = query.get("limit") ?? "";
  if (text !== "" && !/^[1-9][0-9]{0,8}$/.test(text)) {
    throw new StatusError(
      badRequest(`limit: Invalid value: ${JSON.stringify(text)}: must be a whole number from 1 to ${MAX_LIMIT}`),
    );
  }
  const types = query
    .getAll("type")
    .flatMap((value) => value.split(","))
    .filter((value) => value !== "")
    .map((value) => {
      const row = eventType(value);
      if (row) return row.type;
      const known = EVENT_TYPES.map(({ name }) => name).join(", ");
      throw new StatusError(
        badRequest(`type: Invalid value: ${JSON.stringify(value)}: must be a CloudEvent type or one of ${known}`),
      );
    });
  const limit = text === "" ? DEFAULT_LIMIT : Math.min(Number(text), MAX_LIMIT);
  return { after, limit, ...(types.length > 0 ? { types } : {}) };
}
