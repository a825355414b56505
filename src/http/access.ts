/** Reviews that a caller asks about itself: what it may do, from its grants, and who it is. */
import * as z from "zod/mini";
import { ALL_NAMESPACES, allows, type Grant, VERBS, type Verb } from "../auth/grants.ts";
import type { Identity } from "../auth/identity.ts";
import { isObject } from "../resource/json.ts";
import { coreRegistry } from "../resource/registry.ts";
import { readObject } from "./body.ts";
import { type AppContext, identify } from "./context.ts";
import { requireJson } from "./negotiate.ts";
import { badRequest, invalid, methodNotAllowed, noSuchPath, StatusError } from "./status.ts";

const GROUP = "authorization.k8s.io";
export const ACCESS_REVIEWS = ["SelfSubjectAccessReview", "SelfSubjectRulesReview"] as const;
/** By group; all are v1. */
export const REVIEWS = { [GROUP]: ACCESS_REVIEWS, "authentication.k8s.io": ["SelfSubjectReview"] } as const;

const text = z._default(z.nullish(z.string()), "");
const accessSpec = z.object({
  resourceAttributes: z.optional(
    z.object({
      namespace: text,
      verb: text,
      group: text,
      version: text,
      resource: text,
      subresource: text,
      name: text,
    }),
  ),
  nonResourceAttributes: z.optional(z.object({ path: text, verb: text })),
});
const rulesSpec = z.object({ namespace: text });

/** Paths outside every namespace that anyone with a token may read. */
const OPEN_PATHS = ["/api*", "/apis*", "/clusters/*", "/healthz", "/openapi*", "/readyz", "/version"];

export async function handleReview(c: AppContext): Promise<Response> {
  const identity = await identify(c);
  const found = reviewOf(c.req.param("group"), c.req.param("reviews"));
  if (found === undefined) throw new StatusError(noSuchPath());
  const { group, kind, plural } = found;
  if (c.req.method !== "POST") {
    const message = `a ${kind} is asked by POST, and kept nowhere: ${c.req.method} is not supported on ${plural}`;
    throw new StatusError(methodNotAllowed({ group, plural }, message));
  }
  requireJson(c.req.raw);
  const body = await readObject(c.req.raw);
  if (!isObject(body)) throw new StatusError(badRequest(`the body of the request must be a ${kind}`));
  const status = statusOf(kind, identity, body.spec, c.req.param("cluster"));
  const spec = body.spec === undefined ? {} : { spec: body.spec };
  return c.json({ kind, apiVersion: `${group}/v1`, metadata: {}, ...spec, status }, 201);
}

type ReviewKind = (typeof REVIEWS)[keyof typeof REVIEWS][number];

function reviewOf(group = "", plural = "") {
  for (const [name, kinds] of Object.entries(REVIEWS)) {
    const kind = kinds.find((one: ReviewKind) => `${one.toLowerCase()}s` === plural);
    if (name === group && kind !== undefined) return { group, kind, plural };
  }
  return undefined;
}

function statusOf(kind: ReviewKind, identity: Identity, spec: unknown, cluster: string | undefined): object {
  switch (kind) {
    case "SelfSubjectAccessReview":
      return accessOf(identity, parseSpec(accessSpec, spec, kind), cluster);
    case "SelfSubjectRulesReview":
      return rulesOf(identity, parseSpec(rulesSpec, spec, kind).namespace || cluster);
    case "SelfSubjectReview":
      return { userInfo: { username: identity.sub } };
  }
}

function parseSpec<T>(schema: z.ZodMiniType<T>, spec: unknown, kind: string): T {
  const parsed = schema.safeParse(spec ?? {});
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({
    field: ["spec", ...path].join("."),
    reason: "Invalid" as const,
    message,
  }));
  throw new StatusError(invalid({ group: GROUP, plural: `${kind.toLowerCase()}s`, kind }, "", errors));
}

function accessOf(identity: Identity, spec: z.infer<typeof accessSpec>, cluster: string | undefined) {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  if ((resource === undefined) === (path === undefined)) {
    const message = "exactly one of resourceAttributes and nonResourceAttributes must be specified";
    throw new StatusError(
      invalid({ group: GROUP, plural: "selfsubjectaccessreviews", kind: ACCESS_REVIEWS[0] }, "", [
        { field: "spec", reason: "Invalid", message },
      ]),
    );
  }
  if (path !== undefined) {
    const open = OPEN_PATHS.some((one) =>
      one.endsWith("*") ? path.path?.startsWith(one.slice(0, -1)) : path.path === one,
    );
    return answer(open && path.verb === "get", "a path for everyone with a token");
  }
  if (resource?.verb === "create" && reviewOf(resource.group ?? "", resource.resource ?? "") !== undefined)
    return answer(true, "a review for everyone with a token");
  return answer(resource !== undefined && mayDo(identity, resource, cluster), "by the token's grants");
}

function answer(allowed: boolean, why: string) {
  return allowed ? { allowed, reason: why } : { allowed };
}

type Attributes = NonNullable<z.infer<typeof accessSpec>["resourceAttributes"]>;

function mayDo(identity: Identity, asked: Attributes, cluster: string | undefined): boolean {
  const given = asked.namespace || undefined;
  // Under /clusters/{ns} there is one namespace, and all namespaces are that one.
  if (cluster !== undefined && given !== undefined && given !== cluster) return false;
  const resource = asked.subresource ? `${asked.resource}/${asked.subresource}` : (asked.resource ?? "");
  const verbs = verbsOf(asked.verb ?? "");
  const name = asked.name || undefined;
  // Namespaces are judged as lying in themselves, as where they are read.
  const isNamespace = isClusterScoped(asked.group ?? "", asked.resource ?? "");
  const namespace = (isNamespace ? name : given) ?? cluster ?? ALL_NAMESPACES;
  return verbs.length > 0 && verbs.every((verb) => allows(identity, { namespace, resource, verb, name }));
}

function isClusterScoped(group: string, plural: string): boolean {
  return coreRegistry.all().some((kind) => kind.scope === "Cluster" && kind.plural === plural && kind.group === group);
}

/** A patch is an update here; `*` asks for every verb. Of what is no verb here nothing is allowed. */
function verbsOf(verb: string): Verb[] {
  if (verb === "*") return [...VERBS];
  const known = VERBS.find((one) => one === (verb === "patch" ? "update" : verb));
  return known === undefined ? [] : [known];
}

/** The grants of a namespace (all of them where none is named) as rules of RBAC, for `kubectl auth can-i --list`. */
function rulesOf(identity: Identity, namespace: string | undefined) {
  const inForce = identity.grants.filter(
    ({ namespaces }) => namespace === undefined || namespaces.includes("*") || namespaces.includes(namespace),
  );
  return {
    resourceRules: [
      ...inForce.map(ruleOf),
      ...Object.entries(REVIEWS).map(([group, kinds]) => ({
        verbs: ["create"],
        apiGroups: [group],
        resources: kinds.map((kind) => `${kind.toLowerCase()}s`),
      })),
    ],
    nonResourceRules: [{ verbs: ["get"], nonResourceURLs: OPEN_PATHS }],
    incomplete: false,
  };
}

function ruleOf({ resources, verbs, names }: Grant) {
  const all = verbs.includes("*") || verbs.includes("admin");
  const listed = verbs.flatMap((verb) => (verb === "update" ? ["update", "patch"] : [verb]));
  return {
    verbs: all ? ["*"] : listed,
    apiGroups: ["*"],
    resources,
    ...(names === undefined ? {} : { resourceNames: names }),
  };
}
