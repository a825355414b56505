/** What is served of each kind, as discovery says it. */
import type { KindDef } from "../../resource/kind.ts";
import { REVIEWS } from "../access.ts";
import { hasStatus } from "../kinds.ts";
import type { GroupVersion } from "./shown.ts";

export interface Subresource {
  name: string;
  kind: string;
  verbs: string[];
}

export interface ServedResource {
  plural: string;
  singular: string;
  kind: string;
  namespaced: boolean;
  verbs: string[];
  shortNames: string[];
  categories: string[];
  subresources: Subresource[];
}

const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "get", "list", "patch", "update", "watch"];

/** Verbs of Kubernetes. What Git owns is not written here, whoever asks, and so says neither `patch` nor `create`. */
function resourceOf(kind: KindDef): ServedResource {
  return {
    plural: kind.plural,
    singular: kind.singular,
    kind: kind.kind,
    namespaced: kind.scope === "Namespaced",
    verbs: kind.owner === "api" || kind.owner === "client" ? WRITE : READ,
    shortNames: kind.shortNames,
    categories: kind.categories,
    subresources: hasStatus(kind) ? [{ name: "status", kind: kind.kind, verbs: ["get", "patch", "update"] }] : [],
  };
}

export function resourcesOf({ kinds }: GroupVersion): ServedResource[] {
  return kinds.map(resourceOf);
}

/** Kinds that are asked and not kept; everyone may ask about itself. */
export const REVIEW_GROUPS = Object.entries(REVIEWS).map(([name, kinds]) => ({
  name,
  versions: [{ version: "v1", resources: kinds.map(reviewOf) }],
}));

function reviewOf(kind: string): ServedResource {
  const singular = kind.toLowerCase();
  return {
    plural: `${singular}s`,
    singular,
    kind,
    namespaced: false,
    verbs: ["create"],
    shortNames: [],
    categories: [],
    subresources: [],
  };
}
