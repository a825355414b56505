/** A ledger's store on node:sqlite, and the core behind each input mode as a transport of the status suite. */
import type { StatusInput, StatusOutcome, StatusWrite } from "../../../../src/ledger/api.ts";
import { Kinds, selectableText } from "../../../../src/ledger/kinds.ts";
import { makeObject, metaOf } from "../../../../src/ledger/object.ts";
import { migrate } from "../../../../src/ledger/schema.ts";
import { writeStatus } from "../../../../src/ledger/status/write.ts";
import { Store } from "../../../../src/ledger/store.ts";
import type { Transaction } from "../../../../src/ledger/transaction.ts";
import { parseFile } from "../../../../src/resource/parse.ts";
import type { Condition, Resource } from "../../../../src/resource/types.ts";
import { inputFields, jsonPatchBody, mergePatchBody, objectBody } from "../../../conformance/status/encode.ts";
import { fileOf, GADGETS_YAML } from "../../../conformance/status/kinds.ts";
import type {
  Answer,
  Seen,
  StatusTransport,
  StatusWorld,
  TestKind,
  TestObject,
  TestWrite,
  Trait,
  Writer,
} from "../../../conformance/status/types.ts";
import { memoryStorage } from "../../git/support/storage.ts";

export type Mode = StatusInput["mode"];

const ALWAYS: Trait[] = ["force", "fieldManager", "idempotencyKey", "dryRun"];
export const MODES: Record<Mode, ReadonlySet<Trait>> = {
  put: new Set<Trait>([...ALWAYS, "replacesOwn", "wholeObject", "anyField"]),
  apply: new Set<Trait>([...ALWAYS, "replacesOwn", "wholeObject", "anyField"]),
  merge: new Set<Trait>([...ALWAYS, "anyField"]),
  json: new Set<Trait>([...ALWAYS, "wholeObject", "anyField"]),
  update: new Set<Trait>([...ALWAYS, "replacesOwn", "wholeObject"]),
  product: new Set<Trait>([...ALWAYS, "wholeObject"]),
};

export const NAMESPACE = "acme";
let made = 0;

export class CoreWorld implements StatusWorld {
  readonly kind: TestKind;
  readonly transport: StatusTransport;
  readonly store: Store;
  readonly kinds: Kinds;
  #now = Date.parse("2026-01-01T00:00:00Z");
  #titles = 0;

  constructor(kind: TestKind, mode: Mode) {
    this.kind = kind;
    const storage = memoryStorage();
    migrate(storage);
    this.store = new Store(storage, () => this.#now);
    this.store.load();
    this.kinds = new Kinds(this.store);
    this.#put(".gitstore/gadgets.yaml", GADGETS_YAML, []);
    this.kinds.forget();
    this.transport = {
      name: mode,
      traits: MODES[mode],
      write: async (writer, write) => this.#write(mode, writer, write),
    };
  }

  commit<T>(request: (tx: Transaction) => T): T {
    const [result] = this.store.commit([request]).results;
    if (result && "value" in result) return result.value;
    throw result?.thrown;
  }

  update(input: StatusInput, writer: Writer, write: TestWrite): StatusOutcome {
    const { plural: _, apiVersion, kind } = this.kind;
    return this.commit((tx) =>
      writeStatus(
        {
          kind: `${write.kind ?? kind}.${apiVersion.slice(0, apiVersion.indexOf("/"))}`,
          name: write.name,
          input,
          sub: writer.sub,
          admin: writer.may === "admin",
          ...(write.force ? { force: true } : {}),
          ...(write.fieldManager ? { fieldManager: write.fieldManager } : {}),
          ...(write.idempotencyKey ? { idempotencyKey: write.idempotencyKey } : {}),
          ...(write.dryRun ? { dryRun: true } : {}),
        },
        { store: this.store, kinds: this.kinds },
        tx,
      ),
    );
  }

  writeAs(tx: Transaction, request: StatusWrite): StatusOutcome {
    return writeStatus(request, { store: this.store, kinds: this.kinds }, tx);
  }

  #write(mode: Mode, writer: Writer, write: TestWrite): Answer {
    const found = this.store.find(this.#key(), write.name);
    const current = found && (JSON.parse(found.json) as TestObject);
    return answerOf(this.update(inputOf(mode, this.kind, write, write.read ?? current), writer, write));
  }

  #key(): string {
    return `${this.kind.kind}.${this.kind.apiVersion.slice(0, this.kind.apiVersion.indexOf("/"))}`;
  }

  /** What admission does with a file, without the push around it. */
  #put(path: string, text: string, conditions: Condition[]): TestObject {
    const outcome = parseFile(path, text, { namespace: NAMESPACE, registry: this.kinds.registry() });
    if (outcome.outcome !== "resource") throw new Error(JSON.stringify(outcome));
    const { candidate } = outcome;
    const kind = this.kinds.get(candidate.identity.kind);
    if (!kind) throw new Error(`no kind ${candidate.identity.kind}`);
    const before = this.store.find(candidate.identity.kind, candidate.identity.name);
    const json = this.commit((tx) => {
      const { resource, owners } = makeObject({
        kind,
        namespace: NAMESPACE,
        candidate,
        before,
        conditions,
        now: tx.now,
        revision: "main@sha1:01",
        random: (bytes) => new Uint8Array(bytes).fill(++made % 256),
      });
      const sel = selectableText(kind, resource);
      const beforeSel = before ? selectableText(kind, JSON.parse(before.json) as Resource) : null;
      const put = { kind: candidate.identity.kind, resource, sel, meta: metaOf(candidate, owners), before, beforeSel };
      return tx.put(put).json;
    });
    return JSON.parse(json) as TestObject;
  }

  async make(name: string): Promise<TestObject> {
    const condition: Condition = { type: "ReferencesResolved", status: "True", reason: "Resolved", message: "" };
    return this.#put(`${name}.md`, fileOf(this.kind, name, `Title ${++this.#titles}`), [condition]);
  }

  async change(name: string): Promise<TestObject> {
    return await this.make(name);
  }

  async remove(name: string): Promise<void> {
    const head = this.store.find(this.#key(), name);
    if (!head) throw new Error(`there is no ${name}`);
    this.commit((tx) => tx.remove(this.#key(), name, head, {}));
  }

  async read(name: string): Promise<TestObject> {
    const head = this.store.find(this.#key(), name);
    if (!head) throw new Error(`there is no ${name}`);
    return JSON.parse(head.json) as TestObject;
  }

  async head(): Promise<number> {
    return this.store.head;
  }

  /** Nobody watches a store: its log is what watchers read. */
  async observe(): Promise<{ settle(): Promise<Record<string, Seen[]>> }> {
    const from = this.store.head;
    return {
      settle: async () => ({
        log: this.store.storage.sql
          .exec<{ rv: number; type: number; name: string }>("SELECT rv, type, name FROM versions WHERE rv > ?", from)
          .toArray()
          .map(({ rv, type, name }) => ({
            type: ["", "ADDED", "MODIFIED", "DELETED"][type] ?? "",
            name,
            rv: String(rv),
          })),
      }),
    };
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}

export function inputOf(mode: Mode, kind: TestKind, write: TestWrite, current: TestObject | undefined): StatusInput {
  switch (mode) {
    case "put":
    case "apply":
      return { mode, object: objectBody(kind, write) };
    case "merge":
      return { mode, patch: mergePatchBody(write) };
    case "json":
      return { mode, patch: jsonPatchBody(write, current) };
    default: {
      const { kind: _, name, namespace, force, fieldManager, idempotencyKey, ...fields } = inputFields(kind, "", write);
      return { mode, fields };
    }
  }
}

export function answerOf(outcome: StatusOutcome): Answer {
  switch (outcome.outcome) {
    case "written":
    case "noop":
      return { outcome: "accepted", object: JSON.parse(outcome.object) as TestObject };
    case "conflict": {
      const { conflict } = outcome;
      const current = conflict.current as TestObject["status"];
      return { outcome: "conflict", conflict: { ...conflict, current, text: JSON.stringify(conflict) } };
    }
    case "refused": {
      const { code } = outcome.refusal;
      const codes = { NotFound: "NOT_FOUND", KindNotFound: "KIND_NOT_FOUND", SpecImmutable: "SPEC_IMMUTABLE" } as const;
      const known =
        code === "NotFound" || code === "KindNotFound" || code === "SpecImmutable" ? codes[code] : undefined;
      return { outcome: "refused", code: known ?? "BAD_USER_INPUT", text: JSON.stringify(outcome.refusal) };
    }
  }
}
