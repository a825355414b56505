/** The repository object's door: what `http` may ask of it. RPC-safe shapes and tagged unions only. */
import type { FieldError } from "../resource/types.ts";

export type Answer<T> = { ok: true; value: T } | { ok: false; status: number; message: string };

/** A delivery as it came in; the object verifies it over `body`, the raw bytes. */
export interface Delivery {
  /** Lower-cased header names. */
  headers: Record<string, string>;
  body: Uint8Array;
  traceparent?: string;
}

export interface DeliveryAnswer {
  status: number;
  /** The Repository's, where there is one: for metrics. */
  provider?: string;
  /** With 429. */
  retryAfterSeconds?: number;
  body: { delivery?: string; result?: "accepted" | "duplicate" | "ignored"; reason?: string; message?: string };
}

export interface SyncState {
  id: string;
  state: "running" | "done" | "failed";
  refs: { ref: string; oid: string; applied: boolean }[];
  admitted: number;
  rejected: number;
  message?: string;
}

/** One part of a pre-receive check, already verified and unpacked. */
export interface PreReceiveAnswer {
  allowed: boolean;
  checked: number;
  of: number;
  errors: FieldError[];
  warnings: FieldError[];
}

export interface RepositoryInfo {
  namespace: string;
  name: string;
  uid: string;
  provider: string;
  secrets: { id: string; createdAt: string; notAfter?: string }[];
  lastPollAt?: string;
  nextPollAt?: string;
  foundByPoll: number;
  deliveries: { id: string; receivedAt: string; result: string }[];
}

export interface RepositoryApi {
  /** Follows what the ledger says of this Repository: called after each change of its spec, and by the ledger's alarm. */
  reconcile(repository: { namespace: string; name: string; uid: string }): Promise<Answer<{ configured: boolean }>>;
  deliver(delivery: Delivery): Promise<DeliveryAnswer>;
  preReceive(
    delivery: Delivery & { encoding?: string },
  ): Promise<{ status: number; body: PreReceiveAnswer | { message: string } }>;
  /** A secret is shown once. With `secret` the caller's own is taken. `overlapMs` keeps the earlier ones valid that long. */
  issueSecret(request: {
    secret?: string;
    overlapMs?: number;
    additional?: boolean;
  }): Promise<Answer<{ id: string; secret: string }>>;
  sync(request: { allowMassDelete?: boolean }): Promise<Answer<{ sync: string }>>;
  syncState(id: string): Promise<Answer<SyncState>>;
  info(): Promise<Answer<RepositoryInfo>>;
  /** After the Repository object is gone: stops polling and forgets secrets and inbox. */
  remove(): Promise<Answer<Record<string, never>>>;
}
