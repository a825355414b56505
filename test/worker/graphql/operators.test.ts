/** What operators look at: Git events, what admission refused, named watchers. */
import { beforeAll, describe, expect, it } from "vitest";
import { tokenFor } from "../support/http.ts";
import { headOf, push, type TestLedger } from "../support/ledger.ts";
import { watch } from "../support/watcher.ts";
import { code, commit, data, product, shop } from "./support.ts";

let admin: string;
let ledger: TestLedger;
beforeAll(async () => {
  admin = await tokenFor({ role: "admin" });
  ledger = await shop(admin);
  await commit(ledger, { polo: product("polo") });
  await commit(ledger, { tee: product("tee") });
});

describe("operators", () => {
  it("read Git events, in order and by type", async () => {
    const query = `query($ns: String!, $types: [String!], $first: Int, $after: String) { gitEvents(namespace: $ns, types: $types, first: $first, after: $after) {
      resourceVersion pageInfo { hasNextPage endCursor } edges { cursor node { id type subject resourceVersion correlationId data } } } }`;
    const { gitEvents } = await data(admin, query, { ns: ledger.name, first: 2 });
    expect(gitEvents.edges).toHaveLength(2);
    expect(gitEvents.pageInfo.hasNextPage).toBe(true);
    expect(gitEvents.edges[0].node.resourceVersion).toBe(gitEvents.edges[0].cursor);
    const next = await data(admin, query, { ns: ledger.name, first: 2, after: gitEvents.pageInfo.endCursor });
    expect(Number(next.gitEvents.edges[0].cursor)).toBeGreaterThan(Number(gitEvents.pageInfo.endCursor));
    const created = await data(admin, query, { ns: ledger.name, types: ["branch-created"] });
    expect(created.gitEvents.edges.map(({ node }: { node: { type: string } }) => node.type)).toEqual([
      "dev.gitstore.git.branch.created.v1",
    ]);
    expect(await code(admin, query, { ns: ledger.name, types: ["nonsense"] })).toBe("BAD_USER_INPUT");
  });

  it("read what admission refused, by kind and page by page", async () => {
    const errors = [{ field: "spec.title", reason: "Required" as const, message: "is required" }];
    await push(ledger, {
      fails: ["a", "b"].map((name) => ({
        op: "fail" as const,
        path: `bad/${name}.md`,
        blob: "0".repeat(40),
        identity: { kind: "CategoryTaxonomy.catalog.gitstore.dev", name },
        stage: "schema" as const,
        errors,
      })),
    });
    const query = `query($ns: String!, $kind: String, $after: String) { admissionFailures(namespace: $ns, kind: $kind, first: 1, after: $after) {
      pageInfo { hasNextPage endCursor } edges { node { repository path kind name stage errors { field reason message line } } } } }`;
    const first = (await data(admin, query, { ns: ledger.name })).admissionFailures;
    expect(first.edges).toEqual([
      {
        node: {
          repository: "catalog",
          path: "bad/a.md",
          kind: "CategoryTaxonomy",
          name: "a",
          stage: "schema",
          errors: [{ ...errors[0], line: null }],
        },
      },
    ]);
    const second = (await data(admin, query, { ns: ledger.name, after: first.pageInfo.endCursor })).admissionFailures;
    expect(second).toMatchObject({ edges: [{ node: { path: "bad/b.md" } }], pageInfo: { hasNextPage: false } });
    expect((await data(admin, query, { ns: ledger.name, kind: "Product" })).admissionFailures.edges).toEqual([]);
    const { resources } = await data(
      admin,
      `{ resources(kind: "Category", namespace: "${ledger.name}", view: REJECTED) { edges { cursor } rejected { path } } }`.replace(
        "Category",
        "CategoryTaxonomy",
      ),
    );
    expect(resources).toEqual({ edges: [], rejected: [{ path: "bad/a.md" }, { path: "bad/b.md" }] });
    const reader = await tokenFor({ role: "reader", namespaces: [ledger.name] });
    expect(await code(reader, query, { ns: ledger.name })).toBe("FORBIDDEN");
  });

  it("read named watchers with their positions; others only their own", async () => {
    const own = await shop(admin);
    await commit(own, { shirt: product("shirt") });
    const tokens: Record<string, string> = {};
    for (const name of ["alice", "bob"]) {
      const sub = `serviceaccount:${own.name}:${name}`;
      tokens[name] = await tokenFor({ role: "controller", namespaces: [own.name] }, sub);
      const start = { from: "state", asked: false } as const;
      const watcher = { name, standby: false };
      const watched = await watch(own, { start, kinds: ["Product.catalog.gitstore.dev"], watcher, sub });
      await watched.until(() => watched.frames.length > 0);
      watched.socket.send(JSON.stringify({ done: watched.frames.at(-1)?.rv }));
      if (name === "bob") watched.close();
    }
    const query = `{ watchers(namespace: "${own.name}") { name subject position lagEvents connected standby query } }`;
    const read = async (token: string) => (await data(token, query)).watchers;
    const head = String(await headOf(own));
    const shown = (name: string, connected: boolean) => ({
      name,
      subject: `serviceaccount:${own.name}:${name}`,
      position: head,
      lagEvents: 0,
      connected,
      standby: 0,
      query: expect.objectContaining({ kinds: ["Product.catalog.gitstore.dev"] }),
    });
    await expect.poll(() => read(admin)).toEqual([shown("alice", true), shown("bob", false)]);
    expect(await read(tokens.alice ?? "")).toEqual([shown("alice", true)]);
    expect(await read(tokens.bob ?? "")).toEqual([shown("bob", false)]);
    expect(await code(await tokenFor({ role: "reader", namespaces: [own.name] }), query)).toBe("FORBIDDEN");
  });
});
