/** W3C Trace Context: the `traceparent` that runs from a delivery to its watch events. */

export interface Traceparent {
  /** 32 hex digits. */
  traceId: string;
  /** 16 hex digits. */
  parentId: string;
  sampled: boolean;
}

const FORMAT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Undefined for what the specification says to ignore: then a new trace starts (W3C Trace Context §4.3). */
export function parseTraceparent(text: string | null | undefined): Traceparent | undefined {
  const match = FORMAT.exec((text ?? "").trim());
  if (!match) return undefined;
  const [, version, traceId = "", parentId = "", flags = "", rest] = match;
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent({ traceId, parentId, sampled }: Traceparent): string {
  return `00-${traceId}-${parentId}-${sampled ? "01" : "00"}`;
}

export type RandomBytes = (length: number) => Uint8Array;
const secureRandom: RandomBytes = (length) => crypto.getRandomValues(new Uint8Array(length));

/** The incoming trace continued by a span of our own, or a new trace. */
export function continueTrace(incoming: string | null | undefined, random: RandomBytes = secureRandom): Traceparent {
  const parent = parseTraceparent(incoming);
  return { traceId: parent?.traceId ?? hex(random(16)), parentId: hex(random(8)), sampled: parent?.sampled ?? true };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
