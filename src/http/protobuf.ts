/**
 * The few protobuf bodies that clients send whatever a server likes: client-go from 0.32 on writes leases and access
 * reviews so, and has no way back to JSON (k8s.io/client-go rest/request.go). Answers are JSON, which they accept.
 * Field numbers are those of k8s.io/api and k8s.io/apimachinery, generated.proto.
 */
import type { Json, JsonObject } from "../resource/types.ts";

export const PROTOBUF = "application/vnd.kubernetes.protobuf";

type FieldType = "string" | "int" | "bool" | "time" | "strings" | "map" | Message;
interface Message {
  /** Plain Go strings are always on the wire; where this is set an empty one means absent. */
  omitEmpty?: true;
  fields: Record<number, [name: string, type: FieldType]>;
}

const OBJECT_META: Message = {
  omitEmpty: true,
  fields: {
    1: ["name", "string"],
    2: ["generateName", "string"],
    3: ["namespace", "string"],
    5: ["uid", "string"],
    6: ["resourceVersion", "string"],
    11: ["labels", "map"],
    12: ["annotations", "map"],
  },
};

const LEASE: Message = {
  fields: {
    1: ["metadata", OBJECT_META],
    2: [
      "spec",
      {
        fields: {
          1: ["holderIdentity", "string"],
          2: ["leaseDurationSeconds", "int"],
          3: ["acquireTime", "time"],
          4: ["renewTime", "time"],
          5: ["leaseTransitions", "int"],
          6: ["strategy", "string"],
          7: ["preferredHolder", "string"],
        },
      },
    ],
  },
};

const RESOURCE_ATTRIBUTES: Message = {
  fields: {
    1: ["namespace", "string"],
    2: ["verb", "string"],
    3: ["group", "string"],
    4: ["version", "string"],
    5: ["resource", "string"],
    6: ["subresource", "string"],
    7: ["name", "string"],
  },
};
const PATH_ATTRIBUTES: Message = { fields: { 1: ["path", "string"], 2: ["verb", "string"] } };
const ACCESS_SPEC: Message = {
  fields: { 1: ["resourceAttributes", RESOURCE_ATTRIBUTES], 2: ["nonResourceAttributes", PATH_ATTRIBUTES] },
};

const DELETE_OPTIONS: Message = {
  fields: {
    2: ["preconditions", { omitEmpty: true, fields: { 1: ["uid", "string"], 2: ["resourceVersion", "string"] } }],
    4: ["propagationPolicy", "string"],
    5: ["dryRun", "strings"],
  },
};

const KINDS: Record<string, Message> = {
  "coordination.k8s.io/v1 Lease": LEASE,
  "authentication.k8s.io/v1 SelfSubjectReview": { fields: {} },
  "authorization.k8s.io/v1 SelfSubjectAccessReview": { fields: { 2: ["spec", ACCESS_SPEC] } },
  "authorization.k8s.io/v1 SelfSubjectRulesReview": {
    fields: { 2: ["spec", { fields: { 1: ["namespace", "string"] } }] },
  },
};

const MAGIC = [0x6b, 0x38, 0x73, 0x00];
const TYPE_META: Message = { fields: { 1: ["apiVersion", "string"], 2: ["kind", "string"] } };

/** The object, as its JSON would be; undefined where it is malformed, or of another kind. */
export function decodeProtobuf(bytes: Uint8Array): JsonObject | undefined {
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) return undefined;
  try {
    let type: JsonObject = {};
    let raw = new Uint8Array();
    for (const { number, value } of fieldsOf(bytes.subarray(MAGIC.length))) {
      if (number === 1 && value instanceof Uint8Array) type = decode(TYPE_META, value);
      if (number === 2 && value instanceof Uint8Array) raw = new Uint8Array(value);
    }
    // Options have the version of whatever they are about.
    const message =
      type.kind === "DeleteOptions" ? DELETE_OPTIONS : KINDS[`${String(type.apiVersion)} ${String(type.kind)}`];
    return message && { ...type, ...decode(message, raw) };
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

class Malformed extends Error {}

function decode({ fields, omitEmpty }: Message, bytes: Uint8Array): JsonObject {
  const object: JsonObject = {};
  for (const { number, value } of fieldsOf(bytes)) {
    const field = fields[number];
    if (!field) continue;
    const [name, type] = field;
    if (type === "strings") object[name] = [...((object[name] as Json[] | undefined) ?? []), textOf(value)];
    else if (type === "map") object[name] = { ...(object[name] as JsonObject | undefined), ...entryOf(value) };
    else {
      const decoded = fieldValue(type, value);
      if (decoded !== undefined && !(omitEmpty && decoded === "")) object[name] = decoded;
    }
  }
  return object;
}

function fieldValue(type: Exclude<FieldType, "strings" | "map">, value: bigint | Uint8Array): Json | undefined {
  if (type === "string") return textOf(value);
  if (type === "int" || type === "bool") {
    if (typeof value !== "bigint") throw new Malformed();
    return type === "bool" ? value !== 0n : Number(BigInt.asIntN(64, value));
  }
  if (!(value instanceof Uint8Array)) throw new Malformed();
  return type === "time" ? timeOf(value) : decode(type, value);
}

function textOf(value: bigint | Uint8Array): string {
  if (!(value instanceof Uint8Array)) throw new Malformed();
  return new TextDecoder().decode(value);
}

function entryOf(value: bigint | Uint8Array): JsonObject {
  if (!(value instanceof Uint8Array)) throw new Malformed();
  const { key = "", value: text = "" } = decode({ fields: { 1: ["key", "string"], 2: ["value", "string"] } }, value);
  return { [String(key)]: text };
}

/** A Go time that is zero is an empty message. Microseconds, as `metav1.MicroTime` writes them in JSON. */
function timeOf(bytes: Uint8Array): string | undefined {
  const { seconds = 0, nanos = 0 } = decode({ fields: { 1: ["seconds", "int"], 2: ["nanos", "int"] } }, bytes);
  if (bytes.length === 0) return undefined;
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) throw new Malformed();
  const micros = String(Math.trunc(Number(nanos) / 1000)).padStart(6, "0");
  return `${date.toISOString().slice(0, 19)}.${micros}Z`;
}

interface WireField {
  number: number;
  value: bigint | Uint8Array;
}

/** https://protobuf.dev/programming-guides/encoding: varints, 64 and 32 bits, and what has a length. */
function* fieldsOf(bytes: Uint8Array): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Malformed();
  };
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new Malformed();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        yield { number, value: take(8) };
        break;
      case 2:
        yield { number, value: take(Number(varint())) };
        break;
      case 5:
        yield { number, value: take(4) };
        break;
      default:
        throw new Malformed();
    }
  }
}
