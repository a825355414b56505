/** Who may do what, judged from the token and the request alone: no ledger has been asked yet. */
import { ALL_NAMESPACES, allows, type Verb } from "../auth/grants.ts";
import type { Identity } from "../auth/identity.ts";
import { forbidden, type KindName } from "../http/status.ts";
import type { KindDef } from "../resource/kind.ts";
import { failure } from "./errors.ts";

export interface Access {
  verb: Verb;
  /** Absent: outside every namespace. */
  namespace?: string | undefined;
  name?: string | undefined;
  subresource?: string | undefined;
}

type Asked = Access & { kind: KindName };

export function isAllowed(identity: Identity, { kind, verb, namespace, name, subresource }: Asked): boolean {
  const resource = subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`;
  return allows(identity, { namespace: namespace ?? ALL_NAMESPACES, resource, verb, name });
}

/** FORBIDDEN, with the same words for a namespace that does not exist. */
export function forbid(identity: Identity, { kind, ...access }: Asked): Error {
  return failure("FORBIDDEN", forbidden(kind, { ...access, sub: identity.sub }).message ?? "forbidden");
}

export function permitNamed(identity: Identity, asked: Asked): void {
  if (!isAllowed(identity, asked)) throw forbid(identity, asked);
}

/** Throws FORBIDDEN. A Namespace is judged as lying in itself. */
export function permit(identity: Identity, kind: KindDef, access: Access): void {
  const { group, plural } = kind;
  const namespace = access.namespace ?? (plural === "namespaces" && group === "gitstore.dev" ? access.name : undefined);
  permitNamed(identity, { ...access, namespace, kind: { group, plural, kind: kind.kind } });
}

/** Whether some object could be meant: for look-ups by uid, where the name is known only afterwards. */
export function mayTouch(identity: Identity, plural: string, namespace: string, verb: Verb): boolean {
  const names = [undefined, ...identity.grants.flatMap((grant) => grant.names ?? [])];
  return names.some((name) => allows(identity, { namespace, resource: plural, verb, name }));
}

/** Whether the token has this verb on anything at all in a namespace. */
export function canAnything(identity: Identity, namespace: string, verb: Verb): boolean {
  return identity.grants.some(
    (grant) =>
      (grant.namespaces.includes("*") || grant.namespaces.includes(namespace)) &&
      grant.verbs.some((granted) => granted === verb || granted === "*" || granted === "admin"),
  );
}

/** Namespaces, and names of Namespaces, that the grants spell out; whether they exist is not known yet. */
export function namedNamespaces(identity: Identity): string[] {
  const named = identity.grants.flatMap(({ namespaces, names }) => [...namespaces, ...(names ?? [])]);
  return [...new Set(named)].filter((name) => name !== ALL_NAMESPACES).sort();
}
