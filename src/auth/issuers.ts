/** `OIDC_ISSUERS`: who else may say who a caller is. Cloudflare Access is one of them. */

import * as z from "zod/mini";
import en from "zod/v4/locales/en.js";
import { type Grant, grantsSchema, parseGrants } from "./grants.ts";

export interface OidcIssuer {
  /** Equal to the token's `iss`, to the letter. */
  issuer: string;
  audience: string | string[];
  jwksUri: string;
  /** The claim that holds grants, as JSON or as a string of it. */
  grantsClaim: string;
  /** For tokens without that claim. None: such a token may do nothing. */
  defaultGrants: Grant[];
}

const SHAPE = `give a JSON list of {"issuer", "audience", "jwksUri", "grantsClaim"?, "defaultGrants"?}`;

/** Plain http is for an issuer on this machine: keys that come over it can be replaced on the way. */
function isTrustworthy(uri: string): boolean {
  if (!URL.canParse(uri)) return false;
  const { protocol, hostname } = new URL(uri);
  return protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname));
}

/** It begins the subject that each of its watches remembers. */
const MAX_ISSUER_CHARS = 512;

const text = z.string().check(z.minLength(1));
const issuerSchema = z.strictObject({
  // The part of a subject before the first "#" says whose it is.
  issuer: text.check(z.regex(/^[^#]*$/, { error: 'must have no "#"' }), z.maxLength(MAX_ISSUER_CHARS)),
  audience: z.union([text, z.array(text).check(z.minLength(1))]),
  jwksUri: z.string().check(z.refine(isTrustworthy, { error: "must be an https URL" })),
  grantsClaim: z._default(text, "grants"),
  defaultGrants: z._default(grantsSchema, []),
});

/** Throws with a message that names the place. */
export function oidcIssuers(value: unknown): OidcIssuer[] {
  if (value === undefined || value === "") return [];
  let list = value;
  if (typeof value === "string") {
    try {
      list = JSON.parse(value);
    } catch {
      throw new Error(`this is not JSON: ${SHAPE}`);
    }
  }
  // zod/mini has no words of its own; the whole of zod would be 400 KiB more.
  const result = z.array(issuerSchema).safeParse(list, { error: en().localeError });
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${place(issue.path)}: ${issue.message}`);
    throw new Error(`${problems.join(", ")}: ${SHAPE}`);
  }
  return result.data.map((entry) => ({ ...entry, defaultGrants: parseGrants(entry.defaultGrants) ?? [] }));
}

function place(path: readonly PropertyKey[]): string {
  return path.length === 0
    ? "the value"
    : path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
}
