/**
 * The log as it should be seen: pure, made of a reference read of all of it. From it follow the state at every RV and
 * what each watch must be sent; nothing here is shared with the code under test.
 */
import { fingerprint } from "./equal.ts";
import type { EventType, RecordedEvent, WatchedObject } from "./history.ts";
import { kindOf } from "./history.ts";
import { type Selection, selects } from "./selection.ts";

/** One resourceVersion: one change of one object, or one GitEvent (`LOGGED`), which is no object. */
export interface Change {
  rv: number;
  type: EventType | "LOGGED";
  key: string;
  object: WatchedObject;
  /** Whether it ends its transaction; absent where the reference read cannot tell (over the public API). */
  ends?: boolean;
}

export interface Range {
  from: number;
  to: number;
}

export interface LogOptions {
  /** RVs that a restore skipped: no change has them. */
  skipped?: readonly Range[];
  /** The lowest RV from which a watch may be resumed now: at and above it, 410 is a fault. */
  floor?: number;
}

export class LogModel {
  readonly changes: readonly Change[];
  readonly head: number;
  readonly floor: number;
  readonly skipped: readonly Range[];
  /** What is wrong with the log itself, in words. */
  readonly problems: readonly string[];
  readonly #byRv = new Map<number, Change>();
  readonly #before = new Map<number, Change>();
  readonly #byKey = new Map<string, Change[]>();
  readonly #eventIds = new Map<string, number>();
  readonly #transactions = new Map<number, Range>();

  constructor(changes: readonly Change[], options: LogOptions = {}) {
    this.changes = changes;
    this.head = changes.at(-1)?.rv ?? 1;
    this.floor = options.floor ?? 1;
    this.skipped = options.skipped ?? [];
    this.problems = this.#read();
  }

  at(rv: number): Change | undefined {
    return this.#byRv.get(rv);
  }

  /** The version that a change replaced or deleted; undefined where there was none. */
  before(change: Change): Change | undefined {
    return this.#before.get(change.rv);
  }

  /** The transaction an RV belongs to; undefined where the reference read did not tell. */
  transaction(rv: number): Range | undefined {
    return this.#transactions.get(rv);
  }

  /** Every version of one object, its deletions included, oldest first. */
  versions(key: string): readonly Change[] {
    return this.#byKey.get(key) ?? [];
  }

  /** Changes after `after`, up to and with `upTo`. */
  between(after: number, upTo: number): readonly Change[] {
    let low = 0;
    let high = this.changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.changes[middle]?.rv ?? 0) <= after) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while ((this.changes[end]?.rv ?? Number.POSITIVE_INFINITY) <= upTo) end += 1;
    return this.changes.slice(low, end);
  }

  /** The objects (and, where asked for, the GitEvents) selected at one RV, by key. */
  state(rv: number, selection: Selection): Map<string, Change> {
    const state = new Map<string, Change>();
    for (const [key, versions] of this.#byKey) {
      const version = versions.findLast((change) => change.rv <= rv);
      if (version && version.type !== "DELETED" && selects(selection, version.object)) state.set(key, version);
    }
    return state;
  }

  /** The event that a change is to a watch; undefined where its selection lets nothing of it through. */
  event(change: Change, selection: Selection): RecordedEvent | undefined {
    const before = this.before(change);
    const wasIn = before !== undefined && selects(selection, before.object);
    const isIn = change.type !== "DELETED" && selects(selection, change.object);
    const { rv, key } = change;
    if (isIn) return { type: wasIn ? "MODIFIED" : "ADDED", rv, key, object: change.object };
    if (!wasIn) return undefined;
    return { type: "DELETED", rv, key, object: withVersion(before.object, rv) };
  }

  /** What a watch gets for (after, upTo]. */
  events(selection: Selection, after: number, upTo = this.head): RecordedEvent[] {
    return this.between(after, upTo).flatMap((change) => this.event(change, selection) ?? []);
  }

  /** Whether no change may have this RV. */
  isSkipped(rv: number): boolean {
    return this.skipped.some(({ from, to }) => from <= rv && rv <= to);
  }

  #read(): string[] {
    const problems: string[] = [];
    let expected = this.changes[0]?.rv ?? 2;
    let begins: number | undefined;
    for (const change of this.changes) {
      while (this.isSkipped(expected)) expected += 1;
      if (change.rv !== expected) problems.push(`RV ${change.rv} follows ${expected - 1}: each change takes the next`);
      expected = change.rv + 1;
      this.#byRv.set(change.rv, change);
      const problem = this.#follow(change);
      if (problem) problems.push(`RV ${change.rv}, ${change.type} ${change.key}: ${problem}`);
      begins ??= change.rv;
      if (!change.ends) continue;
      for (let rv = begins; rv <= change.rv; rv++) this.#transactions.set(rv, { from: begins, to: change.rv });
      begins = undefined;
    }
    return problems;
  }

  #follow(change: Change): string | undefined {
    const versions = this.#byKey.get(change.key) ?? [];
    const newest = versions.at(-1);
    const before = newest?.type === "DELETED" ? undefined : newest;
    this.#byKey.set(change.key, [...versions, change]);
    if (before) this.#before.set(change.rv, before);
    if (Number(change.object.metadata.resourceVersion) !== change.rv)
      return `its object says resourceVersion ${change.object.metadata.resourceVersion}`;
    if (change.key !== `${kindOf(change.object)}/${change.object.metadata.name}`)
      return `its object is ${kindOf(change.object)}/${change.object.metadata.name}`;
    switch (change.type) {
      case "ADDED":
        return before ? `it is there since RV ${before.rv}` : undefined;
      case "LOGGED":
        return newest ? `that event has RV ${newest.rv} already` : this.#recordedTwice(change);
      case "MODIFIED":
        return before ? undefined : "there was nothing to modify";
      case "DELETED":
        if (!before) return "there was nothing to delete";
        return fingerprint(withVersion(before.object, change.rv)) === fingerprint(change.object)
          ? undefined
          : "it does not carry the last object with the deletion's RV";
    }
  }

  /** A push that is applied twice would record its events twice: their ids are made of what they are about. */
  #recordedTwice(change: Change): string | undefined {
    const { id } = (change.object.spec ?? {}) as { id?: string };
    if (id === undefined) return undefined;
    const known = this.#eventIds.get(id);
    this.#eventIds.set(id, change.rv);
    return known === undefined ? undefined : `event ${id} was recorded at RV ${known} already`;
  }
}

/** An object as DELETED carries it: its last content with the RV of the change that ended it. */
export function withVersion(object: WatchedObject, rv: number): WatchedObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(rv) } };
}
