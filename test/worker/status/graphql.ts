/** `updateResourceStatus` over HTTP, as a transport of the status suite. */
import { inputFields } from "../../conformance/status/encode.ts";
import type {
  Answer,
  RefusalCode,
  StatusTransport,
  TestConflict,
  TestObject,
  Trait,
} from "../../conformance/status/types.ts";
import { ask } from "../support/http.ts";
import type { WorkerWorld } from "./world.ts";

export const GRAPHQL_TRAITS: ReadonlySet<Trait> = new Set<Trait>([
  "replacesOwn",
  "wholeObject",
  "force",
  "fieldManager",
  "idempotencyKey",
  "identity",
]);

const MUTATION = `mutation($input: UpdateResourceStatusInput!) { updateResourceStatus(input: $input) {
  object conflict { reason currentResourceVersion currentGeneration current expected retryable hint message owners { field manager } } } }`;
/** The schema reads what is no list of conditions; this is as wrong as it lets through. */
const MALFORMED = [{ type: "", status: "Maybe" }];

interface Told {
  data?: { updateResourceStatus: { object: TestObject | null; conflict: Omit<TestConflict, "text"> | null } } | null;
  errors?: { extensions: { code: RefusalCode } }[];
}

export function graphql(world: WorkerWorld): StatusTransport {
  return {
    name: "GraphQL",
    traits: GRAPHQL_TRAITS,
    async write(writer, write): Promise<Answer> {
      const fields = inputFields(world.kind, world.namespace, write);
      const input = { ...fields, ...(write.malformed ? { conditions: MALFORMED } : {}) };
      const body = { query: MUTATION, variables: { input } };
      const { text, ...asked } = await ask(await world.token(writer), "/graphql", { method: "POST", body });
      const { data, errors } = asked.body as Told;
      const [error] = errors ?? [];
      if (error) return { outcome: "refused", code: error.extensions.code, text };
      const { object, conflict } = data?.updateResourceStatus ?? {};
      if (conflict) return { outcome: "conflict", conflict: { ...conflict, text } };
      if (!object) throw new Error(`neither an object nor a conflict: ${text}`);
      return { outcome: "accepted", object: stored(object) };
    },
  };
}

/** Without the empty lists that GraphQL shows where an object has none. */
function stored({ metadata, ...object }: TestObject): TestObject {
  const shown = Object.entries(metadata).filter(([, value]) => !(Array.isArray(value) && value.length === 0));
  return { ...object, metadata: Object.fromEntries(shown) as TestObject["metadata"] };
}
