/** Files for the tests of parsing and admission. */
import { expect } from "vitest";
import { parseFile } from "../../../src/resource/parse.ts";
import { coreRegistry } from "../../../src/resource/registry.ts";
import type { Candidate, FieldError, FileOutcome } from "../../../src/resource/types.ts";

export const context = { namespace: "acme", registry: coreRegistry };

/** A Markdown file of a catalogue kind; `spec` is YAML, written below `spec:`, indented by two. */
export function markdown(kind: string, name: string, spec: string, body = "\n# Body\n"): string {
  const lines = spec.split("\n").map((line) => (line === "" ? "" : `  ${line}`));
  return `---
apiVersion: catalog.gitstore.dev/v1beta1
kind: ${kind}
metadata:
  name: ${name}
spec:
${lines.join("\n")}
---
${body}`;
}

export function parse(text: string, path = "products/file.md"): FileOutcome {
  return parseFile(path, text, context);
}

export function accepted(text: string, path?: string): Candidate {
  const outcome = parse(text, path);
  expect(outcome, JSON.stringify(outcome)).toMatchObject({ outcome: "resource" });
  if (outcome.outcome !== "resource") throw new Error("not a resource");
  return outcome.candidate;
}

export function refused(text: string, path?: string): FieldError[] {
  const outcome = parse(text, path);
  expect(outcome, JSON.stringify(outcome)).toMatchObject({ outcome: "invalid" });
  return outcome.outcome === "invalid" ? outcome.errors : [];
}

/** `reason field` of every error, in the order reported. */
export function summary(errors: FieldError[]): string[] {
  return errors.map(({ reason, field }) => `${reason} ${field}`.trim());
}
