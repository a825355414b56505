/** What goes on beside a status write: on its connection, and on the object's own path. */
import { beforeAll, describe, expect, it } from "vitest";
import { CATEGORY } from "../../conformance/status/kinds.ts";
import { condition } from "../../conformance/status/support.ts";
import { ask, newNamespace, tokenFor } from "../support/http.ts";
import { StatusSocket, socket } from "./socket.ts";
import { WorkerWorld } from "./world.ts";

describe("answers to status frames", () => {
  it("are outside of the window: they come where no event may be sent any more, and take none of it", async () => {
    const world = await WorkerWorld.open(CATEGORY, socket);
    const made = await world.make("tops");
    const connection = await StatusSocket.open(world, { sub: "serviceaccount:acme:a", may: "status" }, "&window=65536");
    connection.ack = false;
    // More than the window of events, which are not acknowledged.
    await expect
      .poll(
        async () => {
          await world.change("tops");
          return (await world.ledger.stub.stats()).watchers.parked;
        },
        { timeout: 25_000, interval: 1 },
      )
      .toBe(1);
    const { sent } = connection.frames.at(-1) ?? {};
    const write = async () => {
      const { resourceVersion } = (await world.read("tops")).metadata;
      const message = crypto.randomUUID();
      return await connection.ask({
        kind: "CategoryTaxonomy",
        name: "tops",
        resourceVersion,
        conditions: [condition("Ready", "True", { message })],
      });
    };
    for (let i = 0; i < 3; i += 1) expect((await write())?.result?.metadata.uid).toBe(made.metadata.uid);
    expect(connection.frames.at(-1)?.sent).toBe(sent);
    // The events of its own writes wait with the others, and come when it reads.
    const now = (await world.read("tops")).metadata.resourceVersion;
    connection.ack = true;
    connection.send({ ack: sent });
    await expect.poll(() => connection.frames.at(-1)?.rv).toBe(now);
    connection.close();
  });
});

describe("the object's own path, of kinds that the API owns", () => {
  let admin: string;
  let path: string;
  beforeAll(async () => {
    admin = await tokenFor({ role: "admin" });
    path = `/apis/gitstore.dev/v1beta1/namespaces/${await newNamespace(admin)}/repositories`;
  });
  const forged = { conditions: [condition("Ready")], phase: "published" };

  it("takes no status: one that is made or replaced with another keeps its own", async () => {
    const body = {
      apiVersion: "gitstore.dev/v1beta1",
      kind: "Repository",
      metadata: { name: "made" },
      spec: {},
      status: forged,
    };
    const made = await ask(admin, path, { method: "POST", body });
    expect(made.status).toBe(201);
    expect(made.body.status.conditions.map(({ type }: { type: string }) => type)).toEqual(["Bound"]);
    expect(made.body.status.phase).toBeUndefined();
    const put = await ask(admin, `${path}/made`, { method: "PUT", body: { ...made.body, status: forged } });
    const headers = { "content-type": "application/merge-patch+json" };
    const patch = await ask(admin, `${path}/made`, {
      method: "PATCH",
      headers,
      body: JSON.stringify({ status: forged }),
    });
    expect([put.status, patch.status]).toEqual([200, 200]);
    expect([put.body, patch.body]).toEqual([made.body, made.body]);
  });
});
