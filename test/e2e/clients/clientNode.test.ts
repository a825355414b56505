import {
  ApiException,
  AuthorizationV1Api,
  CoordinationV1Api,
  CustomObjectsApi,
  KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  V1MicroTime,
  VersionApi,
  Watch,
} from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configOf } from "../../../src/cli/commands/kubeconfig.ts";
import { ListeningProxy } from "../support/listeningProxy.ts";
import { Stage } from "../support/stage.ts";

/** The JavaScript client of Kubernetes, unmodified, over http with the kubeconfig that gitstorectl writes. */
interface Product extends KubernetesObject {
  spec: { title?: string };
  status?: { phase?: string; conditions?: { type: string; status: string; reason: string; message: string }[] };
}
type ProductList = KubernetesListObject<Product>;

const PRODUCTS = { group: "catalog.gitstore.dev", version: "v1beta1", namespace: "acme", plural: "products" };
const PATH = "/apis/catalog.gitstore.dev/v1beta1/namespaces/acme/products";

let stage: Stage;
let remote: Awaited<ReturnType<Stage["shop"]>>;
let proxy: ListeningProxy;
let config: KubeConfig;

beforeAll(async () => {
  stage = await Stage.set();
  remote = await stage.shop("acme");
  await push("hat", "A hat");
  proxy = await ListeningProxy.start(stage.server.url);
  config = new KubeConfig();
  config.loadFromString(JSON.stringify(configOf(proxy.url, "acme", stage.admin)));
});
afterAll(async () => {
  console.log(`client-node was refused: ${proxy.refused.join(", ") || "nothing"}`);
  await proxy.stop();
  await stage.strike();
});

async function push(name: string, title: string): Promise<void> {
  const text = `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata:\n  name: ${name}\nspec:\n  title: ${title}\n---\n`;
  await remote.commit([{ path: `${name}.md`, text }], title);
  await stage.sync("acme");
}

/** Resolves once the condition holds, which is looked at after each event. */
class Until {
  #waiting: (() => void)[] = [];
  tell(): void {
    for (const look of this.#waiting) look();
  }
  async holds(condition: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (condition()) resolve();
      };
      this.#waiting.push(look);
      look();
    });
  }
}

async function refusalOf(work: Promise<unknown>): Promise<{ code: number; reason: string; message: string }> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ApiException)) throw new Error(`it was not refused by the API: ${error}`);
  return typeof error.body === "string" ? JSON.parse(error.body) : error.body;
}

describe("an informer", () => {
  it("goes on over three reconnects, cuts included, with one list, and sees every change once", async () => {
    const custom = config.makeApiClient(CustomObjectsApi);
    const informer = makeInformer<Product>(
      config,
      PATH,
      () => custom.listNamespacedCustomObject(PRODUCTS) as Promise<ProductList>,
    );
    const seen: string[] = [];
    const until = new Until();
    const note = (type: string) => (object: Product) => {
      seen.push(`${type} ${object.metadata?.name} ${object.spec.title}`);
      until.tell();
    };
    let failures = 0;
    informer.on("add", note("add"));
    informer.on("update", note("update"));
    informer.on("delete", note("delete"));
    informer.on("error", () => {
      // As its documentation has it: an error stops the informer, and who wants to go on starts it again.
      failures += 1;
      void informer.start();
    });
    await informer.start();
    const title = () => informer.get("hat", "acme")?.spec.title;
    await until.holds(() => title() === "A hat");
    for (const [round, how] of (["end", "cut", "end"] as const).entries()) {
      await push("hat", `Live ${round}`);
      await until.holds(() => title() === `Live ${round}`);
      expect(proxy.break(how)).toBe(1);
      // Written while nobody listens: it comes with the resume.
      await push("hat", `Gap ${round}`);
      await until.holds(() => title() === `Gap ${round}`);
    }
    await remote.commit([{ path: "hat.md", text: null }], "Remove the hat");
    await stage.sync("acme");
    await until.holds(() => informer.get("hat", "acme") === undefined);
    await informer.stop();
    expect(seen).toEqual([
      "add hat A hat",
      ...[0, 1, 2].flatMap((round) => [`update hat Live ${round}`, `update hat Gap ${round}`]),
      "delete hat Gap 2",
    ]);
    expect(failures).toBe(1);
    const asked = proxy.heard.filter(({ path }) => path.startsWith(`/clusters/acme${PATH}`));
    expect(asked.filter(({ path }) => path.includes("watch=true")).length).toBe(4);
    // One for the start; another only where the cut made the client begin anew.
    expect(asked.filter(({ path }) => !path.includes("watch=true")).length).toBeLessThanOrEqual(2);
    await push("hat", "A hat");
  });

  it("that resumes from a version that is too old lists again", async () => {
    const events: { type: string; code?: number }[] = [];
    const over = Promise.withResolvers<void>();
    await new Watch(config).watch(
      PATH,
      { resourceVersion: "9007199254740000" },
      (type: string, object: { code?: number }) => {
        events.push({ type, ...(object.code === undefined ? {} : { code: object.code }) });
      },
      () => over.resolve(),
    );
    await over.promise;
    expect(events).toEqual([{ type: "ERROR", code: 410 }]);
  });
});

describe("status", () => {
  it("is replaced by who read it last, and a stale writer gets 409", async () => {
    const custom = config.makeApiClient(CustomObjectsApi);
    const read = (await custom.getNamespacedCustomObject({ ...PRODUCTS, name: "hat" })) as Product;
    const ready = { type: "Ready", status: "True", reason: "Checked", message: "fine" };
    const write = (object: Product, message: string) =>
      custom.replaceNamespacedCustomObjectStatus({
        ...PRODUCTS,
        name: "hat",
        body: { ...object, status: { ...object.status, conditions: [{ ...ready, message }] } },
      }) as Promise<Product>;
    const written = await write(read, "fine");
    expect(Number(written.metadata?.resourceVersion)).toBeGreaterThan(Number(read.metadata?.resourceVersion));
    expect(written.status?.conditions).toMatchObject([ready]);
    expect(await refusalOf(write(read, "late"))).toMatchObject({ code: 409, reason: "Conflict" });
    const again = await write(written, "fine");
    expect(again.metadata?.resourceVersion).toBe(written.metadata?.resourceVersion);
  });

  it("is patched with the version it was made from", async () => {
    const custom = config.makeApiClient(CustomObjectsApi);
    const read = (await custom.getNamespacedCustomObject({ ...PRODUCTS, name: "hat" })) as Product;
    const patch = (resourceVersion: string | undefined) =>
      custom.patchNamespacedCustomObjectStatus(
        {
          ...PRODUCTS,
          name: "hat",
          body: {
            metadata: { resourceVersion },
            status: { conditions: [{ type: "Indexed", status: "True", reason: "Done", message: "" }] },
          },
        },
        // The client takes the first format of its list, JSON patch, unless told.
        setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
      ) as Promise<Product>;
    const patched = await patch(read.metadata?.resourceVersion);
    expect(patched.status?.conditions?.map(({ type }) => type)).toEqual(expect.arrayContaining(["Ready", "Indexed"]));
    expect((await refusalOf(patch(read.metadata?.resourceVersion))).code).toBe(409);
    expect((await refusalOf(patch(undefined))).code).toBe(422);
  });
});

describe("objects", () => {
  it("are found by discovery, read and listed by the generic client; what Git owns is 405", async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const header = { apiVersion: "catalog.gitstore.dev/v1beta1", kind: "Product" };
    const hat = await objects.read<Product>({ ...header, metadata: { name: "hat", namespace: "acme" } });
    expect(hat.spec.title).toBe("A hat");
    const list = await objects.list<Product>(header.apiVersion, header.kind, "acme");
    expect(list.items.map(({ metadata }) => metadata?.name)).toEqual(["hat"]);
    const refused = await refusalOf(
      objects.patch(
        { ...header, metadata: { name: "hat", namespace: "acme" }, spec: { title: "Other" } } as Product,
        undefined,
        undefined,
        "test",
        undefined,
        PatchStrategy.MergePatch,
      ),
    );
    expect(refused).toMatchObject({ code: 405, message: expect.stringContaining("is owned by Git: commit it to") });
  });

  it("that the API owns are created, changed and deleted", async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const channel: KubernetesObject = {
      apiVersion: "release.gitstore.dev/v1beta1",
      kind: "Channel",
      metadata: { name: "preview", namespace: "acme" },
    };
    const made = await objects.create(channel);
    expect(made.metadata?.uid).toBeTruthy();
    const replaced = await objects.replace({ ...made, metadata: { ...made.metadata, labels: { a: "b" } } });
    expect(replaced.metadata?.labels).toEqual({ a: "b" });
    expect((await objects.delete(made)).status).toBe("Success");
    expect((await refusalOf(objects.read({ ...channel, metadata: { name: "preview", namespace: "acme" } }))).code).toBe(
      404,
    );
  });

  it("say who may do what, and which version this is", async () => {
    const access = config.makeApiClient(AuthorizationV1Api);
    const { status } = await access.createSelfSubjectAccessReview({
      body: { spec: { resourceAttributes: { verb: "list", group: PRODUCTS.group, resource: "products" } } },
    });
    expect(status?.allowed).toBe(true);
    expect((await config.makeApiClient(VersionApi).getCode()).gitVersion).toContain("gitstore-edge");
  });
});

describe("leader election by a lease", () => {
  it("has one leader, and a watcher who sees each renewal", async () => {
    const leases = config.makeApiClient(CoordinationV1Api);
    const spec = (holderIdentity: string) => ({
      holderIdentity,
      leaseDurationSeconds: 15,
      acquireTime: new V1MicroTime(),
      renewTime: new V1MicroTime(),
      leaseTransitions: 0,
    });
    const create = (me: string) =>
      leases.createNamespacedLease({
        namespace: "acme",
        body: { metadata: { name: "leader", namespace: "acme" }, spec: spec(me) },
      });
    const begun = await Promise.allSettled([create("a"), create("b")]);
    expect(begun.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const { metadata } = await leases.listNamespacedLease({ namespace: "acme" });
    const seen: string[] = [];
    const until = new Until();
    const watch = await new Watch(config).watch(
      "/apis/coordination.k8s.io/v1/namespaces/acme/leases",
      { resourceVersion: metadata?.resourceVersion ?? "" },
      (type: string, lease: { spec: { renewTime: string } }) => {
        seen.push(type);
        expect(lease.spec.renewTime).toMatch(/\.[0-9]{6}Z$/);
        until.tell();
      },
      () => undefined,
    );
    for (let renewal = 1; renewal <= 3; renewal += 1) {
      const held = await leases.readNamespacedLease({ namespace: "acme", name: "leader" });
      const renew = () =>
        leases.replaceNamespacedLease({
          namespace: "acme",
          name: "leader",
          body: { ...held, spec: { ...held.spec, renewTime: new V1MicroTime() } },
        });
      await renew();
      expect((await refusalOf(renew())).reason).toBe("Conflict");
    }
    await until.holds(() => seen.length === 3);
    expect(seen).toEqual(["MODIFIED", "MODIFIED", "MODIFIED"]);
    watch.abort();
  });

  it("is taken over by one of two who find it expired; the loser, and the leader that slept, get 409", async () => {
    const leases = config.makeApiClient(CoordinationV1Api);
    const name = "taken";
    const acquired = {
      holderIdentity: "a",
      leaseDurationSeconds: 1,
      acquireTime: new V1MicroTime(),
      leaseTransitions: 0,
    };
    const held = await leases.createNamespacedLease({
      namespace: "acme",
      // Long ago: it has expired.
      body: { metadata: { name, namespace: "acme" }, spec: { ...acquired, renewTime: new V1MicroTime(0) } },
    });
    const take = async (me: string) => {
      const found = await leases.readNamespacedLease({ namespace: "acme", name });
      return {
        me,
        body: {
          ...found,
          spec: { ...acquired, holderIdentity: me, renewTime: new V1MicroTime(), leaseTransitions: 1 },
        },
      };
    };
    // Both have read the same state before either writes.
    const takers = await Promise.all([take("b"), take("c")]);
    const written = await Promise.allSettled(
      takers.map(({ body }) => leases.replaceNamespacedLease({ namespace: "acme", name, body })),
    );
    const winners = takers.filter((_, at) => written[at]?.status === "fulfilled").map(({ me }) => me);
    expect(winners).toHaveLength(1);
    const lost = written.find(({ status }) => status === "rejected") as PromiseRejectedResult;
    expect(await refusalOf(Promise.reject(lost.reason))).toMatchObject({ code: 409, reason: "Conflict" });
    const slept = leases.replaceNamespacedLease({ namespace: "acme", name, body: held });
    expect(await refusalOf(slept)).toMatchObject({ code: 409, reason: "Conflict" });
    const now = await leases.readNamespacedLease({ namespace: "acme", name });
    expect(now.spec).toMatchObject({ holderIdentity: winners[0], leaseTransitions: 1 });
  });
});
