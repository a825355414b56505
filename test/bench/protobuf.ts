/** The little of protobuf's wire format that etcd's messages need: varints and length-delimited fields. */

export type Field = [number: number, value: number | Uint8Array | string];

/** A message of these fields; a number is a varint (up to 2^53), anything else length-delimited. Zero is left out. */
export function message(fields: Field[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) {
    if (typeof value === "number") {
      if (value !== 0) parts.push(varint(number << 3), varint(value));
    } else {
      const bytes = typeof value === "string" ? Buffer.from(value) : value;
      parts.push(varint((number << 3) | 2), varint(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

/** Fields in their order; fixed-size ones do not occur in what is read here. */
export function* fields(bytes: Buffer): Generator<{ number: number; value: number | Buffer }> {
  let at = 0;
  const read = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  };
  while (at < bytes.length) {
    const key = read();
    const number = Math.floor(key / 8);
    if (key % 8 === 0) yield { number, value: read() };
    else if (key % 8 === 2) {
      const length = read();
      yield { number, value: bytes.subarray(at, at + length) };
      at += length;
    } else throw new Error(`field ${number} has wire type ${key % 8}, which etcd's messages do not use`);
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
