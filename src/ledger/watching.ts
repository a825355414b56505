import type { WatcherInfo } from "./api.ts";
import type { Entry } from "./entry.ts";
import type { LeaseChange } from "./leases.ts";

/** The live half of the ledger, which `watch/` brings: the ledger tells it what was committed and when time passed. */
export interface Watching {
  /** Takes over an upgrade that the Worker has authorised. */
  upgrade(request: Request): Promise<Response>;
  message(socket: WebSocket, text: string | ArrayBuffer): void;
  closed(socket: WebSocket): void;
  /** Broadcasts in the commit's own turn. */
  committed(entries: readonly Entry[]): void;
  /** A lease changed, which is in no log: told in the same turn. */
  leaseChanged(change: LeaseChange): void;
  /** Deadlines of sessions; returns the next one, ms. */
  tend(now: number): number | undefined;
  closeAll(who: { jti?: string; sub?: string } | "namespace"): number;
  /** Closes every socket as planned; each is told to come back after a time of its own within `spreadMs`. */
  drain(spreadMs: number): number;
  watchers(): WatcherInfo[];
  removeWatcher(name: string, sub: string | undefined): number;
  fenced(sub: string, name: string, epoch: number): boolean;
  /** Drops named watchers that nobody used for long. */
  forget(): void;
  stats(): { connected: number; parked: number; counters: Record<string, number> };
}
