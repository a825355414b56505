/** Upstream's controller manager, as a stand-in with its order of calls and its defects, against the whole server. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CategoryRow, categories, dnsName, type ProductRow, productFile, products } from "./support/catalog.ts";
import type { Repository } from "./support/gitServer.ts";
import { Stage } from "./support/stage.ts";
import type { Condition, Resolved } from "./support/upstream/documents.ts";
import { type Checkpoints, Manager } from "./support/upstream/manager.ts";

const SETTLED = { timeout: 90_000, interval: 200 };

/** What a namespace's files say; the test's own account of what the manager has to find. */
class Shop {
  readonly name: string;
  readonly categories: CategoryRow[];
  readonly products = new Map<string, string>();
  readonly #rows: ProductRow[];
  readonly #remote: Repository;

  private constructor(name: string, remote: Repository, rows: { categories: CategoryRow[]; products: ProductRow[] }) {
    this.name = name;
    this.#remote = remote;
    this.categories = rows.categories;
    this.#rows = rows.products;
    for (const [index, row] of rows.products.entries())
      this.products.set(row.name, rows.categories[index % rows.categories.length]?.id ?? "");
  }

  static async open(name: string, rows: { categories: CategoryRow[]; products: ProductRow[] }): Promise<Shop> {
    const shop = new Shop(name, await stage.shop(name), rows);
    const files = [...shop.categories.map(categoryFile), ...shop.#rows.map((row) => shop.#file(row))];
    await shop.#commit(files, "The catalogue");
    return shop;
  }

  async move(name: string, category: string): Promise<void> {
    this.products.set(name, category);
    const row = this.#rows.find((one) => one.name === name);
    if (!row) throw new Error(`no product ${name}`);
    await this.#commit([this.#file(row)], `Move ${name}`);
  }

  /** To the next category of the namespace. */
  async moveOn(): Promise<void> {
    const [[name, id] = []] = this.products;
    const at = this.categories.findIndex((row) => row.id === id);
    const next = this.categories[(at + 1) % this.categories.length];
    if (name === undefined || !next) throw new Error(`${this.name} has no products`);
    await this.move(name, next.id);
  }

  async remove(name: string): Promise<void> {
    const row = this.#rows.find((one) => one.name === name);
    if (!row) throw new Error(`no product ${name}`);
    this.products.delete(name);
    await this.#commit([{ ...this.#file(row), text: null }], `Remove ${name}`);
  }

  /** A category that none is below and no product is in; its key. */
  async removeLeaf(): Promise<string> {
    const used = new Set([...this.products.values(), ...this.categories.map(({ parent }) => parent)]);
    const at = this.categories.findIndex(({ id }) => !used.has(id));
    const [leaf] = this.categories.splice(at, 1);
    if (at < 0 || !leaf) throw new Error(`${this.name} has no category without products`);
    await this.#commit([{ ...categoryFile(leaf), text: null }], `Remove ${leaf.id}`);
    return `${this.name}/${dnsName(leaf.id)}`;
  }

  resolved(category: CategoryRow): Resolved {
    const path: string[] = [];
    for (let at: CategoryRow | undefined = category; at; at = this.categories.find(({ id }) => id === at?.parent))
      path.unshift(dnsName(at.id));
    return {
      depth: path.length - 1,
      path,
      childCount: this.categories.filter(({ parent }) => parent === category.id).length,
      productCount: [...this.products.values()].filter((id) => id === category.id).length,
    };
  }

  #file(row: ProductRow) {
    return productFile({ ...row, section: this.products.get(row.name) ?? row.section });
  }

  async #commit(files: { path: string; text: string | null }[], message: string): Promise<void> {
    await this.#remote.commit(files, message);
    await stage.sync(this.name);
  }
}

function categoryFile({ id, title, parent }: CategoryRow): { path: string; text: string } {
  const ref = parent === undefined ? "" : `  parentRef: {name: ${JSON.stringify(dnsName(parent))}}\n`;
  const spec = `spec:\n  title: ${JSON.stringify(title)}\n${ref}`;
  const head = "apiVersion: catalog.gitstore.dev/v1beta1\nkind: CategoryTaxonomy\n";
  return {
    path: `categories/${dnsName(id)}.md`,
    text: `---\n${head}metadata: {name: ${JSON.stringify(dnsName(id))}}\n${spec}---\n`,
  };
}

interface Stored {
  metadata: { name: string; generation: number; resourceVersion: string };
  status: { observedGeneration: number; conditions: Condition[]; resolved?: Resolved };
}

let stage: Stage;
let token: string;
let manager: Manager;
let shops: Shop[];

beforeAll(async () => {
  stage = await Stage.set();
  token = await stage.server.token({ role: "upstream-manager", namespaces: ["*"], sub: "serviceaccount:edge:manager" });
  const goods = products(40);
  shops = [
    // With parents: whole branches of the tree.
    await Shop.open("acme", { categories: categories(21), products: goods.slice(0, 25) }),
    await Shop.open("bravo", { categories: categories(12), products: goods.slice(25) }),
  ];
  manager = new Manager({ uri: `${stage.server.url}/graphql`, token });
});
afterAll(async () => {
  await manager.stop();
  await stage.strike();
});

const list = async (path: string): Promise<Stored[]> => (await stage.must<{ items: Stored[] }>(path)).items;

const isTrue = ({ status, metadata }: Stored, type: string) =>
  status.observedGeneration === metadata.generation &&
  status.conditions.some((condition) => condition.type === type && condition.status === "True");

/** What is not yet as it has to be, by name; so that a test that waits in vain says for what. */
async function unsettled(): Promise<string[]> {
  const wrong: string[] = [];
  for (const shop of shops) {
    const stored = await list(`/apis/catalog.gitstore.dev/v1beta1/namespaces/${shop.name}/categorytaxonomies`);
    for (const row of shop.categories) {
      const found = stored.find(({ metadata }) => metadata.name === dnsName(row.id));
      const is = found && isTrue(found, "Ready") && JSON.stringify(found.status.resolved);
      const must = JSON.stringify(shop.resolved(row));
      if (is !== must) wrong.push(`${shop.name}/${row.id}: ${is ?? "not Ready"}, not ${must}`);
    }
  }
  for (const namespace of await list("/apis/gitstore.dev/v1beta1/namespaces"))
    for (const type of ["SystemRepoReady", "Ready"])
      if (!isTrue(namespace, type)) wrong.push(`${namespace.metadata.name}: ${type} is not True`);
  if (!manager.isIdle) wrong.push("the manager works");
  return wrong;
}

const settles = () => expect.poll(unsettled, SETTLED).toEqual([]);

/** The newest resourceVersion of the cluster and of each namespace: any write moves one. */
async function heads(): Promise<string[]> {
  const cluster = await stage.must<{ metadata: { resourceVersion: string } }>("/apis/gitstore.dev/v1beta1/namespaces");
  return [cluster.metadata.resourceVersion, ...(await Promise.all(shops.map(({ name }) => stage.head(name))))];
}

describe("upstream's controller manager", () => {
  it("settles: every category and namespace Ready, one list a kind, nothing quarantined", async () => {
    expect(shops.flatMap((shop) => shop.categories)).toHaveLength(33);
    expect(shops.flatMap((shop) => [...shop.products])).toHaveLength(40);
    expect(
      new Set(shops.flatMap((shop) => shop.categories.map((row) => shop.resolved(row).depth))).size,
    ).toBeGreaterThan(2);
    await manager.start();
    await settles();
    expect([manager.lists, manager.relists]).toEqual([3, 0]);
    expect([manager.quarantined, manager.faults, manager.endings]).toEqual([[], [], []]);
  });

  it("then writes nothing, and has nothing to do, for ten seconds", async () => {
    const before = await heads();
    const { reconciles } = manager;
    // The one test whose specification is a time.
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    expect(await heads()).toEqual(before);
    expect(manager.reconciles).toBe(reconciles);
  });

  it("left a repository of its own in each namespace, once", async () => {
    for (const { name } of shops) {
      const names = (await list(`/apis/gitstore.dev/v1beta1/namespaces/${name}/repositories`)).map(
        ({ metadata }) => metadata.name,
      );
      expect(names.sort()).toEqual(["catalog", "gitstore-system"]);
    }
  });

  it("counts right after a product moved and another was deleted", async () => {
    const [acme] = shops;
    const [moved = "", removed = ""] = acme?.products.keys() ?? [];
    await acme?.move(moved, acme.categories.at(-1)?.id ?? "");
    await settles();
    await acme?.remove(removed);
    await settles();
    expect([manager.lists, manager.relists, manager.quarantined, manager.faults]).toEqual([3, 0, [], []]);
  });

  it("takes up a namespace that is added live", async () => {
    shops.push(await Shop.open("charlie", { categories: categories(5), products: products(4) }));
    await settles();
    expect([manager.lists, manager.relists, manager.quarantined, manager.faults]).toEqual([3, 0, [], []]);
  });

  /** A new process on the same disk, after something happened that it did not see. */
  async function restarted(from: Checkpoints): Promise<void> {
    const [, bravo, charlie] = shops;
    await bravo?.moveOn();
    const [gone = ""] = charlie?.products.keys() ?? [];
    await charlie?.remove(gone);
    manager = new Manager({ uri: `${stage.server.url}/graphql`, token });
    await manager.start(structuredClone(from));
    await settles();
    expect([manager.lists, manager.relists, manager.quarantined, manager.faults]).toEqual([0, 0, [], []]);
    expect(manager.endings).toEqual([]);
  }

  it("goes on without a list after a clean restart", async () => {
    await restarted(await manager.stop());
  });

  it("goes on without a list after a crash, from checkpoints that are behind", async () => {
    const behind = manager.checkpoints;
    await manager.stop();
    await restarted(behind);
  });

  it("resumes over a kill -9 and restart of the edge, without a list", async () => {
    await stage.server.kill();
    await stage.server.restart();
    for (const shop of shops) await shop.moveOn();
    await settles();
    // Each of its three streams was cut, and none was told that its cursor is gone.
    expect(manager.endings.length).toBeGreaterThanOrEqual(3);
    expect([manager.lists, manager.relists, manager.quarantined, manager.faults]).toEqual([0, 0, [], []]);
    expect(manager.endings.filter((ending) => ending.includes("WATCH_EXPIRED"))).toEqual([]);
  });

  it("38. quarantines a category that is deleted, its own defect, while the edge and all else are right", async () => {
    const charlie = shops[2];
    if (!charlie) throw new Error("charlie was not added");
    // Its products move together, so that a category is free.
    for (const [name] of charlie.products) await charlie.move(name, charlie.categories[0]?.id ?? "");
    await settles();
    expect(manager.quarantined).toEqual([]);
    const key = await charlie.removeLeaf();
    await expect.poll(() => manager.quarantined, SETTLED).toEqual([expect.stringContaining(key)]);
    await settles();
    expect([manager.lists, manager.relists, manager.faults]).toEqual([0, 0, []]);
    // It is told what it asks for as before.
    const [name = ""] = charlie.products.keys();
    await charlie.move(name, charlie.categories.at(-1)?.id ?? "");
    await settles();
    expect(manager.quarantined).toEqual([expect.stringContaining(key)]);
  });
});
