import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { type LightWatch, Mark, open } from "./reader.ts";

const SUBPROTOCOL = "gitstore.watch.v1";
/** The protocol's default; a client acknowledges when a quarter of it has come. */
const WINDOW_BYTES = 256 * 1024;
/** A frame's head stands in its first bytes. */
const HEAD_BYTES = 160;
const END_OF_HEADERS = "\r\n\r\n";

/** Reads the frames of RFC 6455 §5.2 from pieces of any size, and of their payloads the first bytes. */
class Frames {
  readonly #onHead: (head: string) => void;
  #opening: Buffer = Buffer.alloc(0);
  #upgraded = false;
  #left = 0;
  #head = "";

  constructor(onHead: (head: string) => void) {
    this.#onHead = onHead;
  }

  take(piece: Buffer): void {
    let bytes = piece;
    if (!this.#upgraded) {
      bytes = Buffer.concat([this.#opening, bytes]);
      const end = bytes.indexOf(END_OF_HEADERS);
      this.#opening = end < 0 ? bytes : Buffer.alloc(0);
      if (end < 0) return;
      if (!bytes.toString("latin1", 0, end).startsWith("HTTP/1.1 101"))
        throw new Error(bytes.toString("latin1", 0, end));
      this.#upgraded = true;
      bytes = bytes.subarray(end + END_OF_HEADERS.length);
    }
    while (bytes.length > 0) bytes = this.#left > 0 ? this.#payload(bytes) : this.#frame(bytes);
  }

  #payload(bytes: Buffer): Buffer {
    const count = Math.min(this.#left, bytes.length);
    const missing = HEAD_BYTES - this.#head.length;
    if (missing > 0) this.#head += bytes.toString("latin1", 0, Math.min(count, missing));
    this.#left -= count;
    if (this.#left === 0) this.#onHead(this.#head);
    return bytes.subarray(count);
  }

  #frame(piece: Buffer): Buffer {
    const bytes = this.#opening.length > 0 ? Buffer.concat([this.#opening, piece]) : piece;
    const short = (bytes[1] ?? 0) & 0x7f;
    const size = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < size) {
      // The buffer is read into again.
      this.#opening = Buffer.from(bytes);
      return Buffer.alloc(0);
    }
    this.#opening = Buffer.alloc(0);
    this.#left = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    this.#head = "";
    return bytes.subarray(size);
  }
}

/** A watch of one kind, from now. Resolves with the first frame, which fixes the start. */
export function lightWatch(server: string, namespace: string, kind: string, token: string): Promise<LightWatch> {
  const url = new URL(`${server}/watch/v1/namespaces/${namespace}`);
  url.search = String(new URLSearchParams({ window: String(WINDOW_BYTES), sendInitialEvents: "false", kind }));
  return new Promise((resolve, reject) => {
    const mark = new Mark();
    let acked = 0;
    const frames = new Frames((head) => {
      const sent = Number(/^\{"sent":(\d+)/.exec(head)?.[1]);
      const rv = /"rv":"(\d+)"(,"partial":true)?/.exec(head);
      if (rv === null) return socket.destroy(new Error(`an unexpected frame: ${head}`));
      watch.bytes = sent;
      if (sent - acked >= WINDOW_BYTES / 4) {
        acked = sent;
        send(socket, `{"ack":${sent}}`);
      }
      if (rv[2] === undefined) mark.moved(Number(rv[1]));
      resolve(watch);
    });
    const failed = (error: Error): void => {
      mark.failed(error);
      reject(error);
    };
    const socket = open(url, (bytes) => frames.take(bytes), failed);
    const watch = { bytes: 0, reached: (rv: number) => mark.reached(rv), close: () => socket.destroy() };
    const key = randomBytes(16).toString("base64");
    const headers = [
      `GET ${url.pathname}${url.search} HTTP/1.1`,
      `Host: ${url.host}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${key}`,
      `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
      `Authorization: Bearer ${token}`,
    ];
    socket.write(`${headers.join("\r\n")}${END_OF_HEADERS}`);
  });
}

/** A short text frame; a client's are masked, and a mask of zeros leaves the bytes as they are. */
function send(socket: Socket, text: string): void {
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]));
}
