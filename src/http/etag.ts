/** Responses that clients keep: the same text has the same ETag, and who has it already gets 304. */

export async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export interface Kept {
  contentType: string;
  /** What else decides the answer; who asks always does. */
  vary?: string;
  cacheControl?: string;
}

/** `private`, because what a caller sees depends on its token. */
export async function keepable(request: Request, text: string, kept: Kept): Promise<Response> {
  const etag = `"${await hashOf(text)}"`;
  const headers = new Headers({
    etag,
    vary: kept.vary === undefined ? "Authorization" : `${kept.vary}, Authorization`,
    "cache-control": kept.cacheControl ?? "private, no-cache",
  });
  if (matches(request.headers.get("if-none-match"), etag)) return new Response(null, { status: 304, headers });
  headers.set("content-type", kept.contentType);
  return new Response(text, { headers });
}

/** RFC 9110 §13.1.2: a list of ETags compared weakly, or `*`. */
function matches(header: string | null, etag: string): boolean {
  if (header === null) return false;
  return header.split(",").some((given) => ["*", etag].includes(given.trim().replace(/^W\//, "")));
}
