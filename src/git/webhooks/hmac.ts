/** HMAC-SHA-256 over raw bytes, in WebCrypto: its `verify` compares in constant time, which `===` on strings does not. */

/** Bytes of a SHA-256 MAC. */
export const MAC_BYTES = 32;

async function importKey(key: Uint8Array, usage: "sign" | "verify"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key as Uint8Array<ArrayBuffer>, { name: "HMAC", hash: "SHA-256" }, false, [
    usage,
  ]);
}

/** Whether `mac` is the MAC of `message` under `key`. An empty key matches nothing: a lost secret must not be one. */
export async function hmacMatches(key: Uint8Array, mac: Uint8Array, message: Uint8Array): Promise<boolean> {
  if (key.length === 0 || mac.length !== MAC_BYTES) return false;
  const imported = await importKey(key, "verify");
  return crypto.subtle.verify("HMAC", imported, mac as Uint8Array<ArrayBuffer>, message as Uint8Array<ArrayBuffer>);
}

export async function hmacSign(key: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  const imported = await importKey(key, "sign");
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, message as Uint8Array<ArrayBuffer>));
}
