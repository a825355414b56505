import { describe, expect, it } from "vitest";
import { type Hint, planMoves, refTypeOf, shortName, stepsBetween } from "../../../../src/git/plan/moves.ts";

const oid = (digit: string) => digit.repeat(40);
const [A, B, C, D] = [oid("a"), oid("b"), oid("c"), oid("d")];
const main = "refs/heads/main";

let seq = 0;
const hint = (before: string | null, after: string | null, ref = main): Hint => ({
  seq: ++seq,
  delivery: `d${seq}`,
  provider: "github",
  ref,
  before,
  after,
  actor: { name: "alice", email: null, id: null, provider: "github" },
  receivedAt: 0,
});
const applied = (ref: string, at: string | null, move = 1) => ({ ref, oid: at, peeled: at, move });
const observed = (name: string, at: string, peeled: string | null = null) => ({ name, oid: at, peeled });
const plan = (
  before: ReturnType<typeof applied>[],
  now: ReturnType<typeof observed>[],
  hints: Hint[] = [],
  exists: (id: string) => boolean = () => true,
) => planMoves(before, now, hints, exists);
const short = (moves: ReturnType<typeof plan>) =>
  moves.map(({ ref, old, new: next, move }) => `${shortName(ref)} ${old?.[0] ?? "-"}→${next?.[0] ?? "-"} #${move}`);

describe("moves", () => {
  it("are none where nothing moved, or moved and came back", () => {
    expect(plan([applied(main, A)], [observed(main, A)], [hint(A, B), hint(B, A)])).toEqual([]);
  });

  it("come branches first, then tags, each by name, whatever order they are told in", () => {
    const refs = ["refs/tags/a", "refs/heads/z", "refs/heads/b", "refs/tags/B", "refs/heads/b/c"];
    const moves = plan(
      [],
      refs.map((ref) => observed(ref, A)),
    );
    expect(moves.map(({ ref }) => ref)).toEqual([
      "refs/heads/b",
      "refs/heads/b/c",
      "refs/heads/z",
      "refs/tags/B",
      "refs/tags/a",
    ]);
    expect(
      plan(
        [],
        [...refs].reverse().map((ref) => observed(ref, A)),
      ),
    ).toEqual(moves);
  });

  it("count on from the ref's counter, which a deletion does not reset", () => {
    expect(short(plan([applied(main, A, 4)], [observed(main, B)]))).toEqual(["main a→b #5"]);
    expect(short(plan([applied(main, A, 5)], []))).toEqual(["main a→- #6"]);
    expect(short(plan([applied(main, null, 6)], [observed(main, B)]))).toEqual(["main -→b #7"]);
    expect(plan([applied(main, null, 6)], [])).toEqual([]);
  });

  it("give an annotated tag what it leads to", () => {
    const [move] = plan([], [observed("refs/tags/v1", A, B)]);
    expect(move).toMatchObject({ refType: "tag", new: A, peeled: B });
  });

  it("leave out refs that are neither branches nor tags", () => {
    expect(plan([], [observed("refs/pull/1/head", A), observed("refs/notes/commits", A)])).toEqual([]);
    expect(refTypeOf("HEAD")).toBeNull();
  });
});

describe("a chain of deliveries", () => {
  it("that joins applied to observed gives each step, with its own delivery, in any order of arrival", () => {
    const [third, first, second] = [hint(C, D), hint(A, B), hint(B, C)];
    const moves = plan([applied(main, A)], [observed(main, D)], [third, first, second]);
    expect(short(moves)).toEqual(["main a→b #2", "main b→c #3", "main c→d #4"]);
    expect(moves.map((move) => move.hint)).toEqual([first, second, third]);
    expect(moves.map((move) => move.last)).toEqual([false, false, true]);
    expect(moves.map((move) => move.peeled)).toEqual([null, null, D]);
    expect(stepsBetween([applied(main, A)], [observed(main, D)], [third, first, second])).toEqual([B, C]);
  });

  it("with a gap, or a step that does not exist, collapses into one move with the last delivery", () => {
    const last = hint(C, D);
    expect(plan([applied(main, A)], [observed(main, D)], [hint(A, B), last])).toMatchObject([
      { old: A, new: D, hint: last },
    ]);
    const joined = [hint(A, B), hint(B, D)];
    const moves = plan([applied(main, A)], [observed(main, D)], joined, (id) => id !== B);
    expect(moves).toMatchObject([{ old: A, new: D, hint: joined[1], last: true }]);
  });

  it("through a deletion gives both, and doubled deliveries no more", () => {
    const hints = [hint(A, null), hint(A, null), hint(null, B), hint(null, B)];
    expect(short(plan([applied(main, A)], [observed(main, B)], hints))).toEqual(["main a→- #2", "main -→b #3"]);
  });

  it("in circles ends, and takes the shortest way", () => {
    const hints = [hint(A, B), hint(B, A), hint(B, C), hint(A, C)];
    expect(short(plan([applied(main, A)], [observed(main, C)], hints))).toEqual(["main a→c #2"]);
  });

  it("of another ref, or to another end, is none of this one's", () => {
    const hints = [hint(A, B, "refs/heads/other"), hint(A, C)];
    expect(plan([applied(main, A)], [observed(main, B)], hints)).toMatchObject([{ old: A, new: B, hint: null }]);
  });

  it("of which a provider does not tell the oids (create, delete) still names who did it", () => {
    const told = hint(null, null);
    expect(plan([applied(main, A)], [], [told])).toMatchObject([{ new: null, hint: told }]);
    expect(plan([], [observed(main, A)], [told])).toMatchObject([{ new: A, hint: told }]);
    expect(plan([applied(main, A)], [observed(main, B)], [told])).toMatchObject([{ new: B, hint: null }]);
  });
});
