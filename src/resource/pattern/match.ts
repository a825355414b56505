/**
 * Runs a pattern in time linear in the value (Thompson's simulation). Patterns of custom kinds come from whoever may
 * push to a namespace: with the platform's backtracking, `(a+)+$` would hold its ledger for minutes.
 */
import type { CharSet } from "./charSet.ts";
import { type Node, PatternError, parsePattern } from "./syntax.ts";

export interface Pattern {
  /** Whether the pattern is found anywhere in the value, as in Kubernetes: anchor it to match the whole. */
  test(value: string): boolean;
}

type Instruction =
  | { op: "char"; set: CharSet; next: number }
  | { op: "split"; next: number; other: number }
  | { op: "assert"; at: "start" | "end" | "wordBoundary" | "noWordBoundary"; next: number }
  | { op: "match" };

const MAX_INSTRUCTIONS = 2000;
/** Of the tree's nodes, each as often as repetitions write it out: nested repetitions of nothing emit no instruction. */
const MAX_EMITTED = 50_000;

export function compilePattern(source: string): Pattern {
  const program = compile(parsePattern(source));
  return { test: (value) => run(program, value) };
}

/** Why a pattern cannot be used, or undefined where it can. */
export function patternProblem(source: string): string | undefined {
  try {
    compilePattern(source);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return `must be a regular expression in RE2's syntax: ${error.message}`;
    throw error;
  }
}

const TOO_LARGE = "it is too large once its repetitions are written out";

/** Instructions are emitted back to front: each node is given what comes after it. */
function compile(root: Node): { program: Instruction[]; start: number } {
  const program: Instruction[] = [{ op: "match" }];
  const add = (instruction: Instruction): number => {
    if (program.length >= MAX_INSTRUCTIONS) throw new PatternError(TOO_LARGE);
    return program.push(instruction) - 1;
  };
  let emitted = 0;
  const emit = (node: Node, next: number): number => {
    if (++emitted > MAX_EMITTED) throw new PatternError(TOO_LARGE);
    switch (node.type) {
      case "empty":
        return next;
      case "char":
        return add({ op: "char", set: node.set, next });
      case "assert":
        return add({ op: "assert", at: node.at, next });
      case "sequence":
        return node.parts.reduceRight((after, part) => emit(part, after), next);
      case "choice":
        return node.options
          .map((option) => emit(option, next))
          .reduce((other, first) => add({ op: "split", next: first, other }));
      case "repeat":
        return emitRepeat(node, next);
    }
  };
  const emitRepeat = ({ node, min, max }: Extract<Node, { type: "repeat" }>, next: number): number => {
    let start = next;
    if (max === undefined) {
      const loop: Extract<Instruction, { op: "split" }> = { op: "split", next: 0, other: next };
      start = add(loop);
      loop.next = emit(node, start);
    } else {
      for (let i = min; i < max; i++) start = add({ op: "split", next: emit(node, start), other: next });
    }
    for (let i = 0; i < min; i++) start = emit(node, start);
    return start;
  };
  const start = emit(root, 0);
  return { program, start };
}

function isWord(codePoint: number | undefined): boolean {
  return codePoint !== undefined && /^\w$/.test(String.fromCodePoint(codePoint));
}

function run({ program, start }: { program: Instruction[]; start: number }, value: string): boolean {
  // The step at which an instruction was last added: one list per step without clearing.
  const added = new Int32Array(program.length).fill(-1);
  let threads: number[] = [];
  let before: number | undefined;
  for (let index = 0, step = 0; ; step++) {
    const at = value.codePointAt(index);
    const next: number[] = [];
    const holds = (assertion: string): boolean => {
      if (assertion === "start") return index === 0;
      if (assertion === "end") return at === undefined;
      return (isWord(before) !== isWord(at)) === (assertion === "wordBoundary");
    };
    // A match may begin at every place.
    const pending = [...threads, start];
    for (let pc = pending.pop(); pc !== undefined; pc = pending.pop()) {
      const instruction = program[pc];
      if (instruction === undefined || added[pc] === step) continue;
      added[pc] = step;
      if (instruction.op === "match") return true;
      if (instruction.op === "split") pending.push(instruction.other, instruction.next);
      else if (instruction.op === "assert") {
        if (holds(instruction.at)) pending.push(instruction.next);
      } else if (at !== undefined && instruction.set(at)) next.push(instruction.next);
    }
    if (at === undefined) return false;
    threads = next;
    before = at;
    index += at > 0xffff ? 2 : 1;
  }
}
