import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { repositoryOf } from "../../../src/config.ts";
import { ask, newNamespace, tokenFor } from "../support/http.ts";
import { bindings } from "../support/ledger.ts";
import { countRows } from "../support/rows.ts";

let namespace: string;
let secret: string;
const stub = () => bindings.REPOSITORY.get(bindings.REPOSITORY.idFromName(`${namespace}/catalog`));

beforeAll(async () => {
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("nobody is at home", { status: 503 }));
  const admin = await tokenFor({ role: "admin" });
  namespace = await newNamespace(admin, "rows");
  const path = `/apis/gitstore.dev/v1beta1/namespaces/${namespace}/repositories`;
  const spec = { url: "https://git.example/catalog.git", provider: "git", poll: "off" };
  await ask(admin, path, { method: "POST", body: { metadata: { name: "catalog" }, spec } });
  secret = (await ask(admin, `${path}/catalog/rotate-secret`, { method: "POST" })).body.secret;
});
afterAll(() => {
  vi.restoreAllMocks();
});

let sent = 0;
async function deliver(): Promise<number> {
  sent += 1;
  const id = `delivery-${sent}`;
  const at = new Date();
  const oid = (n: number) => n.toString(16).padStart(40, "0");
  const updates = [{ ref: "refs/heads/main", old: oid(sent), new: oid(sent + 1) }];
  const body = JSON.stringify({ repository: `${namespace}/catalog`, updates });
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
  return (await repositoryOf(bindings, namespace, "catalog").deliver({ headers, body: new TextEncoder().encode(body) }))
    .status;
}

/** Rows that one delivery, and the failing look it wakes, read and write. */
async function cost(): Promise<{ read: number; written: number }> {
  return countRows(stub(), async () => {
    expect(await deliver()).toBe(202);
    await runDurableObjectAlarm(stub());
  });
}

it("a delivery and its look read and write no more rows behind 5,000 others than behind none", async () => {
  await cost(); // the first failure writes a condition
  const before = await cost();
  await runInDurableObject(stub(), (_, { storage }) => {
    const now = Date.now();
    for (let i = 0; i < 5_000; i++) {
      storage.sql.exec("INSERT INTO deliveries VALUES (?, ?, 'accepted')", `earlier-${i}`, now);
      storage.sql.exec(
        "INSERT INTO hints (delivery, provider, ref, before, after, actor, received_at) VALUES (?, 'git', 'refs/heads/main', ?, ?, '{}', ?)",
        `earlier-${i}`,
        `${i}`,
        `${i + 1}`,
        now,
      );
      storage.sql.exec("INSERT INTO syncs VALUES (?, ?, 0, ?)", `sync-${i}`, now, `{"state":"done","refs":[]}`);
    }
  });
  const after = await cost();
  // The runtime may fire the alarm too, for a look of its own: twice as much is not growth.
  expect(after.read).toBeLessThan(3 * before.read);
  expect(after.written).toBeLessThan(3 * before.written);
});
