import { objectFields, statusFields } from "./envelope.ts";
import { queriesOf } from "./queries.ts";
import { type Fields, present, record, text, textOrNull, texts } from "./read.ts";

const DEFAULT_BRANCHES = ["main", "draft"];
const DEFAULT_RELEASE_TAGS = ["release/**", "v[0-9]*"];
const PATTERN = /[*?+![\]]/;

const listOr = (key: string, fallback: string[]) => (parent: Record<string, unknown>) =>
  Array.isArray(parent[key]) ? parent[key] : fallback;

export const repository: Record<string, Fields> = {
  Query: queriesOf("Repository", "repository", "repositories"),
  Repository: { ...objectFields, status: present("status") },
  RepositorySpec: {
    branches: listOr("branches", DEFAULT_BRANCHES),
    releaseTags: listOr("releaseTags", DEFAULT_RELEASE_TAGS),
    release: present("release"),
    releaseVerification: record("releaseVerification"),
    pushers: (parent) => (Array.isArray(parent.pushers) ? texts("pushers")(parent, {}, undefined as never) : null),
    defaultBranch: (parent) =>
      listOr("branches", DEFAULT_BRANCHES)(parent).find((name) => typeof name === "string" && !PATTERN.test(name)) ??
      "main",
    visibility: () => "PRIVATE",
  },
  RepositoryRelease: {
    channel: textOrNull("channel"),
    danglingReferences: text("danglingReferences", "Error"),
    promote: text("promote", "auto"),
  },
  RepositoryStatus: { ...statusFields, lastSync: record("lastSync") },
};
