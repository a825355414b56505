/**
 * Branch and tag patterns as in GitHub Actions filters: `*` any characters but `/`, `**` any, `?` zero or one of the
 * preceding, `+` one or more of the preceding, `[…]` one of a class, `\` escapes, a leading `!` excludes. The last
 * pattern that matches decides. A name is matched whole.
 *
 * A pattern becomes a small automaton whose states are stepped together, so time is linear in the name whatever the
 * pattern: patterns and names come from outside, and a backtracking match of `*a*a*a*b` would stall the object.
 */
interface Atom {
  matches(char: string): boolean;
  /** Whether it may be left out, and whether it may repeat. */
  optional: boolean;
  repeats: boolean;
}

const compiled = new Map<string, Atom[]>();
const MAX_COMPILED = 1_000;

/** Whether the name is selected by the list; an empty list, or one of exclusions only, selects nothing. */
export function matchesAny(globs: readonly string[], name: string): boolean {
  let selected = false;
  for (const glob of globs) {
    const excludes = glob.startsWith("!");
    // Only a pattern that would change the outcome needs to be tried.
    if (selected !== excludes) continue;
    if (matches(excludes ? glob.slice(1) : glob, name)) selected = !excludes;
  }
  return selected;
}

/** Null, or what is wrong with a pattern. */
export function globError(glob: string): string | null {
  try {
    parse(glob.startsWith("!") ? glob.slice(1) : glob);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function matches(glob: string, name: string): boolean {
  let atoms = compiled.get(glob);
  if (atoms === undefined) {
    try {
      atoms = parse(glob);
    } catch {
      // Refused when the Repository is written; one that got here all the same selects nothing.
      return false;
    }
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(glob, atoms);
  }
  // State i: the atoms before i are done. `reach` adds the states that optional atoms lead to without a character.
  let states = reach(atoms, new Set([0]));
  for (const char of name) {
    const next = new Set<number>();
    for (const state of states) {
      const atom = atoms[state];
      if (atom?.matches(char)) next.add(atom.repeats ? state : state + 1);
      // One that repeats may also end here.
      if (atom?.repeats && atom.matches(char)) next.add(state + 1);
    }
    if (next.size === 0) return false;
    states = reach(atoms, next);
  }
  return states.has(atoms.length);
}

function reach(atoms: readonly Atom[], states: Set<number>): Set<number> {
  // A set's iteration also visits what is added on the way.
  for (const state of states) if (atoms[state]?.optional) states.add(state + 1);
  return states;
}

function parse(glob: string): Atom[] {
  const atoms: Atom[] = [];
  const chars = [...glob];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? "";
    const last = atoms.at(-1);
    if (char === "*") {
      const any = chars[at + 1] === "*";
      if (any) at++;
      atoms.push({ matches: any ? () => true : (c) => c !== "/", optional: true, repeats: true });
    } else if (char === "?" || char === "+") {
      if (last === undefined) throw new Error(`${JSON.stringify(glob)}: "${char}" has nothing before it`);
      if (char === "?") last.optional = true;
      else last.repeats = true;
    } else if (char === "[") {
      const end = chars.indexOf("]", at + 2);
      if (end < 0) throw new Error(`${JSON.stringify(glob)}: "[" is not closed`);
      atoms.push({ matches: charClass(chars.slice(at + 1, end)), optional: false, repeats: false });
      at = end;
    } else {
      const literal = char === "\\" ? chars[++at] : char;
      if (literal === undefined) throw new Error(`${JSON.stringify(glob)}: "\\" has nothing after it`);
      atoms.push({ matches: (c) => c === literal, optional: false, repeats: false });
    }
  }
  return atoms;
}

function charClass(chars: string[]): (char: string) => boolean {
  const ranges: [string, string][] = [];
  for (let at = 0; at < chars.length; at++) {
    const from = chars[at] ?? "";
    const to = chars[at + 1] === "-" ? chars[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return (char) => ranges.some(([from, to]) => char >= from && char <= to);
}
