/** Label selectors in the grammar of Kubernetes: `a=b,c!=d,e in (x,y),f notin (z),!g,h`. */
import { labelKeyProblem, labelValueProblem } from "./names.ts";
import type { Parsed } from "./selectors.ts";

export interface LabelRequirement {
  key: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  values: string[];
}

/** All requirements must hold; none selects everything. */
export interface LabelSelector {
  requirements: LabelRequirement[];
}

/** As in GraphQL and in specs. */
export interface LabelSelectorInput {
  matchLabels?: Readonly<Record<string, string>> | null | undefined;
  matchExpressions?:
    | readonly { key: string; operator: string; values?: readonly string[] | null | undefined }[]
    | null
    | undefined;
}

class SelectorError extends Error {}

const TOKEN = /\s*(?:(==|=|!=|!|>|<|\(|\)|,)|([^\s=!<>(),]+))/y;
const SYMBOLS = new Set(["==", "=", "!=", "!", ">", "<", "(", ")", ","]);

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text);
    if (match === null) break;
    tokens.push(match[1] ?? match[2] ?? "");
  }
  return tokens;
}

class Reader {
  readonly #tokens: string[];
  #next = 0;

  constructor(tokens: string[]) {
    this.#tokens = tokens;
  }

  get done(): boolean {
    return this.#next >= this.#tokens.length;
  }

  peek(): string {
    return this.#tokens[this.#next] ?? "";
  }

  isWord(): boolean {
    return !this.done && !SYMBOLS.has(this.peek());
  }

  take(): string {
    const token = this.peek();
    this.#next++;
    return token;
  }

  expect(token: string): void {
    if (this.peek() !== token)
      throw new SelectorError(`found ${JSON.stringify(this.peek())}, expected: ${JSON.stringify(token)}`);
    this.take();
  }
}

function readKey(reader: Reader): string {
  if (!reader.isWord()) throw new SelectorError(`found ${JSON.stringify(reader.peek())}, expected: a label key`);
  return checkedKey(reader.take());
}

function checkedKey(key: string): string {
  const problem = labelKeyProblem(key);
  if (problem !== undefined) throw new SelectorError(`key ${JSON.stringify(key)}: ${problem}`);
  return key;
}

function checkedValue(value: string): string {
  const problem = labelValueProblem(value);
  if (problem !== undefined) throw new SelectorError(`value ${JSON.stringify(value)}: ${problem}`);
  return value;
}

/** `(x,y)`; an empty place between commas is the empty value, as in Kubernetes. */
function readValues(reader: Reader): string[] {
  reader.expect("(");
  const values: string[] = [];
  for (;;) {
    values.push(reader.isWord() ? checkedValue(reader.take()) : "");
    if (reader.peek() !== ",") break;
    reader.take();
  }
  reader.expect(")");
  return [...new Set(values)];
}

function readNumber(reader: Reader, key: string): string {
  const value = reader.isWord() ? reader.take() : "";
  if (!/^-?\d+$/.test(value))
    throw new SelectorError(`${key} must be compared with an integer, found ${JSON.stringify(value)}`);
  return value;
}

function readRequirement(reader: Reader): LabelRequirement {
  if (reader.peek() === "!") {
    reader.take();
    return { key: readKey(reader), operator: "DoesNotExist", values: [] };
  }
  const key = readKey(reader);
  if (reader.done || reader.peek() === ",") return { key, operator: "Exists", values: [] };
  const operator = reader.take();
  switch (operator) {
    case "=":
    case "==":
      return { key, operator: "In", values: [reader.isWord() ? checkedValue(reader.take()) : ""] };
    case "!=":
      return { key, operator: "NotIn", values: [reader.isWord() ? checkedValue(reader.take()) : ""] };
    case "in":
      return { key, operator: "In", values: readValues(reader) };
    case "notin":
      return { key, operator: "NotIn", values: readValues(reader) };
    case ">":
      return { key, operator: "Gt", values: [readNumber(reader, key)] };
    case "<":
      return { key, operator: "Lt", values: [readNumber(reader, key)] };
    default:
      throw new SelectorError(`found ${JSON.stringify(operator)}, expected: in, notin, =, ==, !=, >, <`);
  }
}

export function parseLabelSelector(text: string): Parsed<LabelSelector> {
  return guarded(`unable to parse labelSelector ${JSON.stringify(text)}`, () => {
    const reader = new Reader(tokensOf(text));
    const requirements: LabelRequirement[] = [];
    while (!reader.done) {
      requirements.push(readRequirement(reader));
      if (reader.done) break;
      reader.expect(",");
      if (reader.done) throw new SelectorError(`found nothing after ",", expected: a label key`);
    }
    return { requirements };
  });
}

function guarded(what: string, read: () => LabelSelector): Parsed<LabelSelector> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (error instanceof SelectorError) return { ok: false, message: `${what}: ${error.message}` };
    throw error;
  }
}

/** A selector from `{matchLabels, matchExpressions}`; without either it selects everything. */
export function labelSelectorOf(input: LabelSelectorInput): Parsed<LabelSelector> {
  return guarded("invalid label selector", () => {
    const requirements: LabelRequirement[] = [];
    for (const [key, value] of Object.entries(input.matchLabels ?? {})) {
      requirements.push({ key: checkedKey(key), operator: "In", values: [checkedValue(value)] });
    }
    for (const { key, operator, values } of input.matchExpressions ?? []) {
      requirements.push(expression(checkedKey(key), operator, [...(values ?? [])].map(checkedValue)));
    }
    return { requirements };
  });
}

function expression(key: string, operator: string, values: string[]): LabelRequirement {
  switch (operator) {
    case "In":
    case "NotIn":
      if (values.length === 0) throw new SelectorError(`operator ${operator} on ${key} requires at least one value`);
      return { key, operator, values };
    case "Exists":
    case "DoesNotExist":
      if (values.length > 0) throw new SelectorError(`operator ${operator} on ${key} takes no values`);
      return { key, operator, values: [] };
    default:
      throw new SelectorError(
        `${JSON.stringify(operator)} is not an operator, expected: In, NotIn, Exists, DoesNotExist`,
      );
  }
}

/** Hot: called for every event and watcher. As in Kubernetes, NotIn holds where the label is missing. */
export function matchesLabels(selector: LabelSelector, labels: Readonly<Record<string, string>> | undefined): boolean {
  for (const { key, operator, values } of selector.requirements) {
    const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (!meets(operator, value, values)) return false;
  }
  return true;
}

function meets(operator: LabelRequirement["operator"], value: string | undefined, values: string[]): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && /^-?\d+$/.test(value) && BigInt(value) > BigInt(values[0] ?? 0);
    case "Lt":
      return value !== undefined && /^-?\d+$/.test(value) && BigInt(value) < BigInt(values[0] ?? 0);
  }
}
