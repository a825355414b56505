/** A resulting state held in memory: what a ledger answers from its tables. */
import { expect } from "vitest";
import { admit } from "../../../src/admission/admit.ts";
import type { AdmissionDecision, AdmissionRequest, ResultingState } from "../../../src/admission/types.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";
import type { Condition, JsonObject } from "../../../src/resource/types.ts";

export const GROUP = "catalog.gitstore.dev";

/** Objects by kind key and name; their specs. */
export function stateOf(objects: Record<string, Record<string, JsonObject>>): ResultingState {
  const specOf = (kind: string, name: string) => objects[kind]?.[name];
  return {
    exists: ({ kind, name }) => specOf(kind, name) !== undefined,
    spec: ({ kind, name }) => specOf(kind, name),
    skuHolders: (sku, name) =>
      Object.entries(objects[`ProductVariant.${GROUP}`] ?? {})
        .filter(([holder, spec]) => holder !== name && spec.sku === sku)
        .map(([holder]) => holder),
    ofKind: (kind) => Object.entries(objects[kind] ?? {}).map(([name, spec]) => ({ name, resource: { spec } })),
  };
}

export function request(text: string, more: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    operation: "CREATE",
    namespace: "acme",
    trigger: "push",
    stages: ["parse", "schema", "references", "policies"],
    registry: coreRegistry,
    source: { path: "a.md", text },
    state: stateOf({}),
    now: "2026-01-01T00:00:00Z",
    ...more,
  };
}

export function admitted(wanted: AdmissionRequest): AdmissionDecision {
  const decision = admit(wanted);
  expect(decision.errors).toEqual([]);
  expect(decision.allowed).toBe(true);
  return decision;
}

export function denied(wanted: AdmissionRequest): AdmissionDecision {
  const decision = admit(wanted);
  expect(decision.allowed).toBe(false);
  return decision;
}

/** `Type=Status Reason` of every condition. */
export function conditions(decision: AdmissionDecision): string[] {
  return decision.conditions.map(({ type, status, reason }: Condition) => `${type}=${status} ${reason}`);
}
