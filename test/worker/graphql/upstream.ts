/** Upstream's controller manager as it is seen from here: its documents, field by field, and how it sends them. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import type { Env } from "../../../src/config.ts";
import { createApp } from "../../../src/http/app.ts";
import { bindings } from "../support/ledger.ts";
import { Client, type Subscription } from "./client.ts";
import type { Answered } from "./support.ts";

const CONDITIONS = "conditions { type status observedGeneration lastTransitionTime reason message }";
const PAGE = "pageInfo { hasNextPage endCursor }";
const NAMESPACE = `metadata { uid name resourceVersion generation finalizers } status { observedGeneration lastAppliedRevision ${CONDITIONS} }`;
const CATEGORY = `metadata { uid name namespace resourceVersion generation finalizers deletionTimestamp ownerReferences { uid kind blockOwnerDeletion } }
  spec { parentRef { name } media { fileRef { name optional } } }
  status { observedGeneration lastAppliedRevision ${CONDITIONS} resolved { depth path childCount productCount } }`;
const PRODUCT = "metadata { uid name namespace resourceVersion } spec { categoryRef { name } }";

export const DOCUMENTS = {
  namespaces: `query($first: Int, $after: String) { namespaces(first: $first, after: $after) { edges { cursor node { ${NAMESPACE} } } ${PAGE} } }`,
  categories: `query($namespace: String!, $first: Int, $after: String) { categories(namespace: $namespace, first: $first, after: $after) { edges { cursor node { ${CATEGORY} } } ${PAGE} } }`,
  products: `query($namespace: String!, $first: Int, $after: String) { products(namespace: $namespace, first: $first, after: $after) { edges { cursor node { ${PRODUCT} } } ${PAGE} } }`,
  productsOfCategory: `query($namespace: String!, $first: Int, $after: String) { products(namespace: $namespace, first: $first, after: $after) { edges { node { spec { categoryRef { name } } } } ${PAGE} } }`,
  repository: `query($namespace: String!, $name: String!) { repository(by: { namespacePath: { namespace: $namespace, name: $name } }) { metadata { name } } }`,
  repositories: `query($namespace: String!) { repositories(namespace: $namespace, first: 1) { totalCount } }`,
  watchCategories: `subscription($resourceVersion: String) { watchCategories(resourceVersion: $resourceVersion) { type namespace name resourceVersion category { ${CATEGORY} } } }`,
  watchProducts: `subscription($namespace: String, $resourceVersion: String) { watchProducts(namespace: $namespace, resourceVersion: $resourceVersion) { type namespace name resourceVersion product { ${PRODUCT} } } }`,
  watchNamespaces: `subscription($resourceVersion: String) { watchResources(kind: "Namespace", resourceVersion: $resourceVersion) { type kind name resourceVersion object } }`,
  updateCategoryStatus: `mutation($input: UpdateCategoryStatusInput!) { updateCategoryStatus(input: $input) { category { metadata { resourceVersion } } conflict { currentResourceVersion } } }`,
  updateNamespaceStatus: `mutation($input: UpdateResourceStatusInput!) { updateResourceStatus(input: $input) { object conflict { currentResourceVersion } } }`,
  createRepository: `mutation($input: CreateRepositoryInput!) { createRepository(input: $input) { repository { metadata { name } } } }`,
} as const;

export type Sent = keyof typeof DOCUMENTS;

const app = createApp();

/** `POST` with a bearer token and without `Accept`: an anonymous operation, `variables` only where there are any. */
export async function send(
  token: string | undefined,
  document: Sent | { query: string },
  variables?: Record<string, unknown>,
  env: Env = bindings,
): Promise<Pick<Answered, "status" | "data" | "errors">> {
  const query = typeof document === "string" ? DOCUMENTS[document] : document.query;
  const ctx = createExecutionContext();
  const request = new Request("https://edge.test/graphql", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, ...(variables ? { variables } : {}) }),
  });
  const response = await app.fetch(request, env, ctx);
  const { data, errors } = (await response.json()) as Pick<Answered, "data" | "errors">;
  await waitOnExecutionContext(ctx);
  return { status: response.status, data, errors };
}

/** It fails a reply with any error, and ignores its data then. */
export async function must(
  token: string,
  document: Sent,
  variables?: Record<string, unknown>,
): Promise<Answered["data"]> {
  const { status, data, errors } = await send(token, document, variables);
  if (status >= 300 || errors !== undefined) throw new Error(`${document}: ${status} ${JSON.stringify(errors)}`);
  return data;
}

const clients: Client[] = [];

/** As it connects: no Authorization, no Origin; the token in the payload; one subscription; no pong, ever. */
export async function subscribe(token: string, document: Sent, resourceVersion?: string): Promise<Subscription> {
  const client = await Client.ready(token, { pongs: false });
  clients.push(client);
  return client.subscribe(DOCUMENTS[document], resourceVersion === undefined ? undefined : { resourceVersion });
}

/** After each test: who watches all namespaces joins those of the next. */
export function closeAll(): void {
  for (const client of clients.splice(0)) if (!client.isClosed) client.close();
}

/** A category as its list shows it. */
export async function categoryOf(token: string, namespace: string, name: string) {
  const { categories } = await must(token, "categories", { namespace, first: 100 });
  return categories.edges
    .map(({ node }: { node: unknown }) => node)
    .find(
      // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever is there, and fails where it is not.
      (node: any) => node.metadata.name === name,
    );
}

export const condition = (type: string, status = "TRUE", more: object = {}) => ({
  type,
  status,
  observedGeneration: 1,
  lastTransitionTime: "2026-01-01T00:00:00Z",
  reason: "Checked",
  message: "",
  ...more,
});

export async function writeCategory(token: string, input: Record<string, unknown>) {
  const { updateCategoryStatus } = await must(token, "updateCategoryStatus", { input });
  return updateCategoryStatus as {
    category: { metadata: { resourceVersion: string } } | null;
    conflict: { currentResourceVersion: string } | null;
  };
}
