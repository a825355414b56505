/** `LabelSelectorInput`, and a Collection's selector, as the text that lists and watches take. */
import { labelSelectorOf } from "../resource/selectors.ts";
import { badInput } from "./errors.ts";
import { isRecord } from "./resolvers/read.ts";

export interface SelectorInput {
  matchLabels?: unknown;
  matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] | null }[] | null;
}

const OPERATORS: Record<string, string> = {
  IN: "In",
  NOT_IN: "NotIn",
  EXISTS: "Exists",
  DOES_NOT_EXIST: "DoesNotExist",
};

/** Undefined where it selects everything. Throws BAD_USER_INPUT. */
export function selectorText(input: SelectorInput | null | undefined): string | undefined {
  if (input === null || input === undefined) return undefined;
  const { matchLabels } = input;
  if (matchLabels !== undefined && matchLabels !== null && !isStrings(matchLabels))
    throw badInput("selector.matchLabels: must be an object of strings");
  const parsed = labelSelectorOf({
    matchLabels: matchLabels ?? null,
    matchExpressions: (input.matchExpressions ?? []).map((one) => ({
      ...one,
      operator: OPERATORS[one.operator] ?? one.operator,
    })),
  });
  if (!parsed.ok) throw badInput(`selector: ${parsed.message}`);
  const terms = parsed.value.requirements.map(({ key, operator, values }) => {
    if (operator === "Exists") return key;
    if (operator === "DoesNotExist") return `!${key}`;
    return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
  });
  return terms.length === 0 ? undefined : terms.join(",");
}

function isStrings(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((item) => typeof item === "string");
}
