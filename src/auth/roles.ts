/** The named roles of `gitstorectl token create --role`, expanded into grants. One entry per row of the role table. */
import { type Grant, VERBS, type Verb } from "./grants.ts";

export const ROLES = ["admin", "operator", "controller", "reader", "storefront", "upstream-manager"] as const;
export type Role = (typeof ROLES)[number];

export interface RoleRequest {
  role: Role;
  /** Namespaces, or `["*"]`. */
  namespaces: string[];
  /** Plurals of the kinds whose status a controller may write. */
  statusOf?: string[];
}

const READ: Verb[] = ["get", "list", "watch"];
const ALL: Verb[] = [...VERBS];

/** Grants as they stand in a token's claim. Roles are expanded when a token is made: changing one changes no token. */
export function grantsOf({ role, namespaces, statusOf = [] }: RoleRequest): Grant[] {
  const grant = (resources: string[], verbs: Verb[]): Grant => ({ namespaces, resources, verbs });
  switch (role) {
    case "admin":
      return [
        grant(["*"], ALL),
        // The cluster scope belongs to the role, whatever its namespaces: a Namespace cannot be made from inside one.
        { namespaces: ["*"], resources: ["namespaces", "metrics", "revocations"], verbs: ALL },
      ];
    case "operator":
      return [
        grant(["*", "gitevents", "rejected", "watchers", "controllers"], READ),
        grant(["repositories", "channels"], ["create", "update", "delete"]),
        grant(["repositories/sync", "controllers/requeue"], ["create", "update"]),
        grant(["releases/promote"], ["promote"]),
        grant(["watchers"], ["delete"]),
      ];
    case "controller":
      return [
        grant(["*", "gitevents"], READ),
        ...(statusOf.length > 0
          ? [
              grant(
                statusOf.map((plural) => `${plural}/status`),
                ["update"],
              ),
            ]
          : []),
        grant(["leases"], ["create", "update", "delete"]),
        // A watcher's name belongs to the subject that made it, so this reaches its own ones only.
        grant(["watchers"], ["get", "update", "delete"]),
      ];
    case "reader":
      return [grant(["*"], READ)];
    case "storefront":
      return [grant(["storefront"], ["get", "list"])];
    case "upstream-manager":
      // Upstream's controller manager writes the status of two kinds, makes repositories, and ends deletions.
      return [
        grant(["namespaces", "categorytaxonomies", "products", "repositories"], ["get", "list"]),
        grant(["namespaces", "categorytaxonomies", "products"], ["watch"]),
        grant(["namespaces/status", "categorytaxonomies/status"], ["update"]),
        grant(["namespaces"], ["delete"]),
        grant(["repositories"], ["create"]),
      ];
  }
}
