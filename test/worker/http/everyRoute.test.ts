import { beforeAll, describe, expect, it } from "vitest";
import { VERBS } from "../../../src/auth/grants.ts";
import { ledgerOf } from "../../../src/config.ts";
import { createApp } from "../../../src/http/app.ts";
import type { KindDef } from "../../../src/resource/kind.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";
import { type Ask, type Asked, ask, NAMESPACES_PATH, newNamespace, tokenFor } from "../support/http.ts";
import { addRepository, bindings } from "../support/ledger.ts";
import { recording } from "../support/recording.ts";

/** A request about a namespace. */
interface Case {
  path: string;
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
}
type CasesOf = (ns: string) => Case[];

/** Who is let in by a token for another namespace, or by none, and why that tells nothing. */
type Open = "anyone" | "signed" | "any token";

const MERGE = { "content-type": "application/merge-patch+json" };
const gets =
  (path: (ns: string) => string): CasesOf =>
  (ns) => [{ path: path(ns) }];

const WIDGET = { group: "acme.example", version: "v1", plural: "widgets", kind: "Widget" };
type Named = Pick<KindDef, "group" | "version" | "plural" | "kind">;

/** Everything that can be asked of a kind in a namespace. */
function ofKind(root: string, { group, version, plural, kind }: Named, base: string): Case[] {
  const collection = `${root}/apis/${group}/${version}${base}/${plural}`;
  const one = `${collection}/shirt`;
  const body = { apiVersion: `${group}/${version}`, kind, metadata: { name: "shirt", resourceVersion: "1" }, spec: {} };
  const writes = (path: string): Case[] => [
    { path, method: "PUT", body },
    { path, method: "PATCH", body, headers: MERGE },
  ];
  return [
    { path: collection },
    { path: collection, method: "HEAD" },
    { path: `${collection}?limit=1&resourceVersion=1` },
    { path: `${collection}?watch=true&resourceVersion=1` },
    { path: `${collection}?view=rejected` },
    { path: `${collection}?fieldSelector=metadata.name=shirt` },
    { path: collection, headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } },
    { path: collection, method: "POST", body },
    { path: collection, method: "DELETE" },
    { path: one },
    { path: `${one}?watch=true` },
    { path: one, method: "DELETE" },
    ...writes(one),
    { path: `${one}/status` },
    ...writes(`${one}/status`),
  ];
}

const NAMESPACED = coreRegistry.all().filter(({ scope }) => scope === "Namespaced");

function kube(root: string, ns: string): Case[] {
  const repository = `${root}/apis/gitstore.dev/v1beta1/namespaces/${ns}/repositories/catalog`;
  const namespace = `${root}${NAMESPACES_PATH}/${ns}`;
  return [
    ...[...NAMESPACED, WIDGET].flatMap((kind) => ofKind(root, kind, `/namespaces/${ns}`)),
    // Across namespaces, narrowed to one.
    ...NAMESPACED.map(({ group, version, plural }) => ({
      path: `/apis/${group}/${version}/${plural}?fieldSelector=metadata.namespace=${ns}`,
    })),
    { path: repository },
    { path: `${repository}/sync`, method: "POST", body: {} },
    { path: `${repository}/syncs/1` },
    { path: `${repository}/rotate-secret`, method: "POST", body: {} },
    { path: `${repository}/webhook` },
    { path: namespace },
    { path: `${namespace}/status` },
    { path: `${namespace}?watch=true` },
    { path: `${root}${NAMESPACES_PATH}?fieldSelector=metadata.name=${ns}` },
    { path: namespace, method: "PUT", body: { metadata: { name: ns }, spec: {} } },
    { path: namespace, method: "PATCH", body: { spec: {} }, headers: MERGE },
    { path: `${namespace}/status`, method: "PATCH", body: { status: {} }, headers: MERGE },
    { path: namespace, method: "DELETE" },
    { path: `${root}${NAMESPACES_PATH}`, method: "POST", body: { metadata: { name: ns }, spec: {} } },
  ];
}

/** Every route of the application, by its method and path, with all that can be asked there of a namespace. */
const ROUTES: Record<string, CasesOf | Open> = {
  "GET /healthz": "anyone",
  "GET /readyz": "anyone",
  "GET /version": "anyone",
  "GET /clusters/:cluster/version": "anyone",

  // The repository's own secret is asked for, not a token: test/worker/http/webhooks.test.ts.
  "POST /webhooks/:ns/:repo": "signed",
  "POST /hooks/:ns/:repo/pre-receive": "signed",

  // About the program, or about the caller itself, and the same whatever namespaces there are.
  "GET /openapi.json": "any token",
  "GET /asyncapi.json": "any token",
  "GET /graphql/schema.graphql": "any token",
  "GET /openapi/v3": "any token",
  "GET /openapi/v3/apis/:group/:version": "any token",
  // Every field of it is asked in test/worker/graphql/access.test.ts.
  "ALL /graphql": "any token",

  "GET /metrics": (ns) => [{ path: "/metrics" }, { path: `/metrics?namespace=${ns}` }],
  "GET /admin/revocations": gets(() => "/admin/revocations"),
  "POST /admin/revocations": () => [{ path: "/admin/revocations", method: "POST", body: { sub: "user:x" } }],
  "DELETE /admin/revocations/:kind/:value": () => [{ path: "/admin/revocations/sub/user:x", method: "DELETE" }],
  "POST /admin/drain": () => [{ path: "/admin/drain", method: "POST", body: {} }],
  "POST /admin/drain/:ns": (ns) => [{ path: `/admin/drain/${ns}`, method: "POST", body: {} }],

  "GET /events/:ns": gets((ns) => `/events/${ns}?after=0`),
  "GET /rejected/:ns": gets((ns) => `/rejected/${ns}`),
  "GET /watchers/:ns": gets((ns) => `/watchers/${ns}`),
  "DELETE /watchers/:ns/:name": (ns) => [{ path: `/watchers/${ns}/inventory`, method: "DELETE" }],
  "GET /watch/v1/namespaces/:ns": gets((ns) => `/watch/v1/namespaces/${ns}?kind=Product`),
  "GET /clusters/:cluster/watch/v1/namespaces/:ns": gets(
    (ns) => `/clusters/${ns}/watch/v1/namespaces/${ns}?kind=Product`,
  ),

  "GET /clusters/:cluster/openapi/v3": gets((ns) => `/clusters/${ns}/openapi/v3`),
  "GET /clusters/:cluster/openapi/v3/apis/:group/:version": gets(
    (ns) => `/clusters/${ns}/openapi/v3/apis/${WIDGET.group}/${WIDGET.version}`,
  ),
  "ALL /clusters/:cluster/apis": gets((ns) => `/clusters/${ns}/apis`),
  "ALL /clusters/:cluster/apis/*": (ns) => [
    ...kube(`/clusters/${ns}`, ns),
    { path: `/clusters/${ns}/apis/gitstore.dev` },
    { path: `/clusters/${ns}/apis/${WIDGET.group}/${WIDGET.version}` },
    ...coreRegistry.all().map(({ group, version, plural }) => ({
      path: `/clusters/${ns}/apis/${group}/${version}/${plural}`,
    })),
  ],
  "ALL /apis": "any token",
  "ALL /apis/*": (ns) => kube("", ns),
};

/** Routes about the caller itself: answered, and about another namespace the answer is no. */
const REVIEWS = createApp()
  .routes.map(({ method, path }) => `${method} ${path}`)
  .filter((route) => route.endsWith("/v1/:reviews"));

let ours: string;
let theirs: string;
/** As long as the other, so that not even a length differs. */
let nowhere: string;
let tokens: { named: string; token: string }[];

beforeAll(async () => {
  const admin = await tokenFor({ role: "admin" });
  ours = await newNamespace(admin, "ours");
  theirs = await newNamespace(admin, "theirs");
  nowhere = theirs.replace("theirs", "nobody");
  await addRepository(ledgerOf(bindings, theirs), "catalog");
  const all = { namespaces: [ours], resources: ["*"], verbs: [...VERBS] };
  tokens = [
    { named: "everything", token: await tokenFor({ grants: [all] }) },
    { named: "operator", token: await tokenFor({ role: "operator", namespaces: [ours] }) },
    { named: "reader", token: await tokenFor({ role: "reader", namespaces: [ours] }) },
    { named: "nothing", token: await tokenFor({ grants: [] }) },
  ];
});

const cases = (ns: string): Case[] => Object.values(ROUTES).flatMap((of) => (typeof of === "string" ? [] : of(ns)));

interface Answered extends Pick<Asked, "status" | "text"> {
  headers: string[];
  addressed: string[];
}

/** What the caller can see of an answer, but for what differs in every answer. */
async function answerTo(token: string | undefined, { path, ...rest }: Case): Promise<Answered> {
  const { env, addressed } = recording();
  const { status, text, headers } = await ask(token, path, { ...rest, env } as Ask);
  const shown = [...headers].filter(([name]) => !["x-request-id", "traceparent", "date"].includes(name));
  return { status, text, headers: shown.map(([name, value]) => `${name}: ${value}`).sort(), addressed };
}

const called = (name: string, { headers, text, ...rest }: Answered): Answered => ({
  ...rest,
  headers: headers.map((line) => line.replaceAll(name, "NS")),
  text: text.replaceAll(name, "NS"),
});

describe("the tests of access", () => {
  it("have a case for every route", () => {
    const routes = createApp()
      .routes.map(({ method, path }) => `${method} ${path}`)
      // What is used for all of them.
      .filter((route) => route !== "ALL /*");
    expect([...Object.keys(ROUTES), ...REVIEWS].sort()).toEqual([...new Set(routes)].sort());
    expect(REVIEWS).toHaveLength(2);
  });
});

describe("without a token, or with one that is none", () => {
  it.each([undefined, "nonsense", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyOngifQ."])(
    "every route is 401 before any object is addressed, whether the namespace exists or not: %s",
    async (token) => {
      const all = cases(theirs);
      const none = cases(nowhere);
      for (const [index, one] of all.entries()) {
        const real = await answerTo(token, one);
        const label = `${one.method ?? "GET"} ${one.path}`;
        expect([real.status, real.addressed], label).toEqual([401, []]);
        const unreal = await answerTo(token, none[index] as Case);
        expect(called(nowhere, unreal), label).toEqual(called(theirs, real));
      }
    },
  );

  it.each(Object.keys(ROUTES).filter((route) => ROUTES[route] === "any token"))("%s is 401", async (route) => {
    const path = (route.split(" ")[1] ?? "").replace(":group/:version", "gitstore.dev/v1beta1");
    for (const method of route.startsWith("ALL") ? ["GET", "POST", "DELETE"] : ["GET"]) {
      const { status, addressed } = await answerTo(undefined, { path, method });
      expect([status, addressed]).toEqual([401, []]);
    }
  });
});

describe("with a token for another namespace", () => {
  it.each(["everything", "operator", "reader", "nothing"])(
    "every route is 403 before any object is addressed, in the same words as for a namespace that does not exist: %s",
    async (named) => {
      const token = tokens.find((one) => one.named === named)?.token;
      const none = cases(nowhere);
      for (const [index, one] of cases(theirs).entries()) {
        const real = await answerTo(token, one);
        const label = `${one.method ?? "GET"} ${one.path}`;
        expect([real.status, real.addressed], `${label}: ${real.text}`).toEqual([403, []]);
        const unreal = await answerTo(token, none[index] as Case);
        expect(called(nowhere, unreal), label).toEqual(called(theirs, real));
      }
    },
  );

  it("a review says no, without asking any object, whether the namespace exists or not", async () => {
    for (const { token } of tokens) {
      for (const root of ["", `/clusters/${theirs}`]) {
        const review = (plural: string, spec: object) =>
          answerTo(token, {
            path: `${root}/apis/authorization.k8s.io/v1/${plural}`,
            method: "POST",
            body: { spec },
          });
        for (const namespace of [theirs, nowhere]) {
          const resourceAttributes = { namespace, verb: "get", group: "catalog.gitstore.dev", resource: "products" };
          const access = await review("selfsubjectaccessreviews", { resourceAttributes });
          expect([access.status, access.addressed]).toEqual([201, []]);
          expect(JSON.parse(access.text).status).toMatchObject({ allowed: false });
          const rules = await review("selfsubjectrulesreviews", { namespace });
          expect([rules.status, rules.addressed]).toEqual([201, []]);
          const { resourceRules } = JSON.parse(rules.text).status;
          expect(resourceRules.flatMap(({ apiGroups }: { apiGroups: string[] }) => apiGroups)).toEqual([
            "authorization.k8s.io",
            "authentication.k8s.io",
          ]);
        }
      }
    }
  });

  it("what any token may ask names no other namespace", async () => {
    for (const route of Object.keys(ROUTES).filter((one) => ROUTES[one] === "any token" && one !== "ALL /graphql")) {
      const path = (route.split(" ")[1] ?? "").replace(":group/:version", "gitstore.dev/v1beta1");
      const answers = await Promise.all(tokens.map(({ token }) => answerTo(token, { path })));
      for (const { status, text } of answers) {
        expect(status, path).toBeLessThan(405);
        expect(text, path).not.toContain(theirs);
      }
    }
  });
});

describe("what anyone may ask", () => {
  it.each(["/healthz", "/readyz", "/version", "/clusters/NS/version"])("%s names no namespace", async (path) => {
    const real = await answerTo(undefined, { path: path.replace("NS", theirs) });
    expect([real.status, real.addressed]).toEqual([200, []]);
    expect(called(nowhere, await answerTo(undefined, { path: path.replace("NS", nowhere) }))).toEqual(real);
    expect(real.text).not.toContain(theirs);
  });
});
