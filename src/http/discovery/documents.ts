/** The documents of discovery: the legacy ones, one for each level, and the aggregated one, all in one. */

import type { KindDef } from "../../resource/kind.ts";
import { REVIEW_GROUPS, resourcesOf, type ServedResource } from "./resources.ts";
import { type Group, groupsOf } from "./shown.ts";

export interface ServedGroup {
  name: string;
  /** The preferred one first. */
  versions: { version: string; resources: ServedResource[] }[];
}

export function servedGroups(kinds: readonly KindDef[]): ServedGroup[] {
  const groups = groupsOf(kinds).map(({ name, versions }: Group) => ({
    name,
    versions: versions.map((one) => ({ version: one.version, resources: resourcesOf(one) })),
  }));
  return [...groups, ...REVIEW_GROUPS];
}

export function apiGroupList(groups: readonly ServedGroup[]): object {
  return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(groupOf) };
}

export function apiGroup(group: ServedGroup): object {
  return { kind: "APIGroup", apiVersion: "v1", ...groupOf(group) };
}

function groupOf({ name, versions }: ServedGroup) {
  const named = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: named, preferredVersion: named[0] };
}

export function apiResourceList(groupVersion: string, resources: readonly ServedResource[]): object {
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion,
    resources: resources.flatMap((one) => [
      {
        name: one.plural,
        singularName: one.singular,
        namespaced: one.namespaced,
        kind: one.kind,
        verbs: one.verbs,
        ...namesOf(one),
      },
      ...one.subresources.map(({ name, kind, verbs }) => ({
        name: `${one.plural}/${name}`,
        singularName: "",
        namespaced: one.namespaced,
        kind,
        verbs,
      })),
    ]),
  };
}

function namesOf({ shortNames, categories }: ServedResource) {
  return { ...(shortNames.length > 0 ? { shortNames } : {}), ...(categories.length > 0 ? { categories } : {}) };
}

/** KEP 3352. A resource without `responseKind`, and a version that is not Current, would be dropped by client-go. */
export function apiGroupDiscoveryList(groups: readonly ServedGroup[], version: string): object {
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: { name, creationTimestamp: null },
      versions: versions.map((one) => ({
        version: one.version,
        resources: one.resources.map((resource) => discovered(resource, { group: name, version: one.version })),
        freshness: "Current",
      })),
    })),
  };
}

function discovered(one: ServedResource, groupVersion: { group: string; version: string }): object {
  return {
    resource: one.plural,
    responseKind: { ...groupVersion, kind: one.kind },
    scope: one.namespaced ? "Namespaced" : "Cluster",
    singularResource: one.singular,
    verbs: one.verbs,
    ...namesOf(one),
    ...(one.subresources.length === 0
      ? {}
      : {
          subresources: one.subresources.map(({ name, kind, verbs }) => ({
            subresource: name,
            responseKind: { ...groupVersion, kind },
            verbs,
          })),
        }),
  };
}
