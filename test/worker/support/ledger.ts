import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { type Env, ledgerOf } from "../../../src/config.ts";
import type { LedgerStub, PushChunk, PushHeader, PushOp, PushResult } from "../../../src/ledger/api.ts";
import type { KindRegistry } from "../../../src/resource/kind.ts";
import { parseFile } from "../../../src/resource/parse.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";
import type { Candidate } from "../../../src/resource/types.ts";
import { type Controls, controlsOf } from "./controls.ts";

export const bindings = env as unknown as Env;

let made = 0;

export interface TestLedger {
  name: string;
  stub: LedgerStub;
  repository: { uid: string; name: string };
  /** Oid and move counter of each ref, as the repository object would have read them. */
  refs: Map<string, { oid: string | null; move: number }>;
}

/** A new namespace with one repository. Names are unique, because storage is shared within a file. */
export async function newLedger(prefix = "ns"): Promise<TestLedger> {
  made += 1;
  const name = `${prefix}-${made}-${crypto.randomUUID().slice(0, 8)}`;
  const stub = ledgerOf(bindings, name);
  controlsOf(name).alone = true;
  await must(stub.open({ name, uid: crypto.randomUUID() }));
  return { name, stub, repository: await addRepository(stub, "catalog"), refs: new Map() };
}

export async function addRepository(stub: LedgerStub, name: string): Promise<{ uid: string; name: string }> {
  const written = await must(
    stub.write({
      operation: "CREATE",
      kind: "Repository.gitstore.dev",
      name,
      resource: {
        apiVersion: "gitstore.dev/v1beta1",
        kind: "Repository",
        metadata: { name },
        spec: { url: `https://git.example/${name}.git`, provider: "git", poll: "off" },
      },
      actor: "test",
    }),
  );
  return { uid: (JSON.parse(written.object) as { metadata: { uid: string } }).metadata.uid, name };
}

export async function must<T>(result: Promise<{ ok: true; value: T } | { ok: false; error: unknown }>): Promise<T> {
  const settled = await result;
  if (!settled.ok) throw new Error(`refused: ${JSON.stringify(settled.error)}`);
  return settled.value;
}

export function productText(name: string, title: string, extra = ""): string {
  return `---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\nmetadata:\n  name: ${name}\n  labels:\n    shop/section: ${title.length % 2 === 0 ? "even" : "odd"}\nspec:\n  title: ${JSON.stringify(title)}\n${extra}---\n\n# ${name}\n`;
}

export function candidateOf(path: string, text: string, namespace: string, registry = coreRegistry): Candidate {
  const outcome = parseFile(path, text, { namespace, registry });
  if (outcome.outcome !== "resource") throw new Error(`${path}: ${JSON.stringify(outcome)}`);
  return outcome.candidate;
}

let oids = 0;
export function newOid(): string {
  oids += 1;
  return oids.toString(16).padStart(40, "0");
}

export interface TestPush {
  ref?: string;
  /** Path → text; null deletes the identity given in `deletes`. */
  files?: Record<string, string>;
  deletes?: Record<string, { kind: string; name: string }>;
  fails?: Extract<PushOp, { op: "fail" }>[];
  forced?: boolean;
  new?: string | null;
  chunkSize?: number;
  /** With custom kinds of the test's own. */
  registry?: KindRegistry;
  ancestry?: Record<string, boolean>;
  repository?: { uid: string; name: string };
}

export function headerOf(ledger: TestLedger, push: TestPush): PushHeader {
  const ref = push.ref ?? "refs/heads/main";
  const repository = push.repository ?? ledger.repository;
  const known = ledger.refs.get(`${repository.uid} ${ref}`) ?? { oid: null, move: 0 };
  const oid = push.new === undefined ? newOid() : push.new;
  return {
    repository,
    ref,
    refType: ref.startsWith("refs/tags/") ? "tag" : "branch",
    old: known.oid,
    new: oid,
    peeled: oid,
    objectType: null,
    move: known.move + 1,
    forced: push.forced ?? false,
    commit:
      oid === null
        ? null
        : {
            sha: oid,
            tree: newOid(),
            message: "a commit",
            author: { name: "A", email: "a@example.com", time: "2026-01-01T00:00:00Z" },
            committer: { name: "A", email: "a@example.com", time: "2026-01-01T00:00:00Z" },
          },
    actor: { name: "A", email: "a@example.com", id: null, provider: "git" },
    observedVia: "hook",
    policy: { branches: ["main", "draft"], releaseTags: ["v[0-9]*"], matched: true },
    time: "2026-01-01T00:00:00Z",
  };
}

export function chunksOf(ledger: TestLedger, push: TestPush, header: PushHeader): PushChunk[] {
  const ops: PushOp[] = [];
  for (const [path, identity] of Object.entries(push.deletes ?? {})) ops.push({ op: "delete", path, identity });
  for (const [path, text] of Object.entries(push.files ?? {})) {
    ops.push({ op: "upsert", path, blob: newOid(), candidate: candidateOf(path, text, ledger.name, push.registry) });
  }
  ops.push(...(push.fails ?? []));
  const size = push.chunkSize ?? 1_000;
  const chunks: PushChunk[] = [];
  for (let i = 0; i === 0 || i < ops.length; i += size) {
    const part = ops.slice(i, i + size);
    chunks.push({
      push: header,
      seq: chunks.length,
      final: i + size >= ops.length,
      parsed: part.flatMap((op) =>
        op.op === "upsert"
          ? [{ kind: op.candidate.resource.kind, name: op.candidate.identity.name, path: op.path, blob: op.blob }]
          : [],
      ),
      ops: part,
      index: part.map((op) => ({
        path: op.path,
        oid: op.op === "delete" ? null : op.blob,
        identity: op.op === "upsert" ? op.candidate.identity : op.op === "fail" ? (op.identity ?? null) : null,
      })),
      changed: {
        files: ops.length,
        resources: Object.keys(push.files ?? {}).length,
        deleted: Object.keys(push.deletes ?? {}).length,
      },
      ...(push.ancestry ? { ancestry: push.ancestry } : {}),
    });
  }
  return chunks;
}

/** Applies a whole push and remembers where its ref is; returns the last chunk's result. */
export async function push(ledger: TestLedger, what: TestPush): Promise<Extract<PushResult, { result: "applied" }>> {
  const header = headerOf(ledger, what);
  let last: PushResult | undefined;
  for (const chunk of chunksOf(ledger, what, header)) {
    last = await ledger.stub.applyPush(chunk);
    if (last.result !== "applied") throw new Error(JSON.stringify(last));
  }
  if (last?.result !== "applied") throw new Error("nothing was applied");
  ledger.refs.set(`${header.repository.uid} ${header.ref}`, { oid: header.new, move: header.move });
  return last;
}

export async function runAlarm(ledger: TestLedger): Promise<boolean> {
  return runDurableObjectAlarm(bindings.LEDGER.get(bindings.LEDGER.idFromName(ledger.name)));
}

/** Everything the log has, as a watcher of all kinds from the beginning would get it: the reference for other watchers. */
export async function headOf(ledger: TestLedger): Promise<number> {
  return Number((await must(ledger.stub.head())).rv);
}

export function controlsOfLedger(ledger: TestLedger): Controls {
  return controlsOf(ledger.name);
}
