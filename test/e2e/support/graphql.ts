/** A shop of few products, and the GraphQL clients that docs/graphql.md shows, unmodified, against the whole server. */
import { fetchExchange, Client as Urql } from "@urql/core";
import { type Client, createClient, type FormattedExecutionResult } from "graphql-ws";
import type { Vars } from "../../../src/cli/local/devVars.ts";
import type { Repository } from "./gitServer.ts";
import { Stage } from "./stage.ts";

export interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  namespace: string | null;
  name: string;
  resourceVersion: string;
  product: { spec: { title: string } } | null;
}
export type Told = FormattedExecutionResult<
  { watchProducts: WatchEvent },
  { code?: string; reason?: string; retryable?: boolean; resourceVersion?: string }
>;

export const WATCH = `subscription($namespace: String, $rv: String) {
  watchProducts(namespace: $namespace, resourceVersion: $rv) {
    type namespace name resourceVersion product { spec { title } } } }`;
export const LIST = `query($namespace: String!, $first: Int, $after: String) {
  products(namespace: $namespace, first: $first, after: $after) {
    edges { node { id metadata { name resourceVersion } spec { title } } }
    pageInfo { hasNextPage endCursor }
    resourceVersion } }`;
export const WRITE = `mutation($input: UpdateProductStatusInput!) {
  updateProductStatus(input: $input) {
    product { metadata { resourceVersion } status { conditions { type status } } }
    conflict { reason currentResourceVersion } } }`;

export class GraphqlShop {
  readonly stage: Stage;
  readonly #remote: Repository;
  readonly #clients: Client[] = [];

  private constructor(stage: Stage, remote: Repository) {
    this.stage = stage;
    this.#remote = remote;
  }

  /** With two products, `hat` and `coat`. */
  static async open(vars: Vars = {}): Promise<GraphqlShop> {
    const stage = await Stage.set({ vars });
    const shop = new GraphqlShop(stage, await stage.shop("acme"));
    await shop.push({ hat: "A hat", coat: "A coat" });
    return shop;
  }

  /** Products by name with their titles, in one commit; null deletes. */
  async push(titles: Record<string, string | null>): Promise<void> {
    const files = Object.entries(titles).map(([name, title]) => ({
      path: `${name}.md`,
      text:
        title === null
          ? null
          : `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata:\n  name: ${name}\nspec:\n  title: ${title}\n---\n`,
    }));
    await this.#remote.commit(files, Object.keys(titles).join(" "));
    await this.stage.sync("acme");
  }

  graphqlWs(token = this.stage.admin, more: Partial<Parameters<typeof createClient>[0]> = {}): Client {
    const client = createClient({
      url: `${this.stage.server.url.replace("http", "ws")}/graphql`,
      connectionParams: { Authorization: `Bearer ${token}` },
      // By itself it would subscribe again with the cursor that it began with.
      retryAttempts: 0,
      ...more,
    });
    this.#clients.push(client);
    return client;
  }

  urql(token: string | null = this.stage.admin, more: object = {}): Urql {
    return new Urql({
      url: `${this.stage.server.url}/graphql`,
      exchanges: [fetchExchange],
      preferGetMethod: false,
      fetchOptions: { headers: token === null ? {} : { Authorization: `Bearer ${token}` } },
      ...more,
    });
  }

  /** The list's resourceVersion. */
  async head(): Promise<string> {
    return (await this.urql().query(LIST, { namespace: "acme" }).toPromise()).data.products.resourceVersion;
  }

  /** What a subscription is told, errors included, until `count` messages came or it is over. */
  async told(client: Client, rv: string, count = Number.POSITIVE_INFINITY, namespace: string | null = "acme") {
    const told: Told[] = [];
    for await (const result of client.iterate({ query: WATCH, variables: { namespace, rv } })) {
      told.push(result as Told);
      if (told.length === count) break;
    }
    return told;
  }

  /** As {@link told}, where none may be an error. */
  async events(client: Client, rv: string, count: number, namespace: string | null = "acme"): Promise<WatchEvent[]> {
    return (await this.told(client, rv, count, namespace)).map((told) => {
      if (!told.data) throw new Error(JSON.stringify(told.errors));
      return told.data.watchProducts;
    });
  }

  /** Sessions that the namespace's ledger holds. */
  async sessions(): Promise<number> {
    const response = await this.stage.server.fetch("/metrics?namespace=acme");
    const lines = (await response.text()).split("\n").filter((line) => line.startsWith("gitstore_watchers{"));
    if (lines.length === 0) throw new Error("the metrics have no gitstore_watchers");
    return lines.map((line) => Number(line.split(" ").at(-1))).reduce((sum, value) => sum + value, 0);
  }

  async disposeClients(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.dispose();
  }

  async close(): Promise<void> {
    await this.disposeClients();
    await this.stage.strike();
  }
}
