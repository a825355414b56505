import { afterNamespaceCreated, deleteNamespace } from "../../http/namespaces.ts";
import { StatusError, unwrap } from "../../http/status.ts";
import { about, write } from "../../http/write-target.ts";
import type { Resource } from "../../resource/types.ts";
import { permit, permitNamed } from "../access.ts";
import type { GraphContext } from "../context.ts";
import { badInput, failure } from "../errors.ts";
import { kindOf, nameOf } from "../kinds.ts";
import { authored, idempotency, replayed, targetOf, withoutNulls } from "./write.ts";

interface CreateInput {
  apiVersion?: string | null;
  kind?: string | null;
  metadata: { name: string; labels?: unknown; annotations?: unknown };
  spec?: Record<string, unknown> | null;
  idempotencyKey?: string | null;
}

export async function createNamespace(graph: GraphContext, input: CreateInput) {
  const kind = kindOf("Namespace");
  const { metadata, spec, apiVersion, kind: kindName } = input;
  permitNamed(graph.identity, { kind: nameOf(kind), verb: "create" });
  const expected = `${kind.group}/${kind.version}`;
  if ((apiVersion ?? expected) !== expected) throw badInput(`apiVersion: must be ${expected}, found ${apiVersion}`);
  if ((kindName ?? kind.kind) !== kind.kind) throw badInput(`kind: must be ${kind.kind}, found ${kindName}`);
  const resource = authored(kind, undefined, {
    apiVersion: expected,
    kind: kind.kind,
    metadata: withoutNulls(metadata),
    spec: withoutNulls(spec ?? {}),
  });
  const target = targetOf(graph, kind, undefined);
  const keyed = idempotency("createNamespace", input as unknown as Record<string, unknown>);
  const result = await write(target, { operation: "CREATE", name: resource.metadata.name, resource, ...keyed });
  const { object, replayed: isReplay } = unwrap(result, about(target));
  const namespace = JSON.parse(object) as Resource;
  if (!isReplay) await afterNamespaceCreated(target, namespace);
  return { namespace };
}

interface DeleteInput {
  identifier: string;
  force?: boolean | null;
  idempotencyKey?: string | null;
}

export async function deleteNamespaceByName(graph: GraphContext, input: DeleteInput) {
  const kind = kindOf("Namespace");
  const { identifier: name, force } = input;
  permit(graph.identity, kind, { verb: "delete", name });
  const target = targetOf(graph, kind, undefined, force ? { force: "true" } : {});
  const keyed = idempotency("deleteNamespace", input as unknown as Record<string, unknown>);
  if (!(await replayed(target, keyed))) {
    try {
      await deleteNamespace(target, { operation: "DELETE", name, ...keyed });
    } catch (error) {
      // What stands in the way is its repositories: trying again helps nobody before they are gone.
      if (error instanceof StatusError && error.status.reason === "Conflict")
        throw failure("FAILED_PRECONDITION", error.status.message ?? "the namespace has repositories");
      throw error;
    }
  }
  return { deletedIdentifier: name };
}
