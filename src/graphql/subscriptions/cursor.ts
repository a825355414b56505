/** What the argument `resourceVersion` of a subscription means, and the cursor of a watch over several namespaces. */

/** A namespace costs a ledger session and a place in every cursor. */
export const MAX_NAMESPACES = 256;

export type Vector = ReadonlyMap<string, number>;

export type Start =
  /** Only what comes after now. */
  | { from: "now" }
  /** As now, with a BOOKMARK first. */
  | { from: "bootstrap" }
  /** The current state as ADDED, then live. */
  | { from: "state" }
  | { from: "rv"; rv: number }
  | { from: "vector"; at: Vector }
  | { from: "tooMany"; found: number }
  /** Nothing that a watch of ours ever told. */
  | { from: "nowhere" };

/** Upstream's sentinels; each is taken by every subscription, since they mean the same. */
const BOOTSTRAP = /^__(namespace|product|category|resource)_watch_bootstrap__$/;
const RV = /^[1-9][0-9]{0,15}$/;
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const MAX_CHARS = 64 * 1024;

export function startOf(resourceVersion: string | null | undefined): Start {
  if (resourceVersion === null || resourceVersion === undefined || resourceVersion === "") return { from: "now" };
  if (resourceVersion === "0") return { from: "state" };
  if (BOOTSTRAP.test(resourceVersion)) return { from: "bootstrap" };
  if (RV.test(resourceVersion) && Number.isSafeInteger(Number(resourceVersion)))
    return { from: "rv", rv: Number(resourceVersion) };
  if (!resourceVersion.startsWith("v1.") || resourceVersion.length > MAX_CHARS) return { from: "nowhere" };
  const at = decodeVector(resourceVersion.slice("v1.".length));
  if (!at) return { from: "nowhere" };
  return at.size > MAX_NAMESPACES ? { from: "tooMany", found: at.size } : { from: "vector", at };
}

/** `v1.<base64url>` of `{"acme":12,…}`: one RV per namespace. */
export function encodeVector(at: Vector): string {
  const text = btoa(JSON.stringify(Object.fromEntries(at)));
  return `v1.${text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")}`;
}

function decodeVector(text: string): Vector | undefined {
  let value: unknown;
  try {
    value = JSON.parse(atob(text.replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const at = new Map<string, number>();
  for (const [namespace, rv] of Object.entries(value)) {
    if (!NAMESPACE.test(namespace) || typeof rv !== "number" || !Number.isSafeInteger(rv) || rv < 1) return undefined;
    at.set(namespace, rv);
  }
  return at;
}
