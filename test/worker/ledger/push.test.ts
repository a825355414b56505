import { describe, expect, it } from "vitest";
import { addRepository, headOf, must, newLedger, newOid, productText, push } from "../support/ledger.ts";
import { type WatchedEvent, watch } from "../support/watcher.ts";

const PRODUCT = "Product.catalog.gitstore.dev";
const eventName = (object: WatchedEvent["object"]): string => (object.spec as { type: string }).type;

describe("a push in the ledger", () => {
  it("begins at RV 1 and takes dense RVs", async () => {
    const ledger = await newLedger();
    expect((await must(ledger.stub.head())).rv).toBe("2"); // 1: the ledger, 2: its repository
    await push(ledger, { files: { "a.md": productText("a", "A"), "b.md": productText("b", "B") } });
    const watcher = await watch(ledger, {
      kinds: [PRODUCT, "GitEvent.events.gitstore.dev", "Repository.gitstore.dev"],
    });
    const head = await headOf(ledger);
    await watcher.untilRv(head);
    expect(watcher.events.map(({ object }) => Number(object.metadata.resourceVersion))).toEqual(
      Array.from({ length: head - 1 }, (_, i) => i + 2),
    );
  });

  it("writes namespace-target, ref event, parsed, changes, admission-evaluated and the applied ref, in that order and one frame", async () => {
    const ledger = await newLedger();
    const from = await headOf(ledger);
    await push(ledger, { files: { "a.md": productText("a", "A"), "b.md": productText("b", "B") } });
    const watcher = await watch(ledger, {
      start: { from: "rv", rv: from },
      kinds: [PRODUCT, "GitEvent.events.gitstore.dev", "Repository.gitstore.dev"],
    });
    await watcher.untilRv(await headOf(ledger));
    const told = watcher.events.map(
      ({ type, object }) =>
        `${type} ${object.kind === "GitEvent" ? eventName(object) : `${object.kind}/${object.metadata.name}`}`,
    );
    expect(told).toEqual([
      "ADDED dev.gitstore.catalog.namespace.target.v1",
      "ADDED dev.gitstore.git.branch.created.v1",
      "ADDED dev.gitstore.catalog.resource.parsed.v1",
      "ADDED dev.gitstore.catalog.resource.parsed.v1",
      "ADDED Product/a",
      "ADDED Product/b",
      "ADDED dev.gitstore.catalog.admission.evaluated.v1",
      "MODIFIED Repository/catalog",
    ]);
    expect(watcher.frames.filter((frame) => frame.events.length > 0)).toHaveLength(1);
  });

  it("gives uid, generation and RV by the table of identity rules", async () => {
    const ledger = await newLedger();
    const read = async (): Promise<{ uid: string; generation: number; rv: string }> => {
      const { metadata } = JSON.parse(await must(ledger.stub.get(PRODUCT, "a"))) as {
        metadata: { uid: string; generation: number; resourceVersion: string };
      };
      return { uid: metadata.uid, generation: metadata.generation, rv: metadata.resourceVersion };
    };
    const text = productText("a", "A");
    await push(ledger, { files: { "a.md": text } });
    const added = await read();
    expect(added.generation).toBe(1);

    await push(ledger, { files: { "a.md": text.replace("kind: Product", "kind:   Product") } });
    expect(await read(), "white space changes nothing").toEqual(added);

    await push(ledger, { files: { "a.md": productText("a", "Another") } });
    const edited = await read();
    expect(edited).toMatchObject({ uid: added.uid, generation: 2 });
    expect(Number(edited.rv)).toBeGreaterThan(Number(added.rv));

    await push(ledger, { files: { "a.md": productText("a", "Another").replace("shop/section", "shop/part") } });
    const labelled = await read();
    expect(labelled, "labels are no new generation").toMatchObject({ uid: added.uid, generation: 2 });
    expect(labelled.rv).not.toBe(edited.rv);

    await push(ledger, { files: { "moved/a.md": productText("a", "Another").replace("shop/section", "shop/part") } });
    const moved = await read();
    expect(moved, "a move keeps uid and generation").toMatchObject({ uid: added.uid, generation: 2 });
    expect(moved.rv).not.toBe(labelled.rv);

    await push(ledger, { deletes: { "moved/a.md": { kind: PRODUCT, name: "a" } } });
    expect(await ledger.stub.get(PRODUCT, "a")).toMatchObject({ ok: false, error: { code: "NotFound" } });

    await push(ledger, { files: { "a.md": text } });
    const again = await read();
    expect(again.generation).toBe(1);
    expect(again.uid).not.toBe(added.uid);
  });

  it("keeps the admitted spec of a file that stops parsing, tells the failure once, and clears it with the next good version", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const fail = {
      op: "fail" as const,
      path: "a.md",
      blob: newOid(),
      identity: { kind: PRODUCT, name: "a" },
      stage: "parse" as const,
      errors: [{ path: "a.md", line: 3, column: 1, field: "", reason: "MalformedYAML" as const, message: "a tab" }],
    };
    await push(ledger, { fails: [fail] });
    const failed = JSON.parse(await must(ledger.stub.get(PRODUCT, "a"))) as {
      spec: unknown;
      status: { admissionFailure?: { path: string; errors: unknown[] } };
    };
    expect(failed.spec).toEqual({ title: "A" });
    expect(failed.status.admissionFailure).toMatchObject({ path: "a.md", errors: fail.errors });
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const mended = JSON.parse(await must(ledger.stub.get(PRODUCT, "a"))) as { status: object };
    expect(mended.status).not.toHaveProperty("admissionFailure");
  });

  it("keeps what was never admitted as a rejected record, without an RV of its own", async () => {
    const ledger = await newLedger();
    await push(ledger, {
      fails: [
        {
          op: "fail",
          path: "x.md",
          blob: newOid(),
          stage: "schema",
          errors: [{ field: "spec.title", reason: "TooLong", message: "201" }],
        },
      ],
    });
    expect((await must(ledger.stub.rejected({ limit: 10 }))).records).toMatchObject([
      { path: "x.md", branch: "main", repository: "catalog", stage: "schema" },
    ]);
    await push(ledger, { files: { "x.md": productText("x", "X") } });
    expect((await must(ledger.stub.rejected({ limit: 10 }))).records).toEqual([]);
  });

  it("refuses an identity that another repository holds, and moves it over in the transaction in which the owner lets go", async () => {
    const ledger = await newLedger();
    const other = await addRepository(ledger.stub, "other");
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const before = JSON.parse(await must(ledger.stub.get(PRODUCT, "a"))) as { metadata: { uid: string } };
    const refused = await push(ledger, { files: { "b.md": productText("a", "B") }, repository: other });
    expect(refused).toMatchObject({ admitted: 0, refused: 1 });
    const { records } = await must(ledger.stub.rejected({ limit: 10 }));
    expect(records[0]?.errors[0]).toMatchObject({
      reason: "DuplicateResource",
      message: expect.stringContaining("catalog:a.md"),
    });
    await push(ledger, { deletes: { "a.md": { kind: PRODUCT, name: "a" } } });
    const after = JSON.parse(await must(ledger.stub.get(PRODUCT, "a"))) as {
      metadata: { uid: string; generation: number };
      spec: { title: string };
    };
    expect(after).toMatchObject({ metadata: { uid: before.metadata.uid, generation: 2 }, spec: { title: "B" } });
    expect((await must(ledger.stub.rejected({ limit: 10 }))).records).toEqual([]);
  });

  it("refuses a branch that would overwrite another's state without descending from it, naming both, and takes it once it merged", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const main = ledger.refs.get(`${ledger.repository.uid} refs/heads/main`)?.oid ?? "";
    await push(ledger, { ref: "refs/heads/draft", files: { "a.md": productText("a", "A") } }); // equal: joins
    await push(ledger, { ref: "refs/heads/draft", files: { "a.md": productText("a", "Draft") } });
    const draft = ledger.refs.get(`${ledger.repository.uid} refs/heads/draft`)?.oid ?? "";
    expect(main).not.toBe(draft);
    const refused = await push(ledger, { files: { "a.md": productText("a", "Main") }, ancestry: { [draft]: false } });
    expect(refused).toMatchObject({ refused: 1 });
    const object = JSON.parse(await must(ledger.stub.get(PRODUCT, "a"))) as {
      spec: object;
      status: { admissionFailure: { errors: { reason: string; message: string }[] } };
    };
    expect(object.spec).toEqual({ title: "Draft" });
    expect(object.status.admissionFailure.errors[0]).toMatchObject({
      reason: "DivergedBranch",
      message: expect.stringMatching(/main.*draft/),
    });
    await push(ledger, { files: { "a.md": productText("a", "Merged") }, ancestry: { [draft]: true } });
    expect(JSON.parse(await must(ledger.stub.get(PRODUCT, "a")))).toMatchObject({ spec: { title: "Merged" } });
  });

  it("refuses a chunk that is not the next one and a push that is not from the applied oid, and writes nothing", async () => {
    const ledger = await newLedger();
    await push(ledger, { files: { "a.md": productText("a", "A") } });
    const head = await headOf(ledger);
    const stale = { ...ledger, refs: new Map() };
    await expect(push(stale, { files: { "b.md": productText("b", "B") } })).rejects.toThrow(/is applied at/);
    expect(await headOf(ledger)).toBe(head);
  });

  it("applies a push of several transactions in order and shows its end in status.applied only with the last", async () => {
    const ledger = await newLedger();
    const files = Object.fromEntries(
      Array.from({ length: 25 }, (_, i) => [`p${i}.md`, productText(`p${i}`, `P ${i}`)]),
    );
    await push(ledger, { files, chunkSize: 10 });
    const repository = JSON.parse(await must(ledger.stub.get("Repository.gitstore.dev", "catalog"))) as {
      status: { applied: Record<string, string> };
    };
    expect(repository.status.applied["refs/heads/main"]).toBe(
      ledger.refs.get(`${ledger.repository.uid} refs/heads/main`)?.oid,
    );
    const list = await must(ledger.stub.list({ kind: PRODUCT, limit: 100 }));
    expect(list.items).toHaveLength(25);
  });
});
