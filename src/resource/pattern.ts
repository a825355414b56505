/** Regular expressions of schemas. */
export interface Pattern {
  test(value: string): boolean;
}

export function compilePattern(source: string): Pattern {
  return new RegExp(source, "u");
}

/** Why a pattern cannot be used, or undefined where it can. */
export function patternProblem(source: string): string | undefined {
  try {
    compilePattern(source);
    return undefined;
  } catch (error) {
    return `must be a regular expression (${error instanceof Error ? error.message : String(error)})`;
  }
}
