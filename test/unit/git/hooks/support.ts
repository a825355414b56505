/** Parts as the hook writes them. */
import { createHash } from "node:crypto";

export const A = "a".repeat(40);
export const B = "b".repeat(40);
export const ZERO = "0".repeat(40);
export const PUSH = "0123456789abcdef0123456789abcdef";

export interface FileSpec {
  path: string;
  content: string;
  kind?: "file" | "context";
  updates?: string;
}

export interface PartSpec {
  pushId?: string;
  part?: number;
  final?: boolean;
  actor?: string;
  left?: number;
  updates?: [old: string, after: string, ref: string][];
  files?: FileSpec[];
}

export function partOf(spec: PartSpec): Uint8Array {
  const { pushId = PUSH, part = 1, final = true, actor, left, files = [] } = spec;
  const { updates = [[ZERO, A, "refs/heads/main"]] } = spec;
  const blobs = files.map(({ content }) => {
    const bytes = Buffer.from(content);
    return { bytes, oid: createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex") };
  });
  const lines = [`gitstore-pre-receive 1`, `push ${pushId}`, `part ${part}`, `final ${final ? 1 : 0}`];
  if (part === 1) {
    if (actor !== undefined) lines.push(`actor ${actor}`);
    lines.push(...updates.map((update) => `update ${update.join(" ")}`));
  }
  if (left !== undefined) lines.push(`left ${left}`);
  for (const [i, file] of files.entries()) {
    const { kind = "file", updates: refs = "0", path } = file;
    lines.push(`${kind} ${refs} ${blobs[i]?.oid} ${blobs[i]?.bytes.length} ${path}`);
  }
  const body = blobs.flatMap(({ oid, bytes }) => [
    Buffer.from(`${oid} blob ${bytes.length}\n`),
    bytes,
    Buffer.from("\n"),
  ]);
  return new Uint8Array(Buffer.concat([Buffer.from(`${lines.join("\n")}\n\n`), ...body]));
}
