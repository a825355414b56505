import { cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GraphqlShop, LIST, WATCH, WRITE } from "../support/graphql.ts";

let shop: GraphqlShop;
beforeAll(async () => {
  shop = await GraphqlShop.open();
});
afterEach(() => shop.disposeClients());
afterAll(() => shop.close());

describe("urql", () => {
  it("reads lists page by page, by POST and by GET, and finds a node by its id", async () => {
    for (const preferGetMethod of [false, "force" as const]) {
      const client = shop.urql(shop.stage.admin, { preferGetMethod, exchanges: [cacheExchange, fetchExchange] });
      const first = await client.query(LIST, { namespace: "acme", first: 1 }).toPromise();
      expect(first.error).toBeUndefined();
      const { edges, pageInfo } = first.data.products;
      const second = await client.query(LIST, { namespace: "acme", first: 1, after: pageInfo.endCursor }).toPromise();
      expect([edges[0].node.metadata.name, second.data.products.edges[0].node.metadata.name]).toEqual(["coat", "hat"]);
      const { id } = edges[0].node;
      const node = await client.query("query($id: ID!) { node(id: $id) { id } }", { id }).toPromise();
      expect(node.data.node).toMatchObject({ id });
    }
  });

  it("writes a status, and gets a stale one's conflict in the payload, without an error", async () => {
    const client = shop.urql();
    const { data } = await client.query(LIST, { namespace: "acme" }).toPromise();
    const { metadata } = data.products.edges[0].node;
    const conditions = [{ type: "Ready", status: "TRUE", reason: "Done", message: "" }];
    const input = { namespace: "acme", name: metadata.name, resourceVersion: metadata.resourceVersion, conditions };
    const first = (await client.mutation(WRITE, { input }).toPromise()).data.updateProductStatus;
    expect(first).toMatchObject({
      conflict: null,
      product: { status: { conditions: expect.arrayContaining([expect.objectContaining({ type: "Ready" })]) } },
    });
    const second = await client.mutation(WRITE, { input }).toPromise();
    expect(second.error).toBeUndefined();
    expect(second.data.updateProductStatus).toEqual(
      expect.objectContaining({
        product: null,
        conflict: expect.objectContaining({
          reason: "STALE_RESOURCE_VERSION",
          currentResourceVersion: first.product.metadata.resourceVersion,
        }),
      }),
    );
  });

  it("shows an error's code, and 401 as a network error that says what is missing", async () => {
    const missing = await shop.urql().query(LIST, { namespace: "acme", after: "garbage" }).toPromise();
    expect(missing.error?.graphQLErrors.map(({ extensions }) => extensions.code)).toEqual(["BAD_USER_INPUT"]);
    const anonymous = await shop.urql(null).query(LIST, { namespace: "acme" }).toPromise();
    expect(anonymous.error?.response?.status).toBe(401);
    const stranger = shop.urql(await shop.stage.server.token({ role: "reader", namespaces: ["elsewhere"] }));
    const forbidden = await stranger.query(LIST, { namespace: "acme" }).toPromise();
    expect(forbidden.error?.graphQLErrors[0]?.extensions.code).toBe("FORBIDDEN");
  });

  it.each(["server-sent events", "graphql-ws"])("subscribes over %s", async (way) => {
    const ws = shop.graphqlWs();
    const exchanges =
      way === "graphql-ws"
        ? [
            subscriptionExchange({
              forwardSubscription: ({ query = "", variables = {} }) => ({
                subscribe: (sink) => ({
                  unsubscribe: ws.subscribe(
                    { query, variables: { ...variables } },
                    {
                      // The two libraries' types differ in whether `data` may be undefined.
                      next: ({ data = null, errors }) => sink.next({ data, ...(errors ? { errors } : {}) }),
                      error: (error) => sink.error(error),
                      complete: () => sink.complete(),
                    },
                  ),
                }),
              }),
            }),
          ]
        : [fetchExchange];
    const client = shop.urql(shop.stage.admin, { exchanges, fetchSubscriptions: way !== "graphql-ws" });
    const told: string[] = [];
    const done = Promise.withResolvers<void>();
    const subscription = client
      .subscription(WATCH, { namespace: "acme", rv: await shop.head() })
      .subscribe(({ data, error }) => {
        if (error) done.reject(error);
        if (data) told.push(`${data.watchProducts.type} ${data.watchProducts.name}`);
        if (told.length === 2) done.resolve();
      });
    await shop.push({ belt: "A belt" });
    await shop.push({ belt: null });
    await done.promise;
    subscription.unsubscribe();
    expect(told).toEqual(["ADDED belt", "DELETED belt"]);
    await expect.poll(() => shop.sessions(), { timeout: 60_000 }).toBe(0);
  });
});
