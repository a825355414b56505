/** One file of a tree, read into a resource or into everything that is wrong with it. */
import { isMap, type YAMLMap } from "yaml";
import { candidateOf, MAX_OBJECT_BYTES, oversize } from "./candidate.ts";
import { utf8Length } from "./canonical.ts";
import { decode, entriesOf, type ReportYaml } from "./decode.ts";
import { checkEnvelope, type Envelope, METADATA, TOP_LEVEL } from "./envelope.ts";
import { formatField, parseField } from "./field.ts";
import { claimsToBeResource, splitFrontMatter } from "./frontMatter.ts";
import { setOwn, show } from "./json.ts";
import type { KindDef, KindRegistry, Schema } from "./kind.ts";
import { reportableFields } from "./references.ts";
import { checkSpec } from "./spec.ts";
import { didYouMean } from "./suggest.ts";
import type { AuthoredResource, FieldError, FileOutcome, Identity, JsonObject } from "./types.ts";
import type { Violation } from "./validate.ts";
import { keyText, readYaml, type YamlSource } from "./yaml.ts";

export const MAX_FILE_BYTES = 512 * 1024;
/** A file of 512 KiB can hold 100,000 violations; nobody reads them, and every event about them would carry them. */
const MAX_ERRORS = 100;
/** The directory, at the tree's root, whose YAML files hold the kinds without a body. */
const DEFINITIONS_DIRECTORY = ".gitstore/";

export interface ParseContext {
  /** The repository's namespace: the default one, and the only one allowed. */
  namespace: string;
  registry: KindRegistry;
}

const IGNORED: FileOutcome = { outcome: "ignored" };

export function parseFile(path: string, text: string, context: ParseContext): FileOutcome {
  const form = formOf(path);
  if (form === undefined) return IGNORED;
  const bytes = text.length * 3 <= MAX_FILE_BYTES ? 0 : utf8Length(text);
  if (bytes > MAX_FILE_BYTES) return tooLarge(path, text, form, bytes);
  if (form === "yaml") return parseYaml(path, { yaml: text, line: 1, form }, context);

  const split = splitFrontMatter(text);
  if (split.found === "none") return IGNORED;
  if (split.found === "unclosed") {
    if (!claimsToBeResource(split.yaml)) return IGNORED;
    const message = "the front matter that begins here is not closed";
    const hint = "end it with a line that is exactly ---";
    return invalid([{ path, line: 1, column: 1, field: "", reason: "UnclosedFrontMatter", message, hint }]);
  }
  return parseYaml(path, { yaml: split.yaml, line: split.line, form, body: split.body }, context);
}

/** What bytes that are no UTF-8 give. */
export function notUtf8(path: string): FileOutcome {
  if (formOf(path) === undefined) return IGNORED;
  const message = "the file is not UTF-8 text";
  return invalid([{ path, line: 1, column: 1, field: "", reason: "Invalid", message, hint: "save it as UTF-8" }]);
}

type Form = "markdown" | "yaml";

function formOf(path: string): Form | undefined {
  if (path.endsWith(".md")) return "markdown";
  if (path.startsWith(DEFINITIONS_DIRECTORY) && (path.endsWith(".yaml") || path.endsWith(".yml"))) return "yaml";
  return undefined;
}

/** Whether a path can hold a resource at all; the others need not be fetched. */
export function isResourcePath(path: string): boolean {
  return formOf(path) !== undefined;
}

function invalid(errors: FieldError[], identity?: Identity): FileOutcome {
  return identity === undefined ? { outcome: "invalid", errors } : { outcome: "invalid", identity, errors };
}

function tooLarge(path: string, text: string, form: Form, bytes: number): FileOutcome {
  // A long Markdown document that claims nothing is not our business.
  if (form === "markdown") {
    const split = splitFrontMatter(text);
    if (split.found === "none" || !claimsToBeResource(split.yaml)) return IGNORED;
  }
  const message = `the file must be at most ${MAX_FILE_BYTES} bytes, found ${bytes}`;
  return invalid([{ path, line: 1, column: 1, field: "", reason: "FileTooLarge", message }]);
}

interface Source {
  yaml: string;
  /** The line of the file that the YAML begins at. */
  line: number;
  form: Form;
  body?: string;
}

function parseYaml(path: string, source: Source, context: ParseContext): FileOutcome {
  const yaml = readYaml(source.yaml, source.line);
  const { root } = yaml;
  const errors: FieldError[] = yaml.problems.map((problem) => malformed(path, problem));
  if (!isMap(root)) {
    return errors.length > 0 && claimsToBeResource(source.yaml) ? invalid(errors) : IGNORED;
  }
  const hasApiVersion = root.items.some((pair) => keyText(pair.key) === "apiVersion");
  const hasKind = root.items.some((pair) => keyText(pair.key) === "kind");
  const isOurs = hasApiVersion || (source.form === "yaml" && hasKind);
  if (!isOurs && !(errors.length > 0 && claimsToBeResource(source.yaml))) return IGNORED;
  return new FileParser(path, source, yaml, context, errors).parse(root);
}

function malformed(
  path: string,
  problem: { line: number; column: number; message: string; hint?: string },
): FieldError {
  const { line, column, message, hint } = problem;
  return { path, line, column, field: "", reason: "MalformedYAML", message, ...(hint === undefined ? {} : { hint }) };
}

class FileParser {
  readonly #path: string;
  readonly #source: Source;
  readonly #yaml: YamlSource;
  readonly #context: ParseContext;
  readonly #errors: FieldError[];

  constructor(path: string, source: Source, yaml: YamlSource, context: ParseContext, errors: FieldError[]) {
    this.#path = path;
    this.#source = source;
    this.#yaml = yaml;
    this.#context = context;
    this.#errors = errors;
  }

  parse(root: YAMLMap): FileOutcome {
    const entries = entriesOf(root, this.#malformed);
    const value: JsonObject = {};
    for (const [key, node] of entries)
      if (key !== "spec") setOwn(value, key, decode(node, schemaOf(key), this.#malformed));
    this.#checkKeys(value);

    const envelope = checkEnvelope(value, { ...this.#context, systemFields: "forbidden" });
    this.#report(envelope.violations);
    const { kind, name } = envelope;
    if (kind !== undefined) this.#report(placementOf(kind, this.#source.form));
    const specNode = entries.get("spec");
    const spec = decode(specNode, kind?.spec, this.#malformed);
    const checked = kind === undefined ? undefined : checkSpec(kind, spec, name);
    this.#report(checked?.violations ?? []);

    // Two `kind` or `metadata` keys: which of them names the object is anybody's guess.
    const isAmbiguous = this.#errors.length > 0 && hasDuplicate(root);
    const identity = kind !== undefined && name !== undefined && !isAmbiguous ? { kind: kind.key, name } : undefined;
    if (this.#errors.length > 0 || checked?.spec === undefined) return invalid(this.#sorted(), identity);
    return this.#outcome(envelope, checked.spec);
  }

  #outcome({ kind, metadata }: Envelope, spec: JsonObject): FileOutcome {
    // Reported by the envelope's checks already; a resource without either never comes here.
    if (kind === undefined || metadata === undefined) return invalid(this.#sorted());
    const apiVersion = `${kind.group}/${kind.version}`;
    const resource: AuthoredResource = { apiVersion, kind: kind.kind, metadata, spec };
    if (kind.hasBody) resource.body = this.#source.body ?? "";
    const bytes = oversize(resource, this.#source.yaml.length + (this.#source.body?.length ?? 0));
    const candidate = candidateOf(kind, resource);
    if (bytes !== undefined) {
      const message = `the object's JSON must be at most ${MAX_OBJECT_BYTES} bytes, found ${bytes}`;
      this.#report([{ path: [], reason: "FileTooLarge", message }]);
      return invalid(this.#errors, candidate.identity);
    }
    for (const reference of candidate.references) Object.assign(reference, this.#place(`${reference.field}.name`));
    for (const field of reportableFields(kind, spec)) candidate.positions[field] = this.#place(field);
    return { outcome: "resource", candidate };
  }

  #place(field: string): { line: number; column: number } {
    return this.#yaml.locate(parseField(field));
  }

  #malformed: ReportYaml = (offset, message, hint) => {
    const problem = { ...this.#yaml.placeOf(offset), message, ...(hint === undefined ? {} : { hint }) };
    this.#errors.push(malformed(this.#path, problem));
  };

  #report(violations: Violation[]): void {
    for (const { path, reason, message, hint, atKey } of violations) {
      const place = this.#yaml.locate(path, atKey);
      const error: FieldError = { path: this.#path, ...place, field: formatField(path), reason, message };
      this.#errors.push(hint === undefined ? error : { ...error, hint });
    }
  }

  #checkKeys(value: JsonObject): void {
    for (const key of Object.keys(value)) {
      if (TOP_LEVEL.includes(key) || key === "status") continue;
      const hint =
        key === "body"
          ? "the body is the Markdown after the front matter"
          : (didYouMean(key, TOP_LEVEL) ?? `known fields: ${TOP_LEVEL.join(", ")}`);
      this.#report([{ path: [key], reason: "UnknownField", message: `unknown field ${show(key)}`, hint, atKey: true }]);
    }
  }

  #sorted(): FieldError[] {
    const errors = this.#errors.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
    if (errors.length <= MAX_ERRORS) return errors;
    const message = `more than ${MAX_ERRORS} violations, the others are not shown`;
    return [...errors.slice(0, MAX_ERRORS), { path: this.#path, field: "", reason: "TooMany", message }];
  }
}

function schemaOf(key: string): Schema | undefined {
  if (key === "apiVersion" || key === "kind") return { type: "string" };
  return key === "metadata" ? METADATA : undefined;
}

function hasDuplicate(root: YAMLMap): boolean {
  const metadata = root.items.find((pair) => keyText(pair.key) === "metadata")?.value;
  return [root, ...(isMap(metadata) ? [metadata] : [])].some((map) => {
    const keys = map.items.map((pair) => keyText(pair.key)).filter((key) => key !== "spec");
    return new Set(keys).size < keys.length;
  });
}

/** Whether a kind may be written in Git, and in this form of file. */
function placementOf(kind: KindDef, form: Form): Violation[] {
  const path = ["kind"];
  if (kind.owner === "api") {
    const message = `a ${kind.kind} is owned by the API, not by Git`;
    return [{ path, reason: "NotSupported", message, hint: "create it through the API, and remove this file" }];
  }
  if (kind.owner !== "git") {
    const message = `a ${kind.kind} is written by ${kind.owner === "system" ? "the system" : "clients"}, not by Git`;
    return [{ path, reason: "NotSupported", message, hint: "remove this file" }];
  }
  if (kind.hasBody && form === "yaml") {
    const message = `a ${kind.kind} has a body, so its file is Markdown with front matter`;
    return [{ path, reason: "NotSupported", message, hint: "move it to a .md file" }];
  }
  if (!kind.hasBody && form === "markdown") {
    const message = `a ${kind.kind} has no body, so its file is YAML`;
    return [{ path, reason: "NotSupported", message, hint: `move it to ${DEFINITIONS_DIRECTORY}<name>.yaml` }];
  }
  return [];
}
