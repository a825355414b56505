const known = new WeakMap<object, string>();

/** JSON with sorted keys, made once per object: what is equal here is equal to a client. */
export function fingerprint(object: object): string {
  let text = known.get(object);
  if (text === undefined) {
    text = JSON.stringify(object, (_, value: unknown) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
    );
    known.set(object, text);
  }
  return text;
}

export function same(a: object, b: object): boolean {
  return fingerprint(a) === fingerprint(b);
}
