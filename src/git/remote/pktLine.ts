/**
 * pkt-line, Git's framing: four hex digits of length (which they are part of), then the payload; lengths 0, 1 and 2
 * are the flush, delimiter and response-end packets. Source: gitprotocol-common(5), gitprotocol-v2(5).
 */
import { GitRemoteError } from "./errors.ts";

/** The longest packet that Git itself writes or accepts, header included. */
export const MAX_PACKET_BYTES = 65_520;

export const FLUSH = "0000";
export const DELIMITER = "0001";

export type Packet = { type: "data"; data: Uint8Array } | { type: "flush" } | { type: "delimiter" } | { type: "end" };

/** One line of a request; Git's own clients end each with LF. */
export function pktLine(text: string): string {
  const length = new TextEncoder().encode(text).length + 5;
  if (length > MAX_PACKET_BYTES) throw new RangeError(`a pkt-line of ${length} bytes is over ${MAX_PACKET_BYTES}`);
  return `${length.toString(16).padStart(4, "0")}${text}\n`;
}

/** The text of a data packet, without the LF that may end it. */
export function packetText(data: Uint8Array): string {
  const text = new TextDecoder().decode(data);
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}

/** Cuts a body into packets as it arrives. A packet's bytes are a view: copy what is to outlive the next step. */
export async function* readPackets(body: AsyncIterable<Uint8Array>): AsyncGenerator<Packet> {
  let buffer: Uint8Array = new Uint8Array(0);
  for await (const chunk of body) {
    buffer = buffer.length === 0 ? chunk : concat([buffer, chunk]);
    let at = 0;
    while (buffer.length - at >= 4) {
      const length = parseLength(buffer, at);
      if (length < 4) {
        yield { type: length === 0 ? "flush" : length === 1 ? "delimiter" : "end" };
        at += 4;
        continue;
      }
      if (buffer.length - at < length) break;
      yield { type: "data", data: buffer.subarray(at + 4, at + length) };
      at += length;
    }
    buffer = buffer.subarray(at);
  }
  if (buffer.length > 0) {
    throw new GitRemoteError("BadResponse", `the response ended inside a packet (${buffer.length} bytes left over)`);
  }
}

function parseLength(buffer: Uint8Array, at: number): number {
  const digits = String.fromCharCode(...buffer.subarray(at, at + 4));
  const length = /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : -1;
  if (length < 0 || length === 3 || length > MAX_PACKET_BYTES) {
    throw new GitRemoteError("BadResponse", `${JSON.stringify(digits)} is no pkt-line length: not a smart Git server?`);
  }
  return length;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
