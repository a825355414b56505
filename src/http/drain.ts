/** `/admin/drain`: before a deploy, closes sockets as planned instead of letting it cut them. */
import * as z from "zod/mini";
import { ledgerOf } from "../config.ts";
import { CLUSTER_LEDGER } from "../ledger/api.ts";
import { log } from "../telemetry/log.ts";
import { readOptions } from "./body.ts";
import { type AppContext, authorize } from "./context.ts";
import { badRequest, NAMESPACES, StatusError, unwrap } from "./status.ts";

const WATCHERS = { group: "", plural: "watchers" };
const DEFAULT_SECONDS = 30;
const MAX_SECONDS = 600;

const bodySchema = z.strictObject({
  overSeconds: z._default(z.int().check(z.minimum(0), z.maximum(MAX_SECONDS)), DEFAULT_SECONDS),
});

/**
 * `POST /admin/drain/{ns} {"overSeconds"?}` → `{"namespace", "closed"}`; without a namespace the cluster scope's. Each
 * socket is closed 4503 and told to come back after a time of its own within `overSeconds`.
 */
export async function drain(c: AppContext): Promise<Response> {
  const namespace = c.req.param("ns");
  if (namespace !== undefined) c.set("namespace", namespace);
  // Of a namespace its own admin may; the cluster scope is every admin's.
  const kind = namespace === undefined ? NAMESPACES : WATCHERS;
  const identity = await authorize(c, { kind, verb: "admin", namespace });
  const body = bodySchema.safeParse(await readOptions(c.req.raw));
  if (!body.success)
    throw new StatusError(badRequest(`the body is malformed: give {"overSeconds": 0 to ${MAX_SECONDS}}`));
  const { overSeconds } = body.data;
  const drained = await ledgerOf(c.env, namespace ?? CLUSTER_LEDGER).drain(overSeconds * 1000);
  const { closed } = unwrap(drained, { namespace: namespace ?? "", kind: NAMESPACES });
  log("info", "drained", { requestId: c.get("requestId"), by: identity.sub, namespace, closed, overSeconds });
  return c.json({ ...(namespace === undefined ? {} : { namespace }), closed });
}
