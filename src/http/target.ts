/** What a Kubernetes path asks for (apiserver pkg/endpoints/request/requestinfo.go), with our `/clusters/{ns}` root. */

export interface KubeTarget {
  /** The namespace that stands for the whole cluster: `/clusters/{ns}/…`. */
  cluster?: string;
  group: string;
  version: string;
  namespace?: string;
  plural: string;
  name?: string;
  subresource?: string;
  /** What follows the subresource: `…/syncs/{id}`. */
  rest?: string;
}

export const GROUP = "gitstore.dev";
/** Of `/namespaces/{ns}/status` of our own group, these are a Namespace's subresources, and no kind (no plural may be named so). */
const NAMESPACE_SUBRESOURCES = new Set(["status", "finalize"]);

/** `/apis`, `/apis/{group}` or `/apis/{group}/{version}`: what discovery answers. */
export type DiscoveryTarget = Pick<KubeTarget, "cluster"> & { group?: string; version?: string };

/** A slash at the end is as good as none. */
export function parseDiscoveryPath(pathname: string): DiscoveryTarget | undefined {
  const match = /^(?:\/clusters\/([^/]+))?\/apis(?:\/([^/]+))?(?:\/([^/]+))?\/?$/.exec(pathname);
  if (!match) return undefined;
  const [cluster, group, version] = match
    .slice(1)
    .map((segment) => (segment === undefined ? undefined : decode(segment)));
  return {
    ...(cluster === undefined ? {} : { cluster }),
    ...(group === undefined ? {} : { group }),
    ...(version === undefined ? {} : { version }),
  };
}

/** Undefined where the path is none of `/apis/{group}/{version}/…`. Segments are percent-decoded. */
export function parseKubePath(pathname: string): KubeTarget | undefined {
  const segments = pathname.split("/").slice(1).map(decode);
  if (segments.some((segment) => segment === undefined || segment === "" || segment.includes("/"))) return undefined;
  let [...parts] = segments as string[];
  let cluster: string | undefined;
  if (parts[0] === "clusters") {
    cluster = parts[1];
    parts = parts.slice(2);
  }
  const [root, group, version, ...path] = parts;
  if (root !== "apis" || group === undefined || version === undefined || path.length === 0) return undefined;
  const base = { ...(cluster === undefined ? {} : { cluster }), group, version };
  const [first, second, third, ...after] = path;
  const isNamespaceItself =
    group === GROUP && first === "namespaces" && (third === undefined || NAMESPACE_SUBRESOURCES.has(third));
  if (first === "namespaces" && second !== undefined && !isNamespaceItself) {
    return target({ ...base, namespace: second }, [third, ...after]);
  }
  return target(base, path);
}

function target(base: Omit<KubeTarget, "plural">, path: (string | undefined)[]): KubeTarget | undefined {
  const [plural, name, subresource, rest, ...more] = path;
  if (plural === undefined || more.length > 0) return undefined;
  return {
    ...base,
    plural,
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
    ...(rest === undefined ? {} : { rest }),
  };
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
