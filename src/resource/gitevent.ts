/** What a Git event is: the taxonomy as one constant table, the deterministic id, and the GitEvent around a CloudEvent. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import {
  admissionEvaluatedData,
  type DataSchema,
  draftPublishedData,
  namespaceTargetData,
  pushRejectedData,
  refData,
  releaseData,
  resourceParsedData,
  validationFailedData,
} from "./eventdata.ts";
import type { JsonObject, Resource } from "./types.ts";

/**
 * How an event is treated.
 * - `blocking`: someone waits for the answer.
 * - `must-be-acknowledged`: the sync controller has to act on it, and is driven again until it did.
 * - `durable`: consumers may act on it; written in the transaction of what it reports.
 * - `fire-and-forget`: written alike, but nobody may act on it.
 */
export type EventClass = "blocking" | "must-be-acknowledged" | "durable" | "fire-and-forget";

export interface EventType {
  /** The short kebab name, as labels and `?type=` carry it. */
  name: string;
  /** The CloudEvent `type`. */
  type: string;
  class: EventClass;
  /** `blocking` where the event reports an answer that someone waited for. */
  answer?: "blocking";
  /** Kept for AUDIT_DAYS (400), beyond the replay window. */
  audit: boolean;
  /** What has to have happened. */
  when: string;
  /** What `subject` names. */
  subject: "ref" | "resource" | "release";
  dataSchema: DataSchema;
}

const BRANCH = "a `refs/heads/*` ref";
const TAG = "a `refs/tags/*` ref";

/** Every event there is, in the order of the reference. Docs, AsyncAPI and label values are derived from this table. */
export const EVENT_TYPES = [
  ref("branch-created", "git.branch.created", `${BRANCH} appeared`),
  ref("branch-updated", "git.branch.updated", `${BRANCH} moved to a descendant of its old tip`),
  ref(
    "branch-force-pushed",
    "git.branch.force-pushed",
    `${BRANCH} moved, and its old tip is no ancestor of the new one`,
  ),
  ref("branch-deleted", "git.branch.deleted", `${BRANCH} is gone`),
  ref("tag-created", "git.tag.created", `${TAG} appeared`),
  ref("tag-updated", "git.tag.updated", `${TAG} points at another object`),
  ref("tag-deleted", "git.tag.deleted", `${TAG} is gone`),
  {
    name: "push-rejected",
    type: "dev.gitstore.git.push.rejected.v1",
    class: "durable",
    answer: "blocking",
    audit: true,
    when: "the pre-receive check refused a push",
    subject: "ref",
    dataSchema: pushRejectedData,
  },
  {
    name: "catalog-namespace-target",
    type: "dev.gitstore.catalog.namespace.target.v1",
    class: "fire-and-forget",
    audit: false,
    when: "once per push: the namespace that owns it",
    subject: "ref",
    dataSchema: namespaceTargetData,
  },
  {
    name: "catalog-resource-parsed",
    type: "dev.gitstore.catalog.resource.parsed.v1",
    class: "fire-and-forget",
    audit: false,
    when: "a changed file parsed into a resource",
    subject: "resource",
    dataSchema: resourceParsedData,
  },
  {
    name: "catalog-resource-validation-failed",
    type: "dev.gitstore.catalog.resource.validation-failed.v1",
    class: "durable",
    audit: false,
    when: "a stage of admission refused a resource",
    subject: "resource",
    dataSchema: validationFailedData,
  },
  {
    name: "catalog-admission-evaluated",
    type: "dev.gitstore.catalog.admission.evaluated.v1",
    class: "fire-and-forget",
    audit: false,
    when: "once per push, after its last resource change: what admission decided",
    subject: "ref",
    dataSchema: admissionEvaluatedData,
  },
  {
    ...release("release-created", "release.created", "a matching tag was created and its whole tree passed admission"),
    class: "must-be-acknowledged",
  },
  release("release-rejected", "release.rejected", "a Release was refused; the pointer did not move"),
  release("release-promoted", "release.promoted", "a channel's pointer moved to a Release"),
  release("release-rolled-back", "release.rolled-back", "a channel's pointer moved back to an earlier Release"),
  {
    name: "draft-published",
    type: "dev.gitstore.catalog.draft.published.v1",
    class: "durable",
    audit: true,
    when: "a promotion made drafts visible",
    subject: "release",
    dataSchema: draftPublishedData,
  },
] as const satisfies readonly EventType[];

export type EventName = (typeof EVENT_TYPES)[number]["name"];

function ref<const N extends string>(name: N, type: string, when: string) {
  return {
    name,
    type: `dev.gitstore.${type}.v1`,
    class: "durable" as EventClass,
    audit: false,
    when,
    subject: "ref" as const,
    dataSchema: refData,
  };
}

function release<const N extends string>(name: N, type: string, when: string) {
  return {
    name,
    type: `dev.gitstore.${type}.v1`,
    class: "durable" as EventClass,
    audit: true,
    when,
    subject: "release" as const,
    dataSchema: releaseData,
  };
}

const byName = new Map<string, EventType>(EVENT_TYPES.map((row) => [row.name, row]));
const byType = new Map<string, EventType>(EVENT_TYPES.map((row) => [row.type, row]));

/** The row of a short name or of a CloudEvent type; undefined for neither. */
export function eventType(nameOrType: string): EventType | undefined {
  return byName.get(nameOrType) ?? byType.get(nameOrType);
}

/** The CloudEvent type of a short name. */
export function typeOf(name: EventName): string {
  const row = byName.get(name);
  if (row === undefined) throw new Error(`no Git event is called ${JSON.stringify(name)}`);
  return row.type;
}

/** The short name of a CloudEvent type; undefined where the type is none of ours. */
export function nameOf(type: string): EventName | undefined {
  return byType.get(type)?.name as EventName | undefined;
}

/** What an id is made of. `move` is the ref's own counter: A→B→A→B gives two different events. */
export interface EventIdParts {
  repositoryUid: string;
  ref: string;
  old: string | null;
  new: string | null;
  move: number;
  /** The CloudEvent type. */
  type: string;
  /** What tells events of one type in one push apart, such as `{kind}/{name}`. */
  resource?: string;
}

/**
 * The CloudEvent id: SHA-256, lower-case hex, over the parts as a JSON array. A JSON array is unambiguous whatever the
 * parts contain, and re-deriving an event after a crash gives the same id, so that (source, id) suppresses duplicates.
 */
export function eventId(parts: EventIdParts): string {
  const { repositoryUid, ref: name, old, move, type, resource } = parts;
  const canonical = JSON.stringify([repositoryUid, name, old, parts.new, move, type, resource ?? null]);
  return bytesToHex(sha256(utf8ToBytes(canonical)));
}

export const EVENT_LABELS = {
  type: "events.gitstore.dev/type",
  repository: "events.gitstore.dev/repository",
  ref: "events.gitstore.dev/ref",
} as const;

/** A Kubernetes label value: at most 63 of these, beginning and ending with a letter or digit. */
const LABEL_VALUE = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE_MAX = 63;
const HASH_HEX = 16;

/** `<slug>_<first 16 hex of SHA-256 of the value>`, for what a label value cannot hold. */
function hashed(prefix: string, rest: string, whole: string): string {
  const room = LABEL_VALUE_MAX - prefix.length - 1 - HASH_HEX;
  const slug = rest.replace(/[^-A-Za-z0-9.]/g, "-").slice(0, room);
  return `${prefix}${slug}_${bytesToHex(sha256(utf8ToBytes(whole))).slice(0, HASH_HEX)}`;
}

/**
 * The value of `events.gitstore.dev/ref`. A label value holds no `/`, so `refs/heads/main` is `heads.main` and
 * `refs/tags/v1.2.0` is `tags.v1.2.0`. A name that is too long or has other characters (`release/v1`, `café`) is
 * `tags_release-v1_<16 hex>`: a readable part, and the start of the SHA-256 of the full ref name. The two forms differ
 * in the character after `heads` or `tags`, so a short name can never be taken for a hashed one.
 */
export function labelValueOfRef(fullName: string): string {
  const match = /^refs\/(heads|tags)\/(.+)$/s.exec(fullName);
  const [, space, name] = match ?? [];
  if (space === undefined || name === undefined) return hashed("ref_", fullName.replace(/^refs\//, ""), fullName);
  const plain = `${space}.${name}`;
  return LABEL_VALUE.test(plain) ? plain : hashed(`${space}_`, name, fullName);
}

/** A repository's name as a label value: itself, or, over 63 characters, shortened with a hash. */
export function labelValueOfRepository(name: string): string {
  return LABEL_VALUE.test(name) ? name : hashed("", name, name);
}

/** Digits that a resourceVersion is padded to, so that names and sequences sort as numbers do. */
const SEQUENCE_DIGITS = 20;

export interface GitEventInput {
  namespace: string;
  /** The resourceVersion the event takes in the namespace's order. */
  rv: number;
  uid: string;
  repository: { uid: string; name: string };
  /** The CloudEvent type, one of EVENT_TYPES. */
  type: string;
  /** The ref, or `{kind}/{name}`. */
  subject: string;
  /** See `eventId`. */
  id: string;
  /** RFC 3339. */
  time: string;
  /** One per push: what belongs together. */
  correlationid: string;
  /** The id of the event that led to this one. */
  causationid?: string;
  traceparent?: string;
  ref?: string;
  data: Record<string, unknown>;
}

/** The GitEvent whose `spec` is the CloudEvent 1.0. Throws for a type that is not in the table: that is our own mistake. */
export function buildGitEvent(input: GitEventInput): Resource {
  const row = byType.get(input.type);
  if (row === undefined) throw new Error(`no Git event has the type ${JSON.stringify(input.type)}`);
  const sequence = String(input.rv).padStart(SEQUENCE_DIGITS, "0");
  const spec: JsonObject = {
    specversion: "1.0",
    id: input.id,
    source: `/namespaces/${input.namespace}/repositories/${input.repository.name}`,
    type: input.type,
    subject: input.subject,
    time: input.time,
    sequence,
    correlationid: input.correlationid,
    ...(input.causationid === undefined ? {} : { causationid: input.causationid }),
    ...(input.traceparent === undefined ? {} : { traceparent: input.traceparent }),
    datacontenttype: "application/json",
    data: input.data as JsonObject,
  };
  return {
    apiVersion: "events.gitstore.dev/v1beta1",
    kind: "GitEvent",
    metadata: {
      name: sequence,
      namespace: input.namespace,
      labels: {
        [EVENT_LABELS.type]: row.name,
        [EVENT_LABELS.repository]: labelValueOfRepository(input.repository.name),
        ...(input.ref === undefined ? {} : { [EVENT_LABELS.ref]: labelValueOfRef(input.ref) }),
      },
      uid: input.uid,
      resourceVersion: String(input.rv),
      generation: 1,
      creationTimestamp: input.time,
    },
    spec,
  };
}
