/** The HTTP face: every route there is, by audience, and what is the same for all of them. */
import { Hono } from "hono";
import { configOf } from "../config.ts";
import { asyncApi } from "../git/taxonomy.ts";
import { handleGraphql, handleSchema } from "../graphql/handler.ts";
import { log } from "../telemetry/log.ts";
import { continueTrace, formatTraceparent } from "../telemetry/trace.ts";
import { handleReview, REVIEWS } from "./access.ts";
import { createRevocation, deleteRevocation, listRevocations } from "./admin.ts";
import { type AppContext, type AppEnv, identify } from "./context.ts";
import { drain } from "./drain.ts";
import { handleEvents } from "./events.ts";
import { handleHealth, handleMetrics, handleReady, handleVersion, requests } from "./health.ts";
import { handleKube } from "./kube.ts";
import { handleMultiKindWatch } from "./multi-watch.ts";
import { openApi } from "./openapi/document.ts";
import { handleOpenApiDocument, handleOpenApiIndex } from "./openapi/v3.ts";
import { handleRejected } from "./rejected.ts";
import { noSuchPath, StatusError, statusOfThrown, unavailable } from "./status.ts";
import { VERSION } from "./version.ts";
import { refuseWatch } from "./watch.ts";
import { deleteWatcher, listWatchers } from "./watchers.ts";
import { handlePreReceive, handleWebhook } from "./webhooks.ts";

const REVIEW_GROUPS = `:group{${Object.keys(REVIEWS).join("|")}}`;

/** kubectl that is told of an object "not found" asks for its core v1 namespace, and shows that answer where it is 404. */
const CORE_NAMESPACE = /^(?:\/clusters\/[^/]+)?\/api\/v1\/namespaces\/[^/]+$/;
const NO_CORE =
  "not found: neither what was asked for, nor a core v1 namespace, for which kubectl asks then; " +
  "there is no core group here";

export function createApp(): Hono<AppEnv> {
  const app = new Hono<AppEnv>();

  app.use(async (c, next) => {
    const startedAt = Date.now();
    c.set("requestId", requestIdOf(c.req.header("x-request-id")));
    c.set("trace", continueTrace(c.req.header("traceparent")));
    await next();
    finish(c, startedAt);
  });

  app.get("/healthz", handleHealth);
  app.get("/version", handleVersion);
  app.get("/readyz", handleReady);

  app.use(requireConfiguration);
  app.get("/metrics", handleMetrics);
  app.get("/openapi.json", async (c) => {
    await identify(c);
    return c.json(openApi());
  });
  app.get("/asyncapi.json", async (c) => {
    await identify(c);
    return c.json(asyncApi(VERSION));
  });

  app.get("/openapi/v3", handleOpenApiIndex);
  app.get("/openapi/v3/apis/:group/:version", handleOpenApiDocument);

  app.post("/webhooks/:ns/:repo", handleWebhook);
  app.post("/hooks/:ns/:repo/pre-receive", handlePreReceive);

  app.all("/graphql", handleGraphql);
  app.get("/graphql/schema.graphql", handleSchema);

  app.get("/events/:ns", handleEvents);
  app.get("/rejected/:ns", handleRejected);
  app.get("/watchers/:ns", listWatchers);
  app.delete("/watchers/:ns/:name", deleteWatcher);
  app.get("/watch/v1/namespaces/:ns", handleMultiKindWatch);
  app.all(`/apis/${REVIEW_GROUPS}/v1/:reviews`, handleReview);
  app.all("/apis", handleKube);
  app.all("/apis/*", handleKube);

  app.get("/clusters/:cluster/version", handleVersion);
  app.get("/clusters/:cluster/openapi/v3", handleOpenApiIndex);
  app.get("/clusters/:cluster/openapi/v3/apis/:group/:version", handleOpenApiDocument);
  app.get("/clusters/:cluster/watch/v1/namespaces/:ns", handleMultiKindWatch);
  app.all(`/clusters/:cluster/apis/${REVIEW_GROUPS}/v1/:reviews`, handleReview);
  app.all("/clusters/:cluster/apis", handleKube);
  app.all("/clusters/:cluster/apis/*", handleKube);

  app.post("/admin/drain", drain);
  app.post("/admin/drain/:ns", drain);
  app.get("/admin/revocations", listRevocations);
  app.post("/admin/revocations", createRevocation);
  app.delete("/admin/revocations/:kind/:value", deleteRevocation);

  app.notFound(async (c) => {
    // Nothing is told about paths either before it is known who asks.
    await identify(c);
    throw new StatusError({ ...noSuchPath(), ...(CORE_NAMESPACE.test(c.req.path) ? { message: NO_CORE } : {}) });
  });
  app.onError((error, c) => {
    const status = statusOfThrown(error, c.get("requestId"));
    if (!(error instanceof StatusError)) {
      log("error", "a request failed", {
        ...whereabouts(c),
        error,
        stack: error instanceof Error ? error.stack : undefined,
      });
    }
    return refuseWatch(c.req.raw, status);
  });
  return app;
}

/** What the caller sent, where it is one; so that its log and ours are found by the same word. */
function requestIdOf(given: string | undefined): string {
  return given !== undefined && /^[A-Za-z0-9._:-]{8,128}$/.test(given) ? given : crypto.randomUUID();
}

/** A server that is configured wrongly answers nothing but what says so. */
async function requireConfiguration(c: AppContext, next: () => Promise<void>): Promise<void> {
  const config = configOf(c.env);
  if (!config.ok) {
    log("error", "the configuration is wrong", { problems: config.problems });
    const message = "the server is not configured: its log, and its own start, name what is wrong";
    throw new StatusError(unavailable(message, 30));
  }
  await next();
}

function whereabouts(c: AppContext): Record<string, unknown> {
  return {
    requestId: c.get("requestId"),
    traceparent: formatTraceparent(c.get("trace")),
    method: c.req.method,
    path: new URL(c.req.url).pathname,
    ...(c.get("namespace") === undefined ? {} : { namespace: c.get("namespace") }),
  };
}

function finish(c: AppContext, startedAt: number): void {
  const { status } = c.res;
  // The answer to an upgrade comes from a ledger, with headers that cannot be added to.
  if (status === 101) c.res = withHeader(c.res, "x-request-id", c.get("requestId"));
  else c.res.headers.set("x-request-id", c.get("requestId"));
  requests.count({ audience: audienceOf(new URL(c.req.url).pathname), code: String(status) });
  const verified = c.get("verified");
  log(status >= 500 ? "error" : "info", "request", {
    ...whereabouts(c),
    status,
    ms: Date.now() - startedAt,
    ...(verified?.ok ? { sub: verified.identity.sub } : {}),
  });
}

function withHeader({ status, headers, webSocket }: Response, name: string, value: string): Response {
  const copied = new Headers(headers);
  copied.set(name, value);
  return new Response(null, { status, headers: copied, webSocket });
}

const AUDIENCES = new Set([
  "apis",
  "graphql",
  "openapi",
  "clusters",
  "watch",
  "events",
  "webhooks",
  "hooks",
  "admin",
  "healthz",
  "readyz",
  "version",
  "metrics",
]);

function audienceOf(pathname: string): string {
  const first = pathname.split("/")[1] ?? "";
  return AUDIENCES.has(first) ? first : "other";
}
