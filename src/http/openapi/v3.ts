/** `/openapi/v3` and its documents, one for each group and version, at the root and under `/clusters/{ns}` (KEP 2896). */
import type { KindDef } from "../../resource/kind.ts";
import type { AppContext } from "../context.ts";
import { groupsOf, shownKinds } from "../discovery/shown.ts";
import { hashOf, keepable } from "../etag.ts";
import { requireJson } from "../negotiate.ts";
import { noSuchPath, StatusError } from "../status.ts";
import { VERSION } from "../version.ts";
import { kindPaths } from "./kindPaths.ts";
import type { Node } from "./parts.ts";
import { objectSchema, SHARED_SCHEMAS, schemaName } from "./schemas.ts";

const JSON_TYPE = "application/json";
/** A document that was asked for by its hash never changes. */
const IMMUTABLE = "private, immutable, max-age=31536000";

/**
 * URLs have the `/clusters/{ns}` that was asked under, whole: client-go takes them as they are, and adds its own prefix
 * only to those that begin with `/openapi/v3`.
 */
export async function handleOpenApiIndex(c: AppContext): Promise<Response> {
  const cluster = c.req.param("cluster");
  const groups = groupsOf(await shownKinds(c, cluster));
  requireJson(c.req.raw);
  const root = cluster === undefined ? "" : `/clusters/${encodeURIComponent(cluster)}`;
  const paths: Record<string, { serverRelativeURL: string }> = {};
  for (const { name, versions } of groups) {
    for (const { version, kinds } of versions) {
      const path = `apis/${name}/${version}`;
      const hash = await hashOf(documentText(kinds));
      paths[path] = { serverRelativeURL: `${root}/openapi/v3/${path}?hash=${hash}` };
    }
  }
  return await keepable(c.req.raw, JSON.stringify({ paths }), { contentType: JSON_TYPE });
}

export async function handleOpenApiDocument(c: AppContext): Promise<Response> {
  const groups = groupsOf(await shownKinds(c, c.req.param("cluster")));
  requireJson(c.req.raw);
  const group = groups.find(({ name }) => name === c.req.param("group"));
  const found = group?.versions.find(({ version }) => version === c.req.param("version"));
  if (!found) throw new StatusError(noSuchPath());
  const text = documentText(found.kinds);
  const current = c.req.query("hash") === (await hashOf(text));
  return await keepable(c.req.raw, text, { contentType: JSON_TYPE, ...(current ? { cacheControl: IMMUTABLE } : {}) });
}

function documentText(kinds: readonly KindDef[]): string {
  return JSON.stringify({
    openapi: "3.0.0",
    info: { title: "gitstore-edge", version: VERSION },
    paths: Object.assign({}, ...kinds.map(kindPaths)) as Node,
    components: {
      schemas: {
        ...Object.fromEntries(kinds.map((kind) => [schemaName(kind), objectSchema(kind)])),
        ...SHARED_SCHEMAS,
      },
    },
  });
}
