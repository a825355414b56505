/** The operations that upstream's controller manager sends, anonymous, with the fields that it reads. */
import { type Api, post, type Variables } from "./transport.ts";

export interface Condition {
  type: string;
  status: string;
  observedGeneration: number;
  lastTransitionTime: string;
  reason: string;
  message: string;
}

export interface Resolved {
  depth: number;
  path: string[];
  childCount: number;
  productCount: number;
}

/** What all three kinds have of what is read of them. */
export interface Item {
  metadata: {
    uid: string;
    name: string;
    namespace?: string;
    resourceVersion: string;
    generation?: number;
    finalizers?: string[];
  };
  spec?: {
    parentRef?: { name: string } | null;
    media?: { fileRef: { name: string; optional: boolean } }[];
    categoryRef?: { name: string } | null;
  };
  status?: { observedGeneration: number; conditions: Condition[]; resolved?: Resolved | null } | null;
}

const CONDITIONS = "conditions { type status observedGeneration lastTransitionTime reason message }";
const NAMESPACE = `metadata { uid name resourceVersion generation finalizers }
  status { observedGeneration lastAppliedRevision ${CONDITIONS} }`;
const CATEGORY = `metadata { uid name namespace resourceVersion generation finalizers deletionTimestamp
    ownerReferences { uid kind blockOwnerDeletion } }
  spec { parentRef { name } media { fileRef { name optional } } }
  status { observedGeneration lastAppliedRevision ${CONDITIONS} resolved { depth path childCount productCount } }`;
const PRODUCT = "metadata { uid name namespace resourceVersion } spec { categoryRef { name } }";

/** A page of 100, in the namespace or of all there are. */
const pageOf = (field: string, node: string, isNamespaced: boolean): string =>
  isNamespaced
    ? `query($namespace: String!, $first: Int, $after: String) {
        ${field}(namespace: $namespace, first: $first, after: $after) {
          edges { cursor node { ${node} } } pageInfo { hasNextPage endCursor } } }`
    : `query($first: Int, $after: String) {
        ${field}(first: $first, after: $after) {
          edges { cursor node { ${node} } } pageInfo { hasNextPage endCursor } } }`;

export const LISTS = {
  namespaces: pageOf("namespaces", NAMESPACE, false),
  categories: pageOf("categories", CATEGORY, true),
  products: pageOf("products", PRODUCT, true),
  /** The other form, asked once per category that is reconciled. */
  references: pageOf("products", "spec { categoryRef { name } }", true),
} as const;

export const WATCHES = {
  namespaces: `subscription($resourceVersion: String) {
    watchResources(kind: "Namespace", resourceVersion: $resourceVersion) { type kind name resourceVersion object } }`,
  categories: `subscription($resourceVersion: String) {
    watchCategories(resourceVersion: $resourceVersion) { type namespace name resourceVersion category { ${CATEGORY} } } }`,
  products: `subscription($namespace: String, $resourceVersion: String) {
    watchProducts(namespace: $namespace, resourceVersion: $resourceVersion) {
      type namespace name resourceVersion product { ${PRODUCT} } } }`,
} as const;

export const REPOSITORY = `query($namespace: String!, $name: String!) {
  repository(by: { namespacePath: { namespace: $namespace, name: $name } }) { metadata { name } } }`;
export const CREATE_REPOSITORY = `mutation($input: CreateRepositoryInput!) {
  createRepository(input: $input) { repository { metadata { name } } } }`;
export const UPDATE_CATEGORY = `mutation($input: UpdateCategoryStatusInput!) {
  updateCategoryStatus(input: $input) { category { metadata { resourceVersion } } conflict { currentResourceVersion } } }`;
export const UPDATE_RESOURCE = `mutation($input: UpdateResourceStatusInput!) {
  updateResourceStatus(input: $input) { object conflict { currentResourceVersion } } }`;

interface Page {
  edges: { node: Item }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

/** Every page, of 100; no namespace: the list of namespaces. */
export async function listAll(api: Api, query: string, namespace?: string): Promise<Item[]> {
  const items: Item[] = [];
  let after: string | null = null;
  for (;;) {
    const variables: Variables = { first: 100, after, ...(namespace === undefined ? {} : { namespace }) };
    const page: Page | undefined = Object.values(await post<Record<string, Page>>(api, query, variables))[0];
    if (!page) throw new Error("no connection came");
    items.push(...page.edges.map(({ node }) => node));
    after = page.pageInfo.endCursor;
    if (!page.pageInfo.hasNextPage || after === null) return items;
  }
}
