/** What a token may do. Nothing is allowed by default: a request needs one grant that covers all of it. */
import * as z from "zod/mini";

export const VERBS = ["get", "list", "watch", "update", "create", "delete", "promote", "admin"] as const;
export type Verb = (typeof VERBS)[number];

/** The namespace that requests outside every namespace ask for: only a grant for `*` covers it. */
export const ALL_NAMESPACES = "*";

export interface Grant {
  /** Namespaces, or `*`. */
  namespaces: string[];
  /** Plurals (`products`), subresources (`products/status`), special resources, or `*`. */
  resources: string[];
  verbs: (Verb | "*")[];
  /** Only these objects. A request without a name (a list without `metadata.name`) is then not covered. */
  names?: string[];
}

export interface Access {
  namespace: string;
  resource: string;
  verb: Verb;
  name?: string | undefined;
}

/**
 * Resources that are no kind of the namespace. `*` means every kind and its status, and leaves these out, so that
 * "read everything" does not show rejected files to a storefront developer; a grant with verb `admin` covers them.
 */
export const SPECIAL_RESOURCES: ReadonlySet<string> = new Set([
  "storefront",
  "releases/promote",
  "repositories/sync",
  "rejected",
  "gitevents",
  "watchers",
  "controllers",
  "controllers/requeue",
  "metrics",
  "revocations",
]);

const name = z.string().check(z.minLength(1), z.maxLength(253));
export const grantSchema = z.object({
  namespaces: z.array(name),
  resources: z.array(name),
  verbs: z.array(z.enum([...VERBS, "*"])),
  names: z.optional(z.array(name)),
});
export const grantsSchema = z.array(grantSchema).check(z.maxLength(256));

/** Reads a claim. Undefined where it is malformed: then nothing of it is believed. */
export function parseGrants(claim: unknown): Grant[] | undefined {
  const result = grantsSchema.safeParse(typeof claim === "string" ? parseJson(claim) : claim);
  if (!result.success) return undefined;
  return result.data.map(({ names, ...rest }) => (names ? { ...rest, names } : rest));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether one of the grants covers the access. */
export function allows(identity: { grants: readonly Grant[] }, access: Access): boolean {
  return identity.grants.some((grant) => covers(grant, access));
}

/**
 * Whether one of the grants is about the resource, or about any kind at all, in a namespace (undefined: in some one),
 * whatever its verbs and names: decides what a caller is shown, never what it may do.
 */
export function reaches(
  identity: { grants: readonly Grant[] },
  namespace: string | undefined,
  resource?: string,
): boolean {
  return identity.grants.some((grant) => {
    if (grant.verbs.length === 0 || grant.namespaces.length === 0) return false;
    if (namespace !== undefined && !["*", namespace].some((name) => grant.namespaces.includes(name))) return false;
    if (resource !== undefined) return coversResource(grant, resource);
    return grant.resources.some((one) => !SPECIAL_RESOURCES.has(one) || one === "gitevents");
  });
}

/** Namespaces in which the identity may do something at all; `*` where that is all of them. */
export function namespacesOf(identity: { grants: readonly Grant[] }): Set<string> {
  return new Set(identity.grants.flatMap((grant) => grant.namespaces));
}

function covers(grant: Grant, access: Access): boolean {
  if (!grant.namespaces.includes("*") && !grant.namespaces.includes(access.namespace)) return false;
  if (!coversResource(grant, access.resource)) return false;
  if (!grant.verbs.some((verb) => verb === access.verb || verb === "*" || verb === "admin")) return false;
  return grant.names === undefined || (access.name !== undefined && grant.names.includes(access.name));
}

function coversResource(grant: Grant, resource: string): boolean {
  if (grant.resources.includes(resource)) return true;
  if (resource.endsWith("/status") && grant.resources.includes("*/status")) return true;
  if (!grant.resources.includes("*")) return false;
  return !SPECIAL_RESOURCES.has(resource) || grant.verbs.includes("admin");
}
