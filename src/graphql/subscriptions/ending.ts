/** Why a subscription ends, as the error that its last message carries: never a silent end. */
import type { GraphQLError } from "graphql";
import { failure } from "../errors.ts";

/** As the ledger says it: a Kubernetes Status, cut to what matters here. */
export interface LedgerStatus {
  code: number;
  message: string;
  details?: { causes?: { reason: string }[]; retryAfterSeconds?: number };
}

export type ExpiredReason = "RETENTION_EXPIRED" | "EPOCH_MISMATCH" | "INVALID_CURSOR" | "REPLAY_LIMIT";

export function expired(reason: ExpiredReason, message: string): GraphQLError {
  return failure("WATCH_EXPIRED", `watch cursor expired: ${message}; list again and watch from the list's cursor`, {
    reason,
  });
}

/** Each of these goes on from `resourceVersion`, strictly after it, with nothing missing. */
export function overflow(resourceVersion: string): GraphQLError {
  return failure("UNAVAILABLE", "the subscriber does not read: subscribe again from resourceVersion", {
    reason: "SUBSCRIBER_OVERFLOW",
    resourceVersion,
  });
}

export function unavailable(resourceVersion: string, message: string, retryAfterSeconds = 1): GraphQLError {
  const more = { reason: "WATCH_UNAVAILABLE", resourceVersion, retryAfterSeconds };
  return failure("UNAVAILABLE", `${message}: subscribe again from resourceVersion`, more);
}

export function endingOf(status: LedgerStatus, resourceVersion: string): GraphQLError {
  const cause = status.details?.causes?.[0]?.reason;
  switch (status.code) {
    case 410:
      if (cause === "EPOCH_MISMATCH")
        return expired("EPOCH_MISMATCH", "the history it is of was replaced by a restore");
      if (cause === "REPLAY_LIMIT") return expired("REPLAY_LIMIT", status.message);
      if (cause === "ResourceVersionTooLarge") return expired("INVALID_CURSOR", status.message);
      return expired("RETENTION_EXPIRED", status.message);
    case 401:
      return failure("UNAUTHENTICATED", `${status.message}: get a new token and subscribe again from resourceVersion`, {
        resourceVersion,
      });
    case 403:
      return failure("FORBIDDEN", status.message);
    case 404:
      return failure("NOT_FOUND", status.message);
    case 429:
      return overflow(resourceVersion);
    default:
      return unavailable(resourceVersion, status.message, status.details?.retryAfterSeconds);
  }
}
