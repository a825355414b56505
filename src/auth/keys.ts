/** `TOKEN_SIGNING_KEY`: `kid:base64url[,kid:base64url…]`. The first signs, all verify: that is how a key is rotated. */

export interface SigningKey {
  kid: string;
  secret: Uint8Array;
}

/** RFC 7518 §3.2: a key for HS256 has at least the size of its hash. */
const MIN_KEY_BYTES = 32;
const HOW = "give kid:base64url[,kid:base64url…] with at least 32 random bytes each (the first signs, all verify)";

/** Throws with a message that names the key by its place and kid, never by its bytes. */
export function parseSigningKeys(value: unknown): SigningKey[] {
  if (typeof value !== "string" || value.trim() === "") throw new Error(`this secret is missing: ${HOW}`);
  const keys = value.split(",").map((part, index) => parseKey(part.trim(), index + 1));
  const seen = new Set<string>();
  for (const { kid } of keys) {
    if (seen.has(kid)) throw new Error(`two keys have the kid "${kid}": ${HOW}`);
    seen.add(kid);
  }
  return keys;
}

function parseKey(text: string, place: number): SigningKey {
  const colon = text.indexOf(":");
  // Without a colon the whole text may be the secret, so it is not shown.
  if (colon < 1) throw new Error(`key ${place} has no kid before a colon: ${HOW}`);
  const kid = text.slice(0, colon);
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(kid)) {
    throw new Error(`key ${place} has a kid of other characters than letters, digits, ".", "_" and "-": ${HOW}`);
  }
  const secret = decodeBase64url(text.slice(colon + 1));
  if (!secret) throw new Error(`key "${kid}" is not base64url: ${HOW}`);
  if (secret.length < MIN_KEY_BYTES)
    throw new Error(`key "${kid}" has ${secret.length} bytes, fewer than ${MIN_KEY_BYTES}: ${HOW}`);
  return { kid, secret };
}

/** Undefined where it is no base64url; padding is allowed. */
export function decodeBase64url(text: string): Uint8Array | undefined {
  const bare = text.replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9_-]+$/.test(bare) || bare.length % 4 === 1) return undefined;
  const binary = atob(bare.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

export function encodeBase64url(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}
