import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import type { Grant } from "../../../src/auth/grants.ts";
import { parseSigningKeys } from "../../../src/auth/keys.ts";
import { grantsOf, type Role } from "../../../src/auth/roles.ts";
import { mintToken } from "../../../src/auth/tokens.ts";
import type { Env } from "../../../src/config.ts";
import { createApp } from "../../../src/http/app.ts";
import { bindings } from "./ledger.ts";

const app = createApp();
let minted = 0;

export interface Asked {
  status: number;
  headers: Headers;
  text: string;
  /** The body, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever is there, and fails where it is not.
  body: any;
  webSocket: WebSocket | null;
}

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  /** A string, or bytes, are sent as they are, anything else as JSON. */
  body?: unknown;
  env?: Env;
}

export async function tokenFor(
  who: { role: Role; namespaces?: string[] } | { grants: Grant[] },
  sub = "user:test",
): Promise<string> {
  minted += 1;
  return await mintToken(parseSigningKeys(bindings.TOKEN_SIGNING_KEY), {
    sub,
    jti: `jti-${minted}-${crypto.randomUUID()}`,
    grants: "grants" in who ? who.grants : grantsOf({ role: who.role, namespaces: who.namespaces ?? ["*"] }),
    ttlSeconds: 3_600,
    now: Date.now(),
  });
}

/** A request to the whole application, inside workerd. */
export async function ask(
  token: string | undefined,
  path: string,
  { method = "GET", headers = {}, body, env = bindings }: Ask = {},
): Promise<Asked> {
  const ctx = createExecutionContext();
  const request = new Request(`https://edge.test${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined || isRaw(body) ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
  });
  const response = await app.fetch(request, env, ctx);
  const streaming = response.status === 101 || path.includes("watch=1");
  const text = streaming ? "" : await response.text();
  if (!streaming) await waitOnExecutionContext(ctx);
  return { status: response.status, headers: response.headers, text, body: parse(text), webSocket: response.webSocket };
}

function isRaw(body: unknown): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === "string" || body instanceof Uint8Array;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

let named = 0;
/** A name that no other test of the file uses: storage is shared within a file. */
export function unique(prefix: string): string {
  named += 1;
  return `${prefix}-${named}`;
}

export const NAMESPACES_PATH = "/apis/gitstore.dev/v1beta1/namespaces";

/** A namespace made through the API. */
export async function newNamespace(admin: string, prefix = "shop"): Promise<string> {
  const name = unique(prefix);
  const made = await ask(admin, NAMESPACES_PATH, {
    method: "POST",
    body: { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name }, spec: {} },
  });
  if (made.status !== 201) throw new Error(`the namespace was not made: ${made.status} ${made.text}`);
  return name;
}
