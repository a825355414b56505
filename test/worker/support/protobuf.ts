/** A writer of the wire format, so that no test decodes what it encoded by the same table. */
export const varint = (value: number | bigint): number[] => {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const more = rest > 0x7fn;
    bytes.push(Number(rest & 0x7fn) | (more ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return bytes;
};
export const int = (number: number, value: number) => [...varint(number << 3), ...varint(value)];
export const bytes = (number: number, value: number[]) => [
  ...varint((number << 3) | 2),
  ...varint(value.length),
  ...value,
];
export const text = (number: number, value: string) => bytes(number, [...new TextEncoder().encode(value)]);
export const envelope = (apiVersion: string, kind: string, raw: number[]) =>
  new Uint8Array([
    ...[0x6b, 0x38, 0x73, 0x00],
    ...bytes(1, [...text(1, apiVersion), ...text(2, kind)]),
    ...bytes(2, raw),
    ...text(3, ""),
    ...text(4, ""),
  ]);
