/** `updateResourceStatus` over HTTP, as a transport of the status suite. */
import { inputFields } from "../../conformance/status/encode.ts";
import type {
  Answer,
  RefusalCode,
  StatusTransport,
  TestConflict,
  TestObject,
  TestWrite,
  Trait,
  Writer,
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

const CONFLICT =
  "conflict { reason currentResourceVersion currentGeneration current expected retryable hint message owners { field manager } }";
const MUTATION = `mutation($input: UpdateResourceStatusInput!) { updateResourceStatus(input: $input) { object ${CONFLICT} } }`;
/** The schema reads what is no list of conditions; this is as wrong as it lets through. */
const MALFORMED = [{ type: "", status: "Maybe" }];

export function graphql(world: WorkerWorld): StatusTransport {
  return {
    name: "GraphQL",
    traits: GRAPHQL_TRAITS,
    async write(writer, write): Promise<Answer> {
      const fields = inputFields(world.kind, world.namespace, write);
      const input = { ...fields, ...(write.malformed ? { conditions: MALFORMED } : {}) };
      const { text, told } = await asked<{ updateResourceStatus: Payload }>(world, writer, MUTATION, input);
      const [error] = told.errors ?? [];
      if (error) return { outcome: "refused", code: error.extensions.code, text };
      const { object, conflict } = told.data?.updateResourceStatus ?? {};
      if (conflict) return { outcome: "conflict", conflict: { ...conflict, text } };
      if (!object) throw new Error(`neither an object nor a conflict: ${text}`);
      return { outcome: "accepted", object: stored(object) };
    },
  };
}

/** A kind's own mutation. Its input has no place for some of what is wrong: that goes by the generic one. */
export function typed(mutation: string, inputType: string, as: string, traits = GRAPHQL_TRAITS) {
  const query = `mutation($input: ${inputType}!) { ${mutation}(input: $input) { ${as} { metadata { name resourceVersion } } ${CONFLICT} } }`;
  return (world: WorkerWorld): StatusTransport => {
    const generic = graphql(world);
    return {
      name: mutation,
      traits,
      async write(writer, write): Promise<Answer> {
        if (write.spec !== undefined || write.metadata || write.kind || write.malformed || !fits(world, write))
          return await generic.write(writer, write);
        const { kind: _, ...input } = inputFields(world.kind, world.namespace, write);
        const { text, told } = await asked<Record<string, TypedPayload>>(world, writer, query, input);
        const [error] = told.errors ?? [];
        if (error) return { outcome: "refused", code: error.extensions.code, text };
        const payload = told.data?.[mutation];
        if (payload?.conflict) return { outcome: "conflict", conflict: { ...payload.conflict, text } };
        const shown = payload?.[as] as Pick<TestObject, "metadata"> | null | undefined;
        if (!shown) throw new Error(`neither an object nor a conflict: ${text}`);
        const object = await world.read(shown.metadata.name);
        // What a later write left cannot stand for what this one was answered.
        if (object.metadata.resourceVersion !== shown.metadata.resourceVersion)
          return { outcome: "accepted", object: { ...object, metadata: { ...object.metadata, ...shown.metadata } } };
        return { outcome: "accepted", object };
      },
    };
  };
}

function fits({ kind }: WorkerWorld, { status }: TestWrite): boolean {
  if (status?.resolved === undefined) return true;
  const known = Object.keys(kind.resolved(0) as object);
  const given = status.resolved;
  return (
    typeof given === "object" &&
    given !== null &&
    known.every((key) => Number.isFinite(Reflect.get(given, key)) || Array.isArray(Reflect.get(given, key)))
  );
}

type Conflict = Omit<TestConflict, "text"> | null;
interface Payload {
  object: TestObject | null;
  conflict: Conflict;
}
interface TypedPayload {
  conflict: Conflict;
  [as: string]: unknown;
}
interface Told<Data> {
  data?: Data | null;
  errors?: { extensions: { code: RefusalCode } }[];
}

async function asked<Data>(
  world: WorkerWorld,
  writer: Writer,
  query: string,
  input: object,
): Promise<{ text: string; told: Told<Data> }> {
  const body = { query, variables: { input } };
  const { text, body: told } = await ask(await world.token(writer), "/graphql", { method: "POST", body });
  return { text, told: told as Told<Data> };
}

/** Without the empty lists that GraphQL shows where an object has none. */
function stored({ metadata, ...object }: TestObject): TestObject {
  const shown = Object.entries(metadata).filter(([, value]) => !(Array.isArray(value) && value.length === 0));
  return { ...object, metadata: Object.fromEntries(shown) as TestObject["metadata"] };
}
