/** Reads files into outcomes: the parse and schema stages of admission, and the kinds that a push itself defines. */
import type { AdmissionDecision, AdmissionRequest, Stage } from "../../admission/types.ts";
import type { KindRegistry } from "../../resource/kind.ts";
import { notUtf8 } from "../../resource/parse.ts";
import type { Candidate, FieldError, Identity, KindKey } from "../../resource/types.ts";

/** What the stages parse and schema say of a file. */
export type Reading =
  | { outcome: "ignored" }
  | { outcome: "resource"; candidate: Candidate }
  /** `identity` is there when kind and name could still be read. */
  | { outcome: "invalid"; identity?: Identity; stage: Stage; errors: FieldError[] };

/** Reads a file under a registry; `bytes` as Git has them. */
export type ReadFile = (path: string, bytes: Uint8Array, registry: KindRegistry) => Reading;

export function admissionReader(
  admit: (request: AdmissionRequest) => AdmissionDecision,
  namespace: string,
  now: () => number,
): ReadFile {
  return (path, bytes, registry) => {
    const { text, valid } = decode(bytes);
    const decision = admit({
      operation: "UPDATE",
      namespace,
      trigger: "push",
      stages: ["parse", "schema"],
      registry,
      source: { path, text },
      now: new Date(now()).toISOString(),
    });
    if (decision.ignored) return { outcome: "ignored" };
    if (!valid) {
      const refused = notUtf8(path);
      const errors = refused.outcome === "invalid" ? refused.errors : [];
      return { outcome: "invalid", stage: "parse", errors, ...(decision.identity && { identity: decision.identity }) };
    }
    if (decision.allowed && decision.candidate !== undefined) {
      return { outcome: "resource", candidate: decision.candidate };
    }
    const errors = decision.errors.map((error) => ({ ...error, path: error.path ?? path }));
    const refused: Reading = { outcome: "invalid", stage: decision.stage ?? "parse", errors };
    if (decision.identity !== undefined) refused.identity = decision.identity;
    return refused;
  };
}

/** A byte order mark is content: dropped here, a body would not be what its author wrote. */
function decode(bytes: Uint8Array): { text: string; valid: boolean } {
  try {
    return { text: new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(bytes), valid: true };
  } catch {
    return { text: new TextDecoder("utf-8", { ignoreBOM: true, fatal: false }).decode(bytes), valid: false };
  }
}

export const DEFINITION: KindKey = "CustomResourceDefinition.apiextensions.gitstore.dev";

/** A definition's spec, as far as it says which kind it is about. */
export interface DefinitionSpec {
  group?: unknown;
  names?: { kind?: unknown; plural?: unknown };
}

export function definedKind(spec: DefinitionSpec): KindKey {
  return `${String(spec.names?.kind)}.${String(spec.group)}`;
}

/** Definitions only live under the tree's `.gitstore/`, so that they are found without reading every file. */
export function mayDefine(path: string): boolean {
  return path.startsWith(".gitstore/");
}
