/**
 * Faults of the server itself, one of a kind, planted where its parts meet: what the campaign is worth is shown by
 * their being found.
 */
import type { Entry } from "../../../src/ledger/entry.ts";
import type { Watching } from "../../../src/ledger/watching.ts";
import type { Window, WindowRow } from "../../../src/ledger/window.ts";

export interface Bug {
  /** What it breaks, as the promise begins that must be named. */
  breaks: string;
  committed?: (entries: readonly Entry[], tell: Watching["committed"]) => void;
  append?: (rows: readonly WindowRow[]) => readonly WindowRow[];
  read?: (rows: WindowRow[]) => WindowRow[];
}

export const BUGS: Readonly<Record<string, Bug>> = {
  "a broadcast that leaves an event out": {
    breaks: "Reliable",
    committed: (entries, tell) => tell(entries.filter((_, i) => i !== 1 || entries.length < 3)),
  },
  "a broadcast out of order": {
    breaks: "Ordered",
    committed: (entries, tell) => {
      const [first, second, third, ...rest] = entries;
      tell(first && second && third && rest.length > 0 ? [first, third, second, ...rest] : entries);
    },
  },
  "a broadcast of half a transaction": {
    breaks: "Atomic",
    committed: (entries, tell) => {
      const half = entries.length >> 1;
      if (half > 0) tell(entries.slice(0, half));
      tell(entries.slice(half));
    },
  },
  "a broadcast of the event before as well": {
    breaks: "Unique",
    committed: (entries, tell) => {
      const [first, second, ...rest] = entries;
      tell(first && second ? [first, second, second, ...rest] : entries);
    },
  },
  "a flush that loses a row": {
    breaks: "Nothing is lost",
    append: (rows) => rows.filter(({ rv }) => rv % 13 !== 0),
  },
  "a replay that has forgotten what was before": {
    breaks: "Reliable",
    read: (rows) => rows.map((row) => ({ ...row, before: null, psel: null })),
  },
};

export function buggyWatch(real: Watching, { committed }: Bug): Watching {
  return committed ? { ...real, committed: (entries) => committed(entries, real.committed) } : real;
}

export function buggyWindow(real: Window, { append, read }: Bug): Window {
  return new Proxy(real, {
    get(target, key: keyof Window) {
      if (key === "append" && append)
        return async (...[rows, ...rest]: Parameters<Window["append"]>) => target.append(append(rows), ...rest);
      if (key === "read" && read)
        return async (...args: Parameters<Window["read"]>) => read(await target.read(...args));
      return (...args: unknown[]) => (target[key] as (...args: unknown[]) => unknown).apply(target, args);
    },
  });
}
