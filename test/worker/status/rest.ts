/** PUT, and the three patches, as transports of the status suite. */
import { jsonPatchBody, mergePatchBody, objectBody } from "../../conformance/status/encode.ts";
import type {
  Answer,
  RefusalCode,
  StatusTransport,
  TestObject,
  TestWrite,
  Trait,
} from "../../conformance/status/types.ts";
import { type Asked, ask } from "../support/http.ts";
import type { WorkerWorld } from "./world.ts";

export type RestForm = "PUT" | "merge patch" | "JSON patch" | "apply patch";

const EVERY: Trait[] = ["anyField", "force", "fieldManager", "idempotencyKey", "dryRun", "identity"];
const FORMS: Record<RestForm, { method: string; type: string; traits: Trait[] }> = {
  PUT: { method: "PUT", type: "application/json", traits: ["replacesOwn", "wholeObject"] },
  "merge patch": { method: "PATCH", type: "application/merge-patch+json", traits: [] },
  "JSON patch": { method: "PATCH", type: "application/json-patch+json", traits: ["wholeObject"] },
  "apply patch": { method: "PATCH", type: "application/apply-patch+yaml", traits: ["replacesOwn", "wholeObject"] },
};
export const REST_FORMS = Object.keys(FORMS) as RestForm[];

export const restTraits = (form: RestForm): ReadonlySet<Trait> => new Set([...EVERY, ...FORMS[form].traits]);

export function rest(world: WorkerWorld, form: RestForm): StatusTransport {
  const { method, type } = FORMS[form];
  return {
    name: form,
    traits: restTraits(form),
    async write(writer, write) {
      const token = await world.token(writer);
      const body = await bodyOf(world, form, write);
      const headers = {
        "content-type": type,
        ...(write.idempotencyKey === undefined ? {} : { "idempotency-key": write.idempotencyKey }),
      };
      return answerOf(await ask(token, pathOf(world, write), { method, headers, body: JSON.stringify(body) }));
    },
  };
}

export function pathOf(world: WorkerWorld, { name, kind, force, fieldManager, dryRun }: TestWrite): string {
  const query = new URLSearchParams({
    ...(force ? { force: "true" } : {}),
    ...(fieldManager === undefined ? {} : { fieldManager }),
    ...(dryRun ? { dryRun: "All" } : {}),
  });
  return `${world.path(name, kind === undefined ? undefined : `${kind.toLowerCase()}s`)}/status?${query}`;
}

async function bodyOf(world: WorkerWorld, form: RestForm, write: TestWrite): Promise<unknown> {
  if (form === "merge patch") return mergePatchBody(write);
  if (form !== "JSON patch") return objectBody(world.kind, write);
  const current = write.read ?? (await world.read(write.name).catch(() => undefined));
  return jsonPatchBody(write, current);
}

const CODES: Record<number, RefusalCode> = {
  400: "BAD_USER_INPUT",
  401: "UNAUTHENTICATED",
  403: "FORBIDDEN",
  413: "BAD_USER_INPUT",
  422: "BAD_USER_INPUT",
  429: "RATE_LIMITED",
  503: "UNAVAILABLE",
};

interface Cause {
  reason: string;
  message: string;
  field?: string;
}

export function answerOf({ status, body, text }: Pick<Asked, "status" | "body" | "text">): Answer {
  if (status === 200) return { outcome: "accepted", object: body as TestObject };
  const causes = (body?.details?.causes ?? []) as Cause[];
  if (status === 409 && body.reason === "Conflict") {
    const told = (name: string) => causes.find(({ reason }) => reason === name)?.message ?? "";
    return {
      outcome: "conflict",
      conflict: {
        reason: told("reason"),
        currentResourceVersion: told("currentResourceVersion"),
        currentGeneration: Number(told("currentGeneration")),
        current: JSON.parse(told("current")),
        expected: told("expected"),
        retryable: told("retryable") === "true",
        hint: told("hint"),
        text,
      },
    };
  }
  const isMissing = status === 404;
  const missing = body?.details?.name === undefined ? "KIND_NOT_FOUND" : "NOT_FOUND";
  const immutable = causes.some(({ reason }) => reason === "SPEC_IMMUTABLE") ? "SPEC_IMMUTABLE" : undefined;
  const code = isMissing ? missing : (immutable ?? CODES[status]);
  if (!code) throw new Error(`an answer that status.md has not: ${status} ${text}`);
  return { outcome: "refused", code, text };
}
