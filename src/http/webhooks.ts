/** What Git servers send: webhooks and the blocking hook. Signed, not authenticated; the repository object verifies. */
import { repositoryOf } from "../config.ts";
import type { Delivery } from "../git/api.ts";
import { dnsLabelProblem, dnsSubdomainProblem } from "../resource/names.ts";
import { RequestCounter } from "../telemetry/metrics.ts";
import { formatTraceparent } from "../telemetry/trace.ts";
import { readCapped } from "./body.ts";
import type { AppContext } from "./context.ts";

/** GitHub's own cap on a delivery. */
export const MAX_DELIVERY_BYTES = 25 * 1024 * 1024;

/** One body for every address that is nothing: an unknown namespace, an unknown repository, a name that cannot be one. */
const UNKNOWN = { message: "there is no such repository" };

export const deliveries = new RequestCounter(
  "deliveries_total",
  "Webhook deliveries that this isolate answered, by the Repository's provider and by result.",
);

export async function handleWebhook(c: AppContext): Promise<Response> {
  const delivery = await deliveryOf(c);
  if (delivery instanceof Response) return delivery;
  const { status, body, provider = "none", retryAfterSeconds } = await target(c).deliver(delivery);
  deliveries.count({ provider, result: body.result ?? `refused-${status}` });
  if (status === 404) return unknown(c);
  return json(body, status, retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) });
}

export async function handlePreReceive(c: AppContext): Promise<Response> {
  const delivery = await deliveryOf(c);
  if (delivery instanceof Response) return delivery;
  const encoding = c.req.header("content-encoding");
  const { status, body } = await target(c).preReceive({ ...delivery, ...(encoding === undefined ? {} : { encoding }) });
  return status === 404 ? unknown(c) : json(body, status);
}

function target(c: AppContext) {
  return repositoryOf(c.env, c.req.param("ns") ?? "", c.req.param("repo") ?? "");
}

async function deliveryOf(c: AppContext): Promise<Delivery | Response> {
  const namespace = c.req.param("ns") ?? "";
  const repository = c.req.param("repo") ?? "";
  if (dnsLabelProblem(namespace) !== undefined || dnsSubdomainProblem(repository) !== undefined) return unknown(c);
  c.set("namespace", namespace);
  const body = await readCapped(c.req.raw, MAX_DELIVERY_BYTES);
  if (!body) return json({ message: `the body is over ${MAX_DELIVERY_BYTES} bytes` }, 413);
  const headers: Record<string, string> = {};
  c.req.raw.headers.forEach((value, name) => {
    headers[name.toLowerCase()] = value;
  });
  return { headers, body, traceparent: formatTraceparent(c.get("trace")) };
}

function unknown(c: AppContext): Response {
  return c.json(UNKNOWN, 404);
}

function json(body: unknown, status: number, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}
