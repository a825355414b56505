/** Seals webhook secrets, so that a copy of an object's storage gives none away. AES-256-GCM, key by HKDF-SHA-256. */

export interface Sealer {
  /** `context` is bound to the text: what was sealed for one secret does not open as another. */
  seal(text: string, context: string): Promise<string>;
  /** Throws where key or context are not those it was sealed with. */
  open(sealed: string, context: string): Promise<string>;
}

/** 96 bits, the length AES-GCM is defined for; random ones are safe for far more seals than a repository makes. */
const NONCE_BYTES = 12;
const INFO = "gitstore-edge/repository-secrets/v1";

/** `sealingKey` is the Worker secret SEALING_KEY: at least 32 random bytes in base64url. */
export function sealer(sealingKey: string, random: (bytes: number) => Uint8Array): Sealer {
  let derived: Promise<CryptoKey> | undefined;
  const key = () => {
    derived ??= derive(sealingKey);
    return derived;
  };
  return {
    async seal(text, context) {
      const iv = Uint8Array.from(random(NONCE_BYTES));
      const algorithm = { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(context) };
      const sealed = new Uint8Array(
        await crypto.subtle.encrypt(algorithm, await key(), new TextEncoder().encode(text)),
      );
      return toBase64(Uint8Array.from([...iv, ...sealed]));
    },
    async open(sealed, context) {
      const bytes = fromBase64(sealed);
      const iv = bytes.slice(0, NONCE_BYTES);
      const algorithm = { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(context) };
      return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, await key(), bytes.slice(NONCE_BYTES)));
    },
  };
}

async function derive(sealingKey: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", fromBase64(sealingKey), "HKDF", false, ["deriveKey"]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: new TextEncoder().encode(INFO) };
  return crypto.subtle.deriveKey(hkdf, material, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Takes base64url too. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}
