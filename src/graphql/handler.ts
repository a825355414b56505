/** `/graphql`: POST, GET, subscriptions as server-sent events, and the upgrade to graphql-transport-ws. */
import type { GraphQLError } from "graphql";
import { authenticate } from "../auth/authenticate.ts";
import { requireConfig } from "../config.ts";
import { readCapped } from "../http/body.ts";
import { type AppContext, identify } from "../http/context.ts";
import { isUpgrade } from "../watch/refuse.ts";
import type { GraphContext } from "./context.ts";
import { badInput, failure, httpOf, tidiedResult } from "./errors.ts";
import { MAX_BODY_BYTES } from "./limits.ts";
import { schemaText } from "./schema/index.ts";
import { passedOn } from "./transport/events.ts";
import { serveSocket } from "./transport/socket.ts";
import { yoga } from "./yoga.ts";

/** Answers of HTTP itself, not of GraphQL: another method, another media type. */
const ABOUT_HTTP: ReadonlySet<number> = new Set([405, 406, 415]);

export async function handleGraphql(c: AppContext): Promise<Response> {
  const request = c.req.raw;
  const requestId = c.get("requestId");
  if (isUpgrade(request)) return serveSocket(c);
  if (isPage(c)) return await yoga().fetch(request, { env: c.env } as GraphContext);
  const verified = await authenticate(request, c.env, Date.now());
  c.set("verified", verified);
  if (!verified.ok) return unauthenticated(verified.reason, requestId);
  const graph: GraphContext = {
    c,
    env: c.env,
    identity: verified.identity,
    requestId,
    cache: new Map(),
    outcome: { status: 200 },
  };
  const asked = await readable(request);
  if (!asked.ok) return answer({ errors: [asked.error] }, graph);
  const response = await yoga().fetch(asked.request, graph);
  if (ABOUT_HTTP.has(response.status)) return response;
  const { status, retryAfterSeconds } = graph.outcome ?? { status: 200 };
  const headers = new Headers(response.headers);
  headers.set("cache-control", "no-store");
  if (retryAfterSeconds !== undefined) headers.set("retry-after", String(retryAfterSeconds));
  const isStream = headers.get("content-type")?.includes("text/event-stream");
  if (!graph.outcome?.known && !isStream) return answer(await withoutOperation(response), graph);
  const body = isStream && response.body ? passedOn(response.body) : response.body;
  return new Response(body, { status, headers });
}

/** GraphiQL, which needs no token to be looked at. */
function isPage(c: AppContext): boolean {
  const html = c.req.method === "GET" && (c.req.header("accept") ?? "").includes("text/html");
  return html && requireConfig(c.env).GRAPHQL_INTROSPECTION;
}

/** A body that is over the limit, or no JSON where it says it is, is told in words that every client shows. */
async function readable(
  request: Request,
): Promise<{ ok: true; request: Request } | { ok: false; error: ReturnType<typeof badInput> }> {
  if (request.method !== "POST") return { ok: true, request };
  const body = await readCapped(request, MAX_BODY_BYTES);
  if (!body) return { ok: false, error: badInput(`the body is over ${MAX_BODY_BYTES} bytes: nothing of it was read`) };
  const type = request.headers.get("content-type") ?? "";
  if (type.includes("json")) {
    try {
      JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    } catch (error) {
      const why = error instanceof Error ? error.message : "malformed";
      return { ok: false, error: badInput(`the body is not JSON: ${why}`) };
    }
  }
  return {
    ok: true,
    request: new Request(request.url, {
      method: "POST",
      headers: request.headers,
      body: body as Uint8Array<ArrayBuffer>,
    }),
  };
}

/** What yoga says where there was no operation to execute: a request without a query, or a fault of its own. */
async function withoutOperation(response: Response): Promise<{ errors: GraphQLError[] }> {
  const text = await response.text();
  if (response.status >= 500) throw new Error(`graphql-yoga failed outside of an operation: ${text}`);
  const { errors = [] } = JSON.parse(text) as { errors?: { message: string }[] };
  return { errors: errors.map(({ message }) => badInput(message)) };
}

function answer(result: Parameters<typeof tidiedResult>[0], graph: GraphContext): Response {
  const tidy = tidiedResult(result, graph);
  const { status } = httpOf(tidy.errors);
  return Response.json(tidy, { status, headers: { "cache-control": "no-store" } });
}

function unauthenticated(reason: string, requestId: string): Response {
  const result = tidiedResult({ errors: [failure("UNAUTHENTICATED", `Unauthorized: ${reason}`)] }, { requestId });
  return Response.json(result, { status: 401, headers: { "www-authenticate": 'Bearer realm="gitstore-edge"' } });
}

/** `GET /graphql/schema.graphql`: for whoever has a token, as the other documents about the API. */
export async function handleSchema(c: AppContext): Promise<Response> {
  await identify(c);
  return new Response(schemaText, { headers: { "content-type": "application/graphql; charset=utf-8" } });
}
