/** `17`, or `1-20`: both ends included. Throws where it is neither, or a run over no seed would pass. */
export function seedsOf(text: string): number[] {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const from = Number(first);
  const to = Number(last);
  if (first === undefined || from < 1 || to < from)
    throw new Error(`seeds are a number from 1 on, or a range such as 1-20, not ${JSON.stringify(text)}`);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
