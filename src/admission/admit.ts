/** The only way a spec enters a ledger. Git pushes, API writes and release trees all call it. */
import { formatField, parseField } from "../resource/field.ts";
import { parseFile } from "../resource/parse.ts";
import { CUSTOM_RESOURCE_DEFINITION } from "../resource/references.ts";
import { checkSpec } from "../resource/spec.ts";
import type { Candidate, FieldError } from "../resource/types.ts";
import { definitionChangeErrors, definitionDeleteErrors } from "./definitions.ts";
import { checkReferences } from "./references.ts";
import type { AdmissionDecision, AdmissionRequest, Stage } from "./types.ts";

export function admit(request: AdmissionRequest): AdmissionDecision {
  const decision = begin(request);
  for (const stage of request.stages) {
    const errors = STAGES[stage](request, decision);
    if (decision.ignored === true) return decision;
    if (errors.length === 0) continue;
    return { ...decision, allowed: false, stage: stageOf(stage, errors), errors, conditions: [] };
  }
  return decision;
}

function begin({ candidate, oldObject, registry }: AdmissionRequest): AdmissionDecision {
  const decision: AdmissionDecision = { allowed: true, errors: [], warnings: [], conditions: [], policies: [] };
  if (candidate !== undefined) {
    decision.candidate = candidate;
    decision.identity = candidate.identity;
  } else if (oldObject !== undefined) {
    const kind = `${oldObject.kind}.${oldObject.apiVersion.split("/")[0]}`;
    decision.identity = { kind, name: oldObject.metadata.name };
  }
  return withKind(decision, registry);
}

function withKind(decision: AdmissionDecision, registry: AdmissionRequest["registry"]): AdmissionDecision {
  const kind = decision.identity === undefined ? undefined : registry.byKey(decision.identity.kind);
  if (kind !== undefined) decision.kind = kind;
  return decision;
}

/** Each stage fills in the decision and answers the errors that refuse. */
const STAGES: Record<Stage, (request: AdmissionRequest, decision: AdmissionDecision) => FieldError[]> = {
  parse: parseStage,
  schema: schemaStage,
  references: referencesStage,
  // A namespace without AdmissionPolicy resources has nothing to ask: every object passes.
  policies: () => [],
};

/**
 * Reading a file finds the faults of its form and of its spec in one go, so that its author gets them all at once. The
 * stage named is the earliest one with a fault.
 */
function stageOf(stage: Stage, errors: FieldError[]): Stage {
  if (stage !== "parse") return stage;
  return errors.every(({ field }) => field === "spec" || /^spec[.[]/.test(field)) ? "schema" : "parse";
}

function parseStage(request: AdmissionRequest, decision: AdmissionDecision): FieldError[] {
  const { source, operation } = request;
  if (source === undefined) {
    if (request.candidate !== undefined || operation === "DELETE") return [];
    throw new Error("admit: stage parse needs a source or a candidate");
  }
  const outcome = parseFile(source.path, source.text, request);
  switch (outcome.outcome) {
    case "ignored":
      decision.ignored = true;
      return [];
    case "invalid":
      if (outcome.identity !== undefined) decision.identity = outcome.identity;
      withKind(decision, request.registry);
      return outcome.errors;
    case "resource":
      decision.candidate = outcome.candidate;
      decision.identity = outcome.candidate.identity;
      withKind(decision, request.registry);
      return [];
  }
}

function schemaStage(request: AdmissionRequest, decision: AdmissionDecision): FieldError[] {
  const { candidate, kind } = decision;
  if (candidate === undefined) {
    if (request.operation === "DELETE") return [];
    throw new Error("admit: stage schema needs a candidate");
  }
  // Parsing has validated it, by this very registry.
  if (request.source !== undefined && request.stages.includes("parse")) return [];
  if (kind === undefined) {
    const message = `no kind ${JSON.stringify(candidate.resource.kind)} is known in ${JSON.stringify(candidate.resource.apiVersion)}`;
    return placed([{ field: "kind", reason: "UnknownKind", message }], candidate, request);
  }
  const { violations } = checkSpec(kind, candidate.resource.spec, candidate.identity.name);
  const errors = violations.map(({ path, reason, message, hint }) => ({
    field: formatField(path),
    reason,
    message,
    ...(hint === undefined ? {} : { hint }),
  }));
  return placed(errors, candidate, request);
}

function referencesStage(request: AdmissionRequest, decision: AdmissionDecision): FieldError[] {
  const { state, operation, oldObject } = request;
  if (state === undefined) throw new Error("admit: stage references needs the resulting state");
  const isDefinition = decision.identity?.kind === CUSTOM_RESOURCE_DEFINITION;
  if (operation === "DELETE") {
    return isDefinition && oldObject !== undefined ? definitionDeleteErrors(oldObject, state) : [];
  }
  const { candidate } = decision;
  if (candidate === undefined) throw new Error("admit: stage references needs a candidate");

  const { refused, findings } = checkReferences(candidate, state, request);
  if (isDefinition) refused.push(...definitionChangeErrors(candidate, oldObject, state));
  decision.conditions = findings.map(({ condition }) => condition);
  const dangling = placed(
    findings.flatMap(({ errors }) => errors),
    candidate,
    request,
  );
  const errors = placed(refused, candidate, request);
  // A release tree must be closed; on a branch what is missing may still come.
  if (request.trigger === "release") {
    if (request.danglingReferences === "Warn") decision.warnings.push(...dangling);
    else errors.push(...dangling);
  }
  return errors;
}

/** Errors with the file and the nearest place that parsing recorded. */
function placed(errors: FieldError[], candidate: Candidate, request: AdmissionRequest): FieldError[] {
  return errors.map((error) => {
    const path = request.source?.path;
    const place = error.line === undefined ? nearest(error.field, candidate) : {};
    return { ...(path === undefined ? {} : { path }), ...place, ...error };
  });
}

function nearest(field: string, candidate: Candidate): { line?: number; column?: number } {
  const path = parseField(field);
  for (let length = path.length; length > 0; length--) {
    const place = candidate.positions[formatField(path.slice(0, length))];
    if (place !== undefined) return place;
  }
  return {};
}
