import { describe, expect, it } from "vitest";
import { ask, tokenFor } from "../support/http.ts";
import { must, newLedger } from "../support/ledger.ts";
import { watch } from "../support/watcher.ts";

const named = (name: string) => ({ name, standby: false });

describe("the watchers of a namespace over HTTP", () => {
  it("are all shown to an operator, and only its own to a controller", async () => {
    const ledger = await newLedger("watchers");
    await watch(ledger, { watcher: named("mine"), sub: "serviceaccount:c" });
    await watch(ledger, { watcher: named("other"), sub: "serviceaccount:d" });
    const names = async (token: string): Promise<string[]> =>
      (await ask(token, `/watchers/${ledger.name}`)).body.items.map(({ name }: { name: string }) => name);
    expect(await names(await tokenFor({ role: "operator", namespaces: [ledger.name] }))).toEqual(["mine", "other"]);
    expect(await names(await tokenFor({ role: "controller", namespaces: [ledger.name] }, "serviceaccount:c"))).toEqual([
      "mine",
    ]);
    expect(
      (await ask(await tokenFor({ role: "operator", namespaces: ["elsewhere"] }), `/watchers/${ledger.name}`)).status,
    ).toBe(403);
  });

  it("are forgotten by their own subject, by an operator, and by nobody else", async () => {
    const ledger = await newLedger("watchers");
    await watch(ledger, { watcher: named("w"), sub: "serviceaccount:c" });
    const other = await tokenFor({ role: "controller", namespaces: [ledger.name] }, "serviceaccount:d");
    const path = `/watchers/${ledger.name}/w?subject=serviceaccount:c`;
    expect((await ask(other, path, { method: "DELETE" })).status).toBe(403);
    expect((await ask(other, `/watchers/${ledger.name}/w`, { method: "DELETE" })).status).toBe(404);
    expect(
      (await ask(await tokenFor({ role: "operator", namespaces: [ledger.name] }), path, { method: "DELETE" })).status,
    ).toBe(200);
    expect(await must(ledger.stub.watchers())).toEqual([]);
  });

  it("fence a write whose GitStore-Watcher header names an older epoch, and refuse one that is malformed", async () => {
    const ledger = await newLedger("watchers");
    const token = await tokenFor({ role: "admin" }, "serviceaccount:c");
    await watch(ledger, { watcher: named("w"), sub: "serviceaccount:c" });
    await watch(ledger, { watcher: named("w"), sub: "serviceaccount:c" });
    const create = (name: string, header: string) =>
      ask(token, `/apis/release.gitstore.dev/v1beta1/namespaces/${ledger.name}/channels`, {
        method: "POST",
        headers: { "gitstore-watcher": header },
        body: { apiVersion: "release.gitstore.dev/v1beta1", kind: "Channel", metadata: { name }, spec: {} },
      });
    const late = await create("late", "w/1");
    expect([late.status, late.body.reason]).toEqual([409, "Fenced"]);
    expect((await create("now", "w/2")).status).toBe(201);
    expect((await create("bad", "w")).status).toBe(400);
  });
});
