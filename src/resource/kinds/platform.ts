/** Namespace and Repository: owned by the API. */
import { timeOf } from "../formats.ts";
import { get, listAt, objectAt, show, stringAt } from "../json.ts";
import type { KindDef } from "../kind.ts";
import { dnsLabelProblem } from "../names.ts";
import type { FieldError, JsonObject } from "../types.ts";
import { column, coreKind, list, object, READY_COLUMN, text, violation, wideColumn } from "./define.ts";
import { MAX_TITLE_LENGTH } from "./product.ts";

function namespaceRules(_spec: JsonObject, name: string): FieldError[] {
  // A namespace is a path segment and a host label of its clients, so it has no dots.
  const problem = dnsLabelProblem(name);
  return problem === undefined ? [] : [violation("metadata.name", "Invalid", `${problem}, found ${show(name)}`)];
}

export const namespace: KindDef = coreKind({
  group: "gitstore.dev",
  version: "v1beta1",
  kind: "Namespace",
  plural: "namespaces",
  shortNames: ["ns"],
  scope: "Cluster",
  owner: "api",
  printerColumns: [column("Title", ".spec.title"), column("Tier", ".spec.tier"), READY_COLUMN],
  spec: object("A tenant, and the unit of order.", {
    title: text("The name shown to people.", { maxLength: MAX_TITLE_LENGTH }),
    tier: text("Who the namespace belongs to.", { enum: ["USER", "ORGANIZATION"], default: "ORGANIZATION" }),
    storefront: object(
      "What the storefront shows.",
      { public: { type: "boolean", default: false, description: "Whether anyone may read what is published." } },
      [],
      { default: {} },
    ),
    controllers: {
      type: "object",
      description: "Built-in controllers by name: `external` stops one and frees the fields it owned.",
      additionalProperties: { type: "string", enum: ["internal", "external"] },
    },
  }),
  rules: namespaceRules,
});

const SSH_PUBLIC_KEY = "^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( .*)?$";

const releaseVerification = object(
  "Release tags must be signed by one of these.",
  {
    allowedSigners: list(
      "SSH public keys that may sign.",
      object(
        "One key.",
        {
          name: text("Whose key it is."),
          publicKey: text("The key as in an authorized_keys file.", { pattern: SSH_PUBLIC_KEY }),
          validAfter: text("When it begins to be accepted.", { format: "date-time" }),
          validBefore: text("When it ceases to be accepted.", { format: "date-time" }),
        },
        ["publicKey"],
      ),
      { minItems: 1 },
    ),
  },
  ["allowedSigners"],
);

const glob = text("A glob as in GitHub Actions filters: `*`, `**`, `[0-9]`, `!` to exclude.", {
  minLength: 1,
  maxLength: 255,
});

const MAX_GLOBS = 64;
const CREDENTIALS_NAME = /^GIT_CREDENTIALS_[A-Z0-9_]+$/;
// A bracket that is never closed would match nothing, or the rest of the pattern as a set.
const UNCLOSED_SET = /\[[^\]]*$/;

function urlErrors(url: string): FieldError[] {
  const field = "spec.url";
  if (!URL.canParse(url)) return [violation(field, "Invalid", `must be an https URL, found ${show(url)}`)];
  const parsed = new URL(url);
  const errors: FieldError[] = [];
  if (parsed.protocol !== "https:" && parsed.protocol !== "http:") {
    errors.push(violation(field, "NotSupported", `must be an https URL, found the scheme ${show(parsed.protocol)}`));
  }
  if (parsed.username !== "" || parsed.password !== "") {
    const message = "must not hold a user name or password: secrets are never in a spec";
    errors.push(violation(field, "Forbidden", message, "name a Worker secret in spec.credentialsRef"));
  }
  if (parsed.search !== "" || parsed.hash !== "") {
    errors.push(violation(field, "Invalid", `must have no query and no fragment, found ${show(url)}`));
  }
  return errors;
}

function globErrors(spec: JsonObject, name: "branches" | "releaseTags"): FieldError[] {
  return listAt(spec, name).flatMap((pattern, index) => {
    if (typeof pattern !== "string" || !(UNCLOSED_SET.test(pattern) || pattern === "!")) return [];
    return [violation(`spec.${name}[${index}]`, "Invalid", `must be a glob, found ${show(pattern)}`)];
  });
}

function signerErrors(spec: JsonObject): FieldError[] {
  return listAt(objectAt(spec, "releaseVerification"), "allowedSigners").flatMap((signer, index) => {
    const after = timeOf(stringAt(signer, "validAfter") ?? "");
    const before = timeOf(stringAt(signer, "validBefore") ?? "");
    if (after === undefined || before === undefined || before > after) return [];
    const field = `spec.releaseVerification.allowedSigners[${index}].validBefore`;
    return [violation(field, "Invalid", `must be after validAfter, found ${show(stringAt(signer, "validBefore"))}`)];
  });
}

function repositoryRules(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const url = stringAt(spec, "url");
  if (url !== undefined && url !== "") errors.push(...urlErrors(url));
  if (url !== undefined && get(spec, "provider") === undefined) {
    const message = "is required where spec.url is set: it decides how webhooks are verified";
    errors.push(violation("spec.provider", "Required", message, 'one of "github", "git"'));
  }
  const credentials = stringAt(spec, "credentialsRef");
  if (credentials !== undefined && !CREDENTIALS_NAME.test(credentials)) {
    const message = `must name a Worker secret GIT_CREDENTIALS_<NAME>, found ${show(credentials)}`;
    errors.push(violation("spec.credentialsRef", "Forbidden", message));
  }
  const poll = stringAt(spec, "poll");
  if (poll !== undefined && /^(0+[smh])+$/.test(poll)) {
    errors.push(violation("spec.poll", "Invalid", `must be more than nothing, found ${show(poll)}`, 'write "off"'));
  }
  return [...errors, ...globErrors(spec, "branches"), ...globErrors(spec, "releaseTags"), ...signerErrors(spec)];
}

export const repository: KindDef = coreKind({
  group: "gitstore.dev",
  version: "v1beta1",
  kind: "Repository",
  plural: "repositories",
  shortNames: ["repo"],
  owner: "api",
  printerColumns: [
    column("URL", ".spec.url"),
    column("Provider", ".spec.provider"),
    READY_COLUMN,
    wideColumn("Poll", ".spec.poll"),
    wideColumn("Channel", ".spec.release.channel"),
  ],
  spec: object("A Git repository whose files give the namespace's resources.", {
    url: text("Where it is cloned from, https.", { minLength: 1, maxLength: 2048 }),
    provider: text("Who sends its webhooks.", { enum: ["github", "git"] }),
    credentialsRef: text("The Worker secret with the credentials to fetch with.", { minLength: 1 }),
    branches: list("The branches that give drafts.", glob, { maxItems: MAX_GLOBS, default: ["main", "draft"] }),
    releaseTags: list("The tags that gate publishing.", glob, {
      maxItems: MAX_GLOBS,
      default: ["release/**", "v[0-9]*"],
    }),
    poll: text("How often its refs are looked at without a webhook, such as 5m; or off.", {
      pattern: "^(off|([0-9]+[smh])+)$",
      maxLength: 32,
      default: "5m",
    }),
    release: object(
      "How release tags go live.",
      {
        channel: text("The channel it feeds, or none.", {
          minLength: 1,
          maxLength: 63,
          pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        }),
        danglingReferences: text("Whether references to nothing reject a release.", {
          enum: ["Error", "Warn"],
          default: "Error",
        }),
        promote: text("Whether a Ready release goes live by itself.", { enum: ["auto", "manual"], default: "auto" }),
      },
      [],
      { default: {} },
    ),
    releaseVerification,
    pushers: list("Who may push, as the Git server names them; absent: everyone.", text("One name.", { minLength: 1 })),
  }),
  rules: repositoryRules,
});
