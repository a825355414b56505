/**
 * Clients that read as fast as bytes come, keep none of them, and find no more than how far a watch has come. The other
 * clients of these benchmarks assemble each message; with a hundred of them in one process, that process, and not the
 * server, would be what a fan-out of 100 MB measures.
 */
import { connect, type Socket } from "node:net";

export interface LightWatch {
  bytes: number;
  /** Resolves when the watch has come that far: an RV here, a number of events in etcd. */
  reached(mark: number): Promise<void>;
  close(): void;
}

/** All connections read into it in turn: each read is consumed before the next begins. */
const shared = Buffer.allocUnsafe(256 * 1024);

export function open(url: URL, take: (bytes: Buffer) => void, failed: (error: Error) => void): Socket {
  const callback = (count: number, into: Uint8Array): boolean => {
    take(Buffer.from(into.buffer, into.byteOffset, count));
    return true;
  };
  const socket = connect({ host: url.hostname, port: Number(url.port), onread: { buffer: shared, callback } });
  socket.setNoDelay(true);
  socket.on("error", failed);
  return socket;
}

/** What is awaited of one watch. */
export class Mark {
  #at = 0;
  #awaited: { mark: number; resolve: () => void; reject: (error: Error) => void } | undefined;

  get at(): number {
    return this.#at;
  }

  moved(at: number): void {
    this.#at = at;
    if (this.#awaited === undefined || at < this.#awaited.mark) return;
    this.#awaited.resolve();
    this.#awaited = undefined;
  }

  failed(error: Error): void {
    this.#awaited?.reject(error);
  }

  reached(mark: number): Promise<void> {
    if (this.#at >= mark) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#awaited = { mark, resolve, reject };
    });
  }
}
