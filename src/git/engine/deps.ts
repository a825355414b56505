/** What the repository object's engine is given: everything outside it, so that tests give their own. */
import type { LedgerApi } from "../../ledger/api.ts";
import type { Inbox } from "../inbox.ts";
import type { GitRemote } from "../remote/remote.ts";
import type { Sealer } from "../sealing.ts";
import type { Settings } from "../settings.ts";
import type { Clock, Faults } from "../storage.ts";
import type { TokenBucket } from "./bucket.ts";
import type { ReadFile } from "./read.ts";

export interface Alarm {
  get(): Promise<number | null>;
  /** Milliseconds since 1970; a time that has passed means now. */
  set(at: number): Promise<void>;
  clear(): Promise<void>;
}

export interface Random {
  bytes(count: number): Uint8Array;
  /** From 0 to 1. */
  fraction(): number;
}

export interface EngineDeps {
  inbox: Inbox;
  ledgerOf: (namespace: string) => LedgerApi;
  /** Throws `GitRemoteError` where the url or the credentials are not allowed. */
  remoteFor: (settings: Settings) => GitRemote;
  readFor: (settings: Settings) => ReadFile;
  sealer: Sealer;
  alarm: Alarm;
  /** Of verified deliveries: one that is signed can be sent again by whoever saw it. */
  deliveries: TokenBucket;
  clock: Clock;
  random: Random;
  faults: Faults;
  log: (message: string, fields: Record<string, unknown>) => void;
}
