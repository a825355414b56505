import type { Socket } from "node:net";
import { message } from "../protobuf.ts";
import { type LightWatch, Mark, open } from "./reader.ts";

/** RFC 9113 §6. */
const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const ACK = 1;
const END_HEADERS = 4;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const INITIAL_WINDOW_SIZE = 4;
const WINDOW = 0x7fff_ffff;
const DEFAULT_WINDOW = 65_535;
/** Read bytes are given back so often. */
const GIVE_BACK = 16 * 1024 * 1024;
const STREAM = 1;

/** `WatchResponse.created` and `.events` of etcd's rpc.proto. */
const CREATED = 3;
const EVENTS = 11;

/** Reads HTTP/2 frames from pieces of any size; what DATA carries is handed on as it comes. */
class Frames {
  readonly #onData: (bytes: Buffer) => void;
  readonly #onFrame: (type: number, flags: number, payload: Buffer) => void;
  #opening: Buffer = Buffer.alloc(0);
  #dataLeft = 0;

  constructor(onData: (bytes: Buffer) => void, onFrame: (type: number, flags: number, payload: Buffer) => void) {
    this.#onData = onData;
    this.#onFrame = onFrame;
  }

  take(piece: Buffer): void {
    let bytes = piece;
    while (bytes.length > 0) {
      if (this.#dataLeft > 0) {
        const count = Math.min(this.#dataLeft, bytes.length);
        this.#dataLeft -= count;
        this.#onData(bytes.subarray(0, count));
        bytes = bytes.subarray(count);
        continue;
      }
      if (this.#opening.length > 0) bytes = Buffer.concat([this.#opening, bytes]);
      this.#opening = Buffer.alloc(0);
      const length = bytes.length < 9 ? 0 : bytes.readUIntBE(0, 3);
      const type = bytes[3];
      if (bytes.length < 9 || (type !== FRAME.data && bytes.length < 9 + length)) {
        // The buffer is read into again.
        this.#opening = Buffer.from(bytes);
        return;
      }
      if (type === FRAME.data) {
        this.#dataLeft = length;
        bytes = bytes.subarray(9);
      } else {
        this.#onFrame(type ?? 0, bytes[4] ?? 0, bytes.subarray(9, 9 + length));
        bytes = bytes.subarray(9 + length);
      }
    }
  }
}

/** Walks over `WatchResponse` messages as gRPC frames them, counting events by their lengths. */
class Responses {
  events = 0;
  created = false;
  #messageLeft = 0;
  #skip = 0;
  /** Bytes of a prefix, or of a field's tag and length, that is not whole yet. */
  #begun: number[] = [];

  /** Whether the last event that was counted has come whole. */
  get isWhole(): boolean {
    return this.#skip === 0;
  }

  take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, bytes.length - at);
        this.#skip -= count;
        this.#messageLeft -= count;
        at += count;
        continue;
      }
      this.#begun.push(bytes[at] ?? 0);
      at += 1;
      if (this.#messageLeft === 0) this.#prefix();
      else this.#field();
    }
  }

  #prefix(): void {
    if (this.#begun.length < 5) return;
    this.#messageLeft = Buffer.from(this.#begun).readUInt32BE(1);
    this.#begun = [];
  }

  #field(): void {
    const tag = varint(this.#begun, 0);
    const value = tag && varint(this.#begun, tag.end);
    if (!tag || !value) return;
    this.#messageLeft -= this.#begun.length;
    this.#begun = [];
    const field = tag.value >>> 3;
    const isBytes = (tag.value & 7) === 2;
    if (field === CREATED && value.value === 1) this.created = true;
    if (field === EVENTS && isBytes) this.events += 1;
    if (isBytes) this.#skip = value.value;
  }
}

function varint(bytes: readonly number[], from: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let at = from, scale = 1; at < bytes.length; at += 1, scale *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return undefined;
}

/** A watch of all keys with a prefix, from now; resolves when etcd has confirmed it. Marks are numbers of events. */
export function lightEtcdWatch(server: string, prefix: string): Promise<LightWatch> {
  const url = new URL(server);
  return new Promise((resolve, reject) => {
    const mark = new Mark();
    const responses = new Responses();
    let owed = 0;
    const onData = (bytes: Buffer): void => {
      responses.take(bytes);
      watch.bytes += bytes.length;
      owed += bytes.length;
      if (owed >= GIVE_BACK) {
        for (const stream of [0, STREAM]) socket.write(frame(FRAME.windowUpdate, 0, stream, uint32(owed)));
        owed = 0;
      }
      if (responses.isWhole) mark.moved(responses.events);
      if (responses.created) resolve(watch);
    };
    const frames = new Frames(onData, (type, flags, payload) => {
      if (type === FRAME.settings && flags !== ACK) socket.write(frame(FRAME.settings, ACK, 0));
      if (type === FRAME.ping && flags !== ACK) socket.write(frame(FRAME.ping, ACK, 0, Buffer.from(payload)));
      if (type === FRAME.reset || type === FRAME.goAway) socket.destroy(new Error("etcd ended the watch"));
    });
    const failed = (error: Error): void => {
      mark.failed(error);
      reject(error);
    };
    const socket = open(url, (bytes) => frames.take(bytes), failed);
    const watch = { bytes: 0, reached: (events: number) => mark.reached(events), close: () => socket.destroy() };
    request(socket, url, prefix);
  });
}

function request(socket: Socket, url: URL, prefix: string): void {
  const headers = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/etcdserverpb.Watch/Watch",
    ":authority": url.host,
    "content-type": "application/grpc",
    te: "trailers",
  };
  const last = prefix.length - 1;
  const end = prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
  const create = message([
    [
      1,
      message([
        [1, prefix],
        [2, end],
      ]),
    ],
  ]);
  const setting = Buffer.concat([Buffer.from([0, INITIAL_WINDOW_SIZE]), uint32(WINDOW)]);
  socket.write(PREFACE);
  socket.write(frame(FRAME.settings, 0, 0, setting));
  socket.write(frame(FRAME.windowUpdate, 0, 0, uint32(WINDOW - DEFAULT_WINDOW)));
  socket.write(frame(FRAME.headers, END_HEADERS, STREAM, Buffer.concat(Object.entries(headers).map(literal))));
  socket.write(frame(FRAME.data, 0, STREAM, Buffer.concat([Buffer.from([0]), uint32(create.length), create])));
}

/** A header as a literal without indexing (RFC 7541 §6.2.2), each of its strings shorter than 127 bytes. */
function literal([name, value]: [string, string]): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
