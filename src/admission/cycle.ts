/**
 * The cycle of parents that `name` is a member of, from `name` on, or undefined where it is in none. One that only
 * leads into a cycle is no member. Ends also where the chain does not come back to `name`.
 */
export function cycleThrough(name: string, parentOf: (name: string) => string | undefined): string[] | undefined {
  const members = [name];
  const seen = new Set(members);
  for (let next = parentOf(name); next !== undefined; next = parentOf(next)) {
    if (next === name) return members;
    if (seen.has(next)) return undefined;
    seen.add(next);
    members.push(next);
  }
  return undefined;
}
