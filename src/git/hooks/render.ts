/** The hooks as files: the scripts with what differs between repositories at their top, and the key beside them. */
import { sha256 } from "@noble/hashes/sha2.js";
import { standardKey } from "../webhooks/git.ts";
import { POST_RECEIVE } from "./postReceive.sh.ts";
import { PRE_RECEIVE } from "./preReceive.sh.ts";
import { HOOK_MARKER } from "./shared.sh.ts";

export type HookKind = "pre-receive" | "post-receive";

export interface HookOptions {
  /** Where this hook posts to. */
  url: string;
  /** `namespace/name`, as messages and deliveries name the repository. */
  repository: string;
  /** pre-receive: whether a push is let through when it cannot be checked. */
  failOpen: boolean;
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The script, for mode 755. The secret is not in it: see `renderSecret`. */
export function renderHook(kind: HookKind, { url, repository, failOpen }: HookOptions): string {
  return [
    "#!/bin/sh",
    `${HOOK_MARKER} (${kind}). Written by gitstorectl hooks install, which replaces it; put your own into ${kind}.local.`,
    `url=${quote(url)}`,
    `repository=${quote(repository)}`,
    ...(kind === "pre-receive" ? [`fail_open=${failOpen ? "yes" : "no"}`] : []),
    kind === "pre-receive" ? PRE_RECEIVE.trimStart() : POST_RECEIVE.trimStart(),
  ].join("\n");
}

const BLOCK_BYTES = 64;

/**
 * The secret as the hooks read it, for mode 600: HMAC's two padded keys (RFC 2104) as arguments of `printf %b`. With
 * them a shell makes the MAC out of two plain hashes, and no key is ever an argument of a command.
 */
export function renderSecret(secret: string, repository: string): string {
  const key = standardKey(secret);
  if (key.length === 0) throw new Error("the secret is empty: every signature made with it would be refused");
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? sha256(key) : key);
  const pad = (byte: number) => [...block].map((key) => `\\0${(key ^ byte).toString(8).padStart(3, "0")}`).join("");
  return [
    `# Signs what the gitstore hooks of ${repository} send. Whoever reads this can sign as this Git server.`,
    `ipad='${pad(0x36)}'`,
    `opad='${pad(0x5c)}'`,
    "",
  ].join("\n");
}
