/** The replay window's rows in D1, without a ledger in front of them. */
import { describe, expect, it } from "vitest";
import { D1Window, DIRECT_ROW_BYTES, type WindowRow } from "../../../src/ledger/window.ts";
import { bindings } from "../support/ledger.ts";

/** The largest RV that a key has room for. */
const MAX_RV = 2 ** 40 - 1;

let made = 0;
function newWindow(): { ns: string; window: D1Window } {
  made += 1;
  const ns = `window-${made}-${crypto.randomUUID().slice(0, 8)}`;
  return { ns, window: new D1Window(bindings.REPLAY, ns) };
}

function row(rv: number, more: Partial<WindowRow> = {}): WindowRow {
  const json = JSON.stringify({ metadata: { name: `p${rv}`, uid: `uid-${rv}` } });
  const sel = '{"l":{"shop/section":"é"},"f":{}}';
  return {
    rv,
    type: 2,
    kind: "K.g",
    name: `p${rv}`,
    prev: 0,
    last: 1,
    at: rv,
    sel,
    psel: null,
    json,
    before: null,
    ...more,
  };
}

const append = (window: D1Window, rows: WindowRow[]): Promise<number> => window.append(rows, [], 0, 0);

describe("a row of the window", () => {
  it("comes back as it went, whatever it is made of", async () => {
    const { window } = newWindow();
    const rows = [
      row(1, { type: 1, name: "ä/\"'", psel: '{"l":{}}', json: '{"metadata":{"uid":"1"},"text":"\\"plain\\" \\\\ "}' }),
      row(2, { json: '{"text":"größer, 日本, 🛒"}', before: '{"text":"vorher"}' }),
      row(3, { type: 3, prev: 1, last: 2, json: "{}" }),
      row(4, { json: JSON.stringify({ text: "x".repeat(DIRECT_ROW_BYTES) }) }),
      row(5),
    ];
    await append(window, rows);
    expect(await window.read(0, 5, 10)).toEqual(rows);
  });

  it("is there once, however often it is sent", async () => {
    const { window } = newWindow();
    const rows = [row(1), row(2, { before: "{}" }), row(3)];
    for (let i = 0; i < 3; i++) await append(window, rows.slice(0, i + 1));
    expect(await window.read(0, 10, 10)).toEqual(rows);
  });

  it("is of its own namespace only, up to the last RV that a key has room for", async () => {
    const [one, two] = [newWindow(), newWindow()];
    const rows = [row(1), row(2, { before: "{}" }), row(MAX_RV - 1), row(MAX_RV, { type: 4, before: "{}" })];
    for (const { window } of [one, two]) await append(window, rows);
    const all = { after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: 100 };
    for (const { window } of [one, two]) {
      expect(await window.read(all.after, all.upTo, all.limit)).toEqual(rows);
      expect(await window.read(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 100)).toEqual([]);
      expect((await window.events(all.after, all.upTo, all.limit)).map(({ rv }) => rv)).toEqual([MAX_RV]);
      expect(await window.agedOut(0, MAX_RV, Number.MAX_SAFE_INTEGER, 100)).toBe(MAX_RV);
    }
    expect(await one.window.prune(Number.MAX_SAFE_INTEGER)).toBe(4);
    expect(await one.window.read(all.after, all.upTo, all.limit)).toEqual([]);
    expect(await two.window.read(all.after, all.upTo, all.limit)).toEqual(rows);
    await append(one.window, [row(7)]);
    await two.window.drop();
    expect(await two.window.read(all.after, all.upTo, all.limit)).toEqual([]);
    expect(await one.window.read(all.after, all.upTo, all.limit)).toEqual([row(7)]);
  });

  it("is nothing to a namespace that has none", async () => {
    const { window } = newWindow();
    expect(await window.bounds()).toBeUndefined();
    expect(await window.read(0, 10, 10)).toEqual([]);
    expect(await window.prune(10)).toBe(0);
  });
});

describe("the bounds of the window", () => {
  it("grow with each flush, and stay where it comes again", async () => {
    const { window } = newWindow();
    await append(window, [row(5), row(6)]);
    expect(await window.bounds()).toEqual({ floor: 4, head: 6 });
    await append(window, [row(7)]);
    await append(window, [row(5), row(6)]);
    expect(await window.bounds()).toEqual({ floor: 4, head: 7 });
  });

  it("begin behind what was flushed elsewhere, and behind what the ledger had to drop", async () => {
    const { window } = newWindow();
    await append(window, [row(5)]);
    await append(window, [row(20), row(21)]);
    expect(await window.bounds()).toEqual({ floor: 19, head: 21 });
    await window.append([row(22)], [], 0, 20);
    expect(await window.bounds()).toEqual({ floor: 20, head: 22 });
  });

  it("never reach into another namespace's keys: such a flush is refused", async () => {
    const { window } = newWindow();
    await expect(append(window, [row(MAX_RV), row(MAX_RV + 1)])).rejects.toThrow(
      "beyond what the replay window can hold",
    );
    expect(await window.bounds()).toBeUndefined();
  });
});

describe("a window that is dropped", () => {
  const left = async (ns: string): Promise<unknown> =>
    await bindings.REPLAY.prepare("SELECT count(*) AS n FROM events WHERE ns = ?").bind(ns).first("n");

  it("takes along what an older version left of it", async () => {
    const { ns, window } = newWindow();
    await bindings.REPLAY.prepare("INSERT INTO events VALUES (?, 1, 1, 'K.g', 'a', 0, 1, 5, '{}', NULL, '{}')")
      .bind(ns)
      .run();
    expect(await left(ns)).toBe(1);
    await window.drop();
    expect(await left(ns)).toBe(0);
  });

  it("does not need the tables of older versions", async () => {
    const { window } = newWindow();
    await bindings.REPLAY.exec("ALTER TABLE events RENAME TO events_gone");
    await append(window, [row(1)]);
    await window.drop();
    expect(await window.read(0, 10, 10)).toEqual([]);
    await bindings.REPLAY.exec("ALTER TABLE events_gone RENAME TO events");
  });
});
