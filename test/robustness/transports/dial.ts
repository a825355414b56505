/** How a client reaches the server: inside workerd, over the network, or whatever comes later. */
export interface Dial {
  /** Opens a WebSocket. Rejects where there is none, with `NoUpgrade` where HTTP answered; a refusal is a message and a close. */
  socket(path: string, protocols: readonly string[]): Promise<Socket>;
  /** Opens a stream; rejects where it breaks before its headers. */
  stream(path: string): Promise<Stream>;
  /** A request whose answer is JSON. */
  json(path: string): Promise<{ status: number; body: unknown }>;
}

export interface Socket {
  send(text: string): void;
  close(): void;
  /** Called once, before anything can have come. */
  listen(onText: (text: string) => void, onClose: (code: number, reason: string) => void): void;
}

export interface Stream {
  status: number;
  /** Undefined at the end; rejects where the stream broke. Nothing is read ahead of it, so not to call it is to stall. */
  read(): Promise<Uint8Array | undefined>;
  cancel(): Promise<void>;
}

/** The server answered the upgrade as HTTP: 200 where an initial state is more than a socket without acknowledgements may get. */
export class NoUpgrade extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`no socket: ${status}`);
    this.status = status;
  }
}
