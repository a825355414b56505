/** Status writes as a controller makes them: read, decide, write with what was read, and decide again where it moved. */
import type { Condition, Json, Resource } from "../resource/types.ts";
import { ApiError, type Client, type KindPath, pathOf } from "./http.ts";

/** What a controller writes; a field that is absent is unchanged. Own condition types that are left out go. */
export interface StatusChange {
  observedGeneration?: number;
  lastAppliedRevision?: string;
  conditions?: Pick<Condition, "type" | "status" | "reason" | "message" | "observedGeneration">[];
  resolved?: Json;
}

/** The one conflict model of the server, out of the causes of a 409. */
export interface StatusConflict {
  reason: "STALE_RESOURCE_VERSION" | "FIELD_MANAGER_CONFLICT" | "RECREATED";
  currentResourceVersion: string;
  currentGeneration: number;
  current: NonNullable<Resource["status"]>;
  expected: string;
  retryable: boolean;
  hint: string;
}

export interface UpdateStatusOptions {
  /** Owns what is written; absent: the token's subject. */
  fieldManager?: string;
  force?: boolean;
  /** Writes in all, before the last conflict is thrown. */
  attempts?: number;
  /** Waits between them, ms; for tests. */
  sleep?: (ms: number) => Promise<void>;
}

/** client-go's `retry.DefaultRetry`: five steps of about 10 ms. */
const ATTEMPTS = 5;
const PAUSE_MS = 10;

/** Undefined where the error is no conflict of a status write. */
export function conflictOf(error: unknown): StatusConflict | undefined {
  if (!(error instanceof ApiError) || error.status.code !== 409) return undefined;
  const causes = error.status.details?.causes;
  if (!Array.isArray(causes)) return undefined;
  const told = new Map(
    causes.flatMap((cause) => {
      const { reason, message } = (cause ?? {}) as { reason?: unknown; message?: unknown };
      return typeof reason === "string" && typeof message === "string" ? [[reason, message] as const] : [];
    }),
  );
  const reason = told.get("reason");
  if (reason !== "STALE_RESOURCE_VERSION" && reason !== "FIELD_MANAGER_CONFLICT" && reason !== "RECREATED")
    return undefined;
  return {
    reason,
    currentResourceVersion: told.get("currentResourceVersion") ?? "",
    currentGeneration: Number(told.get("currentGeneration")),
    current: JSON.parse(told.get("current") ?? "{}") as StatusConflict["current"],
    expected: told.get("expected") ?? "",
    retryable: told.get("retryable") === "true",
    hint: told.get("hint") ?? "",
  };
}

/**
 * `decide` sees the object as it is and says what its status should be (undefined: nothing to say); after a conflict
 * that is retryable it is asked again, on the object as it is then. Throws `ApiError` for everything else: 404 where
 * the object is gone, 409 where another manager owns a field or the object is another one now.
 */
export async function updateStatus(
  client: Client,
  path: KindPath,
  decide: (object: Resource) => StatusChange | undefined | Promise<StatusChange | undefined>,
  { fieldManager, force, attempts = ATTEMPTS, sleep = wait }: UpdateStatusOptions = {},
): Promise<Resource> {
  for (let attempt = 1; ; attempt += 1) {
    const object = await client.get(path);
    const status = await decide(object);
    if (status === undefined) return object;
    const { apiVersion, kind, metadata } = object;
    const { name, uid, resourceVersion } = metadata;
    try {
      return await client.request<Resource>(pathOf({ ...path, subresource: "status" }), {
        method: "PUT",
        query: { fieldManager, force: force ? "true" : undefined },
        body: { apiVersion, kind, metadata: { name, uid, resourceVersion }, status },
      });
    } catch (error) {
      if (attempt >= attempts || !conflictOf(error)?.retryable) throw error;
      await sleep(PAUSE_MS * (1 + Math.random()));
    }
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
