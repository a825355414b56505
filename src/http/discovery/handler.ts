/** `GET /apis`, `/apis/{group}` and `/apis/{group}/{version}`, at the root and under `/clusters/{ns}`. */
import type { AppContext } from "../context.ts";
import { keepable } from "../etag.ts";
import { isConversion, isJson, rangesOf } from "../negotiate.ts";
import { noSuchPath, notAcceptable, StatusError } from "../status.ts";
import type { DiscoveryTarget } from "../target.ts";
import { apiGroup, apiGroupDiscoveryList, apiGroupList, apiResourceList, servedGroups } from "./documents.ts";
import { shownKinds } from "./shown.ts";

const JSON_TYPE = "application/json";
/** v2beta1 is what kubectl up to 1.29 asks for; its documents are the same. */
const AGGREGATED_VERSIONS = ["v2", "v2beta1"];

export async function handleDiscovery(c: AppContext, { cluster, group, version }: DiscoveryTarget): Promise<Response> {
  const groups = servedGroups(await shownKinds(c, cluster));
  if (group === undefined) {
    const aggregated = aggregatedVersion(c.req.raw);
    const document = aggregated === undefined ? apiGroupList(groups) : apiGroupDiscoveryList(groups, aggregated);
    // The parameters are how client-go tells the aggregated document from the list of groups.
    const contentType =
      aggregated === undefined
        ? JSON_TYPE
        : `${JSON_TYPE};g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`;
    return await keepable(c.req.raw, JSON.stringify(document), { contentType, vary: "Accept" });
  }
  const found = groups.find(({ name }) => name === group);
  if (!found) throw new StatusError(noSuchPath());
  if (!rangesOf(c.req.header("accept") ?? null).some((range) => isJson(range) && !isConversion(range)))
    throw new StatusError(notAcceptable([JSON_TYPE]));
  if (version === undefined)
    return await keepable(c.req.raw, JSON.stringify(apiGroup(found)), { contentType: JSON_TYPE });
  const served = found.versions.find((one) => one.version === version);
  if (!served) throw new StatusError(noSuchPath());
  const document = apiResourceList(`${group}/${version}`, served.resources);
  return await keepable(c.req.raw, JSON.stringify(document), { contentType: JSON_TYPE });
}

/** The version of the aggregated document that the client likes most; undefined: the list of groups. Throws 406. */
function aggregatedVersion(request: Request): string | undefined {
  for (const range of rangesOf(request.headers.get("accept"))) {
    if (!isJson(range)) continue;
    if (!isConversion(range)) return undefined;
    const { as, g, v = "" } = range.parameters;
    if (as === "APIGroupDiscoveryList" && g === "apidiscovery.k8s.io" && AGGREGATED_VERSIONS.includes(v)) return v;
  }
  throw new StatusError(notAcceptable([JSON_TYPE]));
}
