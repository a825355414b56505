/** Kubernetes paths: `/apis/{group}/{version}/…`, at the root and under `/clusters/{ns}`. */
import type { AppContext } from "./context.ts";
import { identify } from "./context.ts";
import { handleDiscovery } from "./discovery/handler.ts";
import { placeOf } from "./kinds.ts";
import { handleGet } from "./read.ts";
import { handleRepositorySubresource, isRepositorySubresource } from "./repositories.ts";
import { noSuchPath, StatusError } from "./status.ts";
import { parseDiscoveryPath, parseKubePath } from "./target.ts";
import { handleWrite } from "./write.ts";

export async function handleKube(c: AppContext): Promise<Response> {
  // Before the path is judged: an anonymous caller learns nothing, not even which kinds there are.
  await identify(c);
  const url = new URL(c.req.url);
  const reads = c.req.method === "GET" || c.req.method === "HEAD";
  const discovery = reads ? parseDiscoveryPath(url.pathname) : undefined;
  if (discovery) return await handleDiscovery(c, discovery);
  const target = parseKubePath(url.pathname);
  if (!target) throw new StatusError(noSuchPath());
  const place = placeOf(target, url.searchParams);
  if (place.namespace !== undefined) c.set("namespace", place.namespace);
  if (isRepositorySubresource(place)) return await handleRepositorySubresource(c, place);
  return reads ? await handleGet(c, place, url.searchParams) : await handleWrite(c, place, url.searchParams);
}
