/** Who changes things: a repository that pushes (and recovers as the real one does), and API clients. */
import type { GitState, PushChunk, PushHeader } from "../../../src/ledger/api.ts";
import { chunksOf, headerOf, type TestLedger } from "../../worker/support/ledger.ts";
import { type Effect, MARK, type WriteOutcome } from "../history.ts";
import type { Recorder } from "../recorder.ts";
import type { Stage } from "../stage/stage.ts";
import { CHANNEL, labelsOf, PRODUCT, productFile } from "./content.ts";
import type { Draw } from "./draw.ts";

export interface World {
  stage: Stage;
  recorder: Recorder;
  draw: Draw;
  /** Whatever is wrong and no check looks at: an answer that must not be. */
  problems: string[];
}

let marks = 0;
function newMark(): string {
  marks += 1;
  return `m${marks}`;
}

interface Open {
  header: PushHeader;
  chunks: PushChunk[];
  effects: Effect[][];
  next: number;
  /** An answer is missing: what became of it is read before anything else is sent. */
  unsure: boolean;
}

export interface PushSize {
  changes: number;
  /** Of each file's body. */
  bytes: number;
  chunkSize: number;
}

/** One branch. Its names are its own, so that no push is refused for another branch's sake. */
export class Branch {
  readonly #name: string;
  readonly #world: World;
  readonly #ledger: TestLedger;
  readonly #alive = new Set<string>();
  #open: Open | undefined;

  constructor(name: string, world: World) {
    this.#name = name;
    this.#world = world;
    const { stage } = world;
    this.#ledger = { name: stage.name, stub: stage.ledger, repository: stage.repository, refs: new Map() };
  }

  get busy(): boolean {
    return this.#open !== undefined;
  }

  /** Draws a push; nothing is sent yet. */
  begin({ changes, bytes, chunkSize }: PushSize): void {
    const { draw, stage } = this.#world;
    const files: Record<string, string> = {};
    const deletes: Record<string, { kind: string; name: string }> = {};
    const marksOf = new Map<string, string>();
    while (Object.keys(files).length + Object.keys(deletes).length < changes) {
      const name = `${this.#name}-${draw.below(60)}`;
      const path = `${name}.md`;
      if (path in files || path in deletes) continue;
      if (this.#alive.has(name) && draw.chance(25)) {
        deletes[path] = { kind: PRODUCT, name };
        this.#alive.delete(name);
      } else {
        const mark = newMark();
        marksOf.set(name, mark);
        files[path] = productFile(name, mark, labelsOf(draw), bytes);
        this.#alive.add(name);
      }
    }
    const push = { ref: `refs/heads/${this.#name}`, files, deletes, chunkSize };
    this.#ledger.stub = stage.ledger;
    const header = headerOf(this.#ledger, push);
    const chunks = chunksOf(this.#ledger, push, header);
    const effects = chunks.map(({ ops }) =>
      ops.map((op): Effect => {
        if (op.op === "upsert") {
          const { kind, name } = op.candidate.identity;
          return { does: "put", key: `${kind}/${name}`, mark: marksOf.get(name) ?? "" };
        }
        const identity = op.op === "delete" ? op.identity : { kind: "", name: "" };
        return { does: "delete", key: `${identity.kind}/${identity.name}` };
      }),
    );
    this.#open = { header, chunks, effects, next: 0, unsure: false };
  }

  /** Sends the next chunk of the open push, or first finds out what became of the last one. */
  async go(): Promise<void> {
    const open = this.#open;
    if (!open) return;
    if (open.unsure && !(await this.#recover(open))) return;
    const chunk = open.chunks[open.next];
    if (!chunk) return this.#done(open);
    const outcome = await this.#world.recorder.write(open.effects[open.next] ?? [], () => this.#send(chunk, open));
    if (outcome.known !== "applied") return;
    open.next += 1;
    if (open.next === open.chunks.length) this.#done(open);
  }

  async #send(chunk: PushChunk, open: Open): Promise<WriteOutcome> {
    try {
      const answer = await this.#world.stage.ledger.applyPush(chunk);
      if (answer.result === "applied") return { known: "applied", rv: Number(answer.rv) };
      this.#world.problems.push(`chunk ${chunk.seq} of ${this.#name} was answered ${JSON.stringify(answer)}`);
      open.unsure = true;
      return { known: "refused", why: answer.result };
    } catch (error) {
      open.unsure = true;
      return { known: "unknown", why: String(error) };
    }
  }

  /** As the repository object does after a crash: the ledger says what it has applied. False: it did not say. */
  async #recover(open: Open): Promise<boolean> {
    const state = await this.#gitState();
    if (!state) return false;
    const { ref, new: oid, move } = open.header;
    const inProgress = state.open.find(({ push }) => push.ref === ref);
    const applied = state.refs.find((each) => each.ref === ref);
    const before = open.next;
    if (inProgress) open.next = inProgress.push.new === oid ? inProgress.next : open.chunks.length + 1;
    else if (applied?.oid === oid && applied.move === move) open.next = open.chunks.length;
    else open.next = 0;
    if (open.next < before || open.next > before + 1)
      this.#world.problems.push(`${ref}: chunk ${before} was under way, and the ledger is at chunk ${open.next}`);
    open.unsure = false;
    return true;
  }

  async #gitState(): Promise<GitState | undefined> {
    try {
      const state = await this.#world.stage.ledger.gitState(this.#ledger.repository.name);
      if (state.ok) return state.value;
      this.#world.problems.push(`gitState was answered ${JSON.stringify(state.error)}`);
    } catch {
      // The object died under it: asked again later.
    }
    return undefined;
  }

  #done({ header }: Open): void {
    this.#ledger.refs.set(`${header.repository.uid} ${header.ref}`, { oid: header.new, move: header.move });
    this.#open = undefined;
  }
}

/** An API client that writes Channels, now and then against an RV that is not the newest. */
export class ApiWriter {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Draws now; the request goes out when the result is called. */
  draw(): () => Promise<void> {
    const { draw } = this.#world;
    const name = `c${draw.below(8)}`;
    const operation = draw.one(["CREATE", "UPDATE", "UPDATE", "DELETE"] as const);
    const mark = newMark();
    const labels = labelsOf(draw);
    const stale = draw.chance(10);
    const key = `${CHANNEL}/${name}`;
    const effects: Effect[] = operation === "DELETE" ? [{ does: "delete", key }] : [{ does: "put", key, mark }];
    const resource = {
      apiVersion: "release.gitstore.dev/v1beta1",
      kind: "Channel",
      metadata: { name, labels, annotations: { [MARK]: mark } },
      spec: {},
    };
    return async () => {
      await this.#world.recorder.write(effects, () =>
        this.#answer(
          this.#world.stage.ledger.write({
            operation,
            kind: CHANNEL,
            name,
            ...(operation === "DELETE" ? {} : { resource }),
            ...(stale ? { precondition: { resourceVersion: "1" } } : {}),
            actor: "campaign",
          }),
        ),
      );
    };
  }

  /** What the repository object writes beside pushes: a condition, or an event of no push. */
  drawSystem(): () => Promise<void> {
    const { draw, stage, recorder } = this.#world;
    const mark = newMark();
    const { repository } = stage;
    const time = "2026-01-01T00:00:00Z";
    if (draw.chance(50)) {
      const patch = {
        conditions: [{ type: "Ready", status: draw.one(["True", "False"]), reason: "Campaign", message: mark }],
      };
      return async () => {
        await recorder.write([], () => this.#answer(stage.ledger.setRepositoryStatus(repository.name, patch as never)));
      };
    }
    const event = {
      repository,
      type: "dev.gitstore.git.push.rejected.v1",
      subject: "refs/heads/main",
      key: mark,
      time,
      data: {},
    };
    return async () => {
      await recorder.write([], () => this.#answer(stage.ledger.recordEvent(event)));
    };
  }

  async #answer(
    request: Promise<{ ok: true; value: { rv: string } } | { ok: false; error: { code: string } }>,
  ): Promise<WriteOutcome> {
    try {
      const answer = await request;
      return answer.ok
        ? { known: "applied", rv: Number(answer.value.rv) }
        : { known: "refused", why: answer.error.code };
    } catch (error) {
      return { known: "unknown", why: String(error) };
    }
  }
}
