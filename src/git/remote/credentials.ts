/** Credentials for a remote: a Worker secret that says itself where it may go (contract, events: Credentials). */
import * as z from "zod/mini";
import { GitRemoteError } from "./errors.ts";

export interface GitCredentials {
  username: string;
  password: string;
  hosts: string[];
}

export const CREDENTIALS_PREFIX = "GIT_CREDENTIALS_";

const shape = z.object({
  username: z.string(),
  password: z.string(),
  hosts: z.array(z.string()),
  namespaces: z.array(z.string()),
});

/**
 * Reads the secret that `spec.credentialsRef` names. Only names under `GIT_CREDENTIALS_` can be read this way: any
 * other would let the author of a Repository send, say, the token signing key to a host of theirs.
 */
export function readCredentials(env: Record<string, unknown>, ref: string, namespace: string): GitCredentials {
  if (!ref.startsWith(CREDENTIALS_PREFIX) || !/^[A-Z0-9_]+$/.test(ref)) {
    throw new GitRemoteError(
      "Forbidden",
      `spec.credentialsRef: ${JSON.stringify(ref)} is not allowed: name a secret GIT_CREDENTIALS_<NAME>`,
    );
  }
  const text = env[ref];
  if (typeof text !== "string") {
    throw new GitRemoteError(
      "Unauthorized",
      `spec.credentialsRef: there is no secret ${ref}: set it with \`wrangler secret put ${ref}\``,
    );
  }
  const parsed = shape.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new GitRemoteError(
      "Unauthorized",
      `the secret ${ref} is not {"username", "password", "hosts": [], "namespaces": []}`,
    );
  }
  if (!parsed.data.namespaces.includes(namespace)) {
    throw new GitRemoteError("Forbidden", `the secret ${ref} does not list namespace ${namespace}`);
  }
  return { username: parsed.data.username, password: parsed.data.password, hosts: parsed.data.hosts };
}

/** `Basic …`, or null where this host (with its port, where it is not the scheme's) is not one the secret lists. */
export function authorizationFor(credentials: GitCredentials | null, url: URL): string | null {
  if (credentials === null || !credentials.hosts.includes(url.host)) return null;
  const bytes = new TextEncoder().encode(`${credentials.username}:${credentials.password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
