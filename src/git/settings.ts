/** What a Repository's spec asks of us, read leniently: the ledger has validated it, defaults may be missing. */
import * as z from "zod/mini";
import type { ProviderName } from "./webhooks/index.ts";

export interface Settings {
  namespace: string;
  name: string;
  uid: string;
  url: string;
  provider: ProviderName;
  credentialsRef?: string;
  branches: string[];
  releaseTags: string[];
  /** Who may push to a plain Git server; absent: everyone that the server lets in. */
  pushers?: string[];
  /** Null: never by itself. */
  pollMs: number | null;
}

const DEFAULT_BRANCHES = ["main", "draft"];
const DEFAULT_RELEASE_TAGS = ["release/**", "v[0-9]*"];
const DEFAULT_POLL = "5m";
/** Polling more often than this only costs: webhooks are what makes it fast. */
const MIN_POLL_MS = 10_000;

const shape = z.object({
  url: z.string(),
  provider: z.enum(["github", "git"]),
  credentialsRef: z.optional(z.string()),
  branches: z.prefault(z.array(z.string()), DEFAULT_BRANCHES),
  releaseTags: z.prefault(z.array(z.string()), DEFAULT_RELEASE_TAGS),
  pushers: z.optional(z.array(z.string())),
  poll: z.prefault(z.string(), DEFAULT_POLL),
});

/** Null where the Repository has no remote (no url), or none that we can follow. */
export function readSettings(
  repository: { namespace: string; name: string; uid: string },
  spec: Record<string, unknown>,
): Settings | null {
  const parsed = shape.safeParse(spec);
  if (!parsed.success) return null;
  const { namespace, name, uid } = repository;
  const { url, provider, credentialsRef, branches, releaseTags, poll } = parsed.data;
  const settings: Settings = { namespace, name, uid, url, provider, branches, releaseTags, pollMs: parsePoll(poll) };
  if (parsed.data.pushers !== undefined) settings.pushers = parsed.data.pushers;
  if (credentialsRef !== undefined) settings.credentialsRef = credentialsRef;
  return settings;
}

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** `5m`, `1h30m`, `off`; anything else is the default. */
export function parsePoll(text: string): number | null {
  if (text === "off") return null;
  if (!/^([0-9]+[smh])+$/.test(text)) return parsePoll(DEFAULT_POLL);
  let ms = 0;
  for (const [, count = "0", unit = "s"] of text.matchAll(/([0-9]+)([smh])/g))
    ms += Number(count) * (UNIT_MS[unit] ?? 0);
  return Math.max(MIN_POLL_MS, ms);
}
