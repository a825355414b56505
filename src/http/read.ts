/** GET on Kubernetes paths: get, list, and what becomes a watch. */
import { registerSession } from "../auth/sessions.ts";
import type { LedgerStub, Result } from "../ledger/api.ts";
import type { KindDef } from "../resource/kind.ts";
import { parseFieldSelector, parseLabelSelector, selectableFieldsOf } from "../resource/selectors.ts";
import type { Resource } from "../resource/types.ts";
import { type AppContext, authorize } from "./context.ts";
import { equalityOf, hasStatus, ledgerFor, ledgerName, type Place, requireInCluster, resolveKind } from "./kinds.ts";
import { listResponse, reach } from "./list.ts";
import { type ListOptions, parseBoolean, parseListOptions, parseResourceVersion } from "./list-options.ts";
import { formOf } from "./negotiate.ts";
import { presenterOf } from "./present.ts";
import { rejectedOfKind } from "./rejected.ts";
import {
  badRequest,
  invalidListOptions,
  kindName,
  namespaceNotFound,
  noSuchPath,
  StatusError,
  unwrap,
} from "./status.ts";
import { openWatch } from "./watch.ts";

const GIT_EVENT = "GitEvent.events.gitstore.dev";
const MAX_SELECTOR_CHARS = 4_096;

export async function handleGet(c: AppContext, place: Place, query: URLSearchParams): Promise<Response> {
  const { target } = place;
  const watching = parseBoolean(query.get("watch"));
  if (watching === undefined) {
    throw new StatusError(
      badRequest(`watch: Invalid value: ${JSON.stringify(query.get("watch"))}: must be true or false`),
    );
  }
  // A watch on one object is a watch of its collection for that name, as kube-apiserver has it.
  if (target.name === undefined || watching) return await handleCollection(c, place, query, watching);
  return await getObject(c, place, query);
}

/** The name that a selector narrows a collection to, which grants may be limited to. */
function narrowed({ target }: Place, query: URLSearchParams): string | undefined {
  const selected = equalityOf(query.get("fieldSelector"), "metadata.name");
  if (target.name !== undefined && selected !== undefined && selected !== target.name) {
    throw new StatusError(badRequest("fieldSelector metadata.name doesn't match requested name"));
  }
  return target.name ?? selected;
}

/** Namespaces are judged as lying in themselves, so that who works in one may read it, as in Kubernetes. */
function scopeOf(place: Place, name: string | undefined): string | undefined {
  return place.namespace ?? (place.kind.plural === "namespaces" ? name : undefined);
}

async function handleCollection(
  c: AppContext,
  place: Place,
  given: URLSearchParams,
  watching: boolean,
): Promise<Response> {
  const { kind, target } = place;
  if (target.subresource !== undefined) throw new StatusError(noSuchPath());
  const query = new URLSearchParams(given);
  // In a cluster of one namespace the list of namespaces is that one.
  if (place.namespace === undefined && target.cluster !== undefined) addField(query, `metadata.name=${target.cluster}`);
  const name = narrowed(place, query);
  if (target.name !== undefined) addField(query, `metadata.name=${target.name}`);

  if (query.get("view") === "rejected") {
    await authorize(c, { kind: { group: "", plural: "rejected" }, verb: "list", namespace: place.namespace });
    requireInCluster(place);
    return await rejectedOfKind(c, place, await resolveKind(c, place), query);
  }
  if ((query.get("view") ?? "") !== "") {
    throw new StatusError(
      badRequest(`view: Invalid value: ${JSON.stringify(query.get("view"))}: supported values: "rejected"`),
    );
  }
  const identity = await authorize(c, {
    kind,
    verb: watching ? "watch" : "list",
    namespace: scopeOf(place, name),
    name,
  });
  requireInCluster(place);
  // A bad `sendInitialEvents` is refused where the watch's parameters are read.
  const initial = parseBoolean(query.get("sendInitialEvents")) ?? false;
  const form = formOf(c.req.raw, query, watching ? { what: "watch", initial } : { what: "list" });
  const definition = await resolveKind(c, place);
  const presenter = presenterOf(definition, form, Date.now());
  if (watching) {
    const namespace = ledgerName(place.namespace);
    c.executionCtx.waitUntil(registerSession(c.env, namespace, identity, Date.now()));
    return await openWatch({
      request: c.req.raw,
      env: c.env,
      identity,
      namespace,
      kinds: [definition],
      query,
      strict: true,
      ...(presenter.events ? { present: presenter.events() } : {}),
    });
  }
  const options = parseListOptions(query);
  if (!options.ok) throw new StatusError(options.status);
  checkSelectors(definition, options.value);
  const ledger = ledgerFor(c, place.namespace);
  const requestId = c.get("requestId");
  return await listResponse(
    { kind: definition, namespace: ledgerName(place.namespace), ledger, requestId, presenter },
    options.value,
  );
}

/** Malformed, or a field that the kind cannot be selected by: 400 before the ledger is asked. */
function checkSelectors(kind: KindDef, { labelSelector, fieldSelector }: ListOptions): void {
  for (const [name, text] of Object.entries({ labelSelector, fieldSelector })) {
    if (text !== undefined && text.length > MAX_SELECTOR_CHARS) {
      throw new StatusError(
        badRequest(`${name}: a selector is at most ${MAX_SELECTOR_CHARS} characters, found ${text.length}`),
      );
    }
  }
  const label = parseLabelSelector(labelSelector ?? "");
  if (!label.ok) throw new StatusError(badRequest(label.message));
  const field = parseFieldSelector(fieldSelector ?? "", selectableFieldsOf(kind));
  if (!field.ok) throw new StatusError(badRequest(field.message));
}

function addField(query: URLSearchParams, requirement: string): void {
  const selector = query.get("fieldSelector");
  query.set("fieldSelector", selector ? `${selector},${requirement}` : requirement);
}

/** Subresources that are read like the object: the status is a part of it. */
const READ_AS_OBJECT = new Set(["status"]);

async function getObject(c: AppContext, place: Place, query: URLSearchParams): Promise<Response> {
  const { kind, target } = place;
  const name = target.name ?? "";
  if (target.rest !== undefined) throw new StatusError(noSuchPath());
  await authorize(c, { kind, verb: "get", namespace: scopeOf(place, name), name, subresource: target.subresource });
  requireInCluster(place);
  const form = formOf(c.req.raw, query, { what: "object" });
  if (target.subresource !== undefined && !READ_AS_OBJECT.has(target.subresource)) throw new StatusError(noSuchPath());
  if (place.namespace === undefined && target.cluster !== undefined && name !== target.cluster) {
    throw new StatusError(namespaceNotFound(name));
  }
  const definition = await resolveKind(c, place);
  if (target.subresource === "status" && !hasStatus(definition)) throw new StatusError(noSuchPath());
  const namespace = ledgerName(place.namespace);
  const ledger = ledgerFor(c, place.namespace);
  const rv = parseResourceVersion(query.get("resourceVersion"));
  if (rv === undefined) {
    throw new StatusError(
      badRequest(
        `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(query.get("resourceVersion"))}`,
      ),
    );
  }
  if ((query.get("resourceVersionMatch") ?? "") !== "") {
    throw new StatusError(
      invalidListOptions("resourceVersionMatch", "Forbidden", "resourceVersionMatch is forbidden for get"),
    );
  }
  if (rv > 0) await reach({ ledger, namespace, kind: definition }, rv);
  const found = definition.key === GIT_EVENT ? await getEvent(ledger, name) : await ledger.get(definition.key, name);
  const object = unwrap(found, { namespace, kind: kindName(definition) });
  return new Response(presenterOf(definition, form, Date.now()).object(object), {
    headers: { "content-type": "application/json" },
  });
}

/** A GitEvent is a log entry, found by its place: its name is its RV in 20 digits. */
async function getEvent(ledger: LedgerStub, name: string): Promise<Result<string>> {
  const missing: Result<string> = { ok: false, error: { code: "NotFound", kind: GIT_EVENT, name } };
  if (!/^0[0-9]{19}$/.test(name) || Number(name) < 1) return missing;
  const listed = await ledger.list({ kind: GIT_EVENT, limit: 1, after: String(Number(name) - 1) });
  if (!listed.ok) return listed;
  const [text] = listed.value.items;
  if (text === undefined || (JSON.parse(text) as Resource).metadata.name !== name) return missing;
  return { ok: true, value: text };
}
