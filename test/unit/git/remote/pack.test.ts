import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import nodeFs, { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { indexPack, readObject } from "isomorphic-git";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GitRemoteError } from "../../../../src/git/remote/errors.ts";
import { decodePack, objectId } from "../../../../src/git/remote/pack.ts";
import { Repository } from "../../../e2e/support/gitServer.ts";
import { LIMITS } from "../support/world.ts";

let dir: string;
let pack: Buffer;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "pack-"));
  const repository = await Repository.create(join(dir, "r.git"));
  let text = Array.from({ length: 400 }, (_, at) => `line ${at} ${at * 7919}`).join("\n");
  for (let n = 0; n < 60; n++) {
    text = text.replace(`line ${n} `, `changed ${n} `);
    await repository.commit(
      [
        { path: "a.md", text },
        { path: `d${n % 7}/b${n}.md`, text: `# ${n}\n` },
      ],
      `commit ${n}`,
    );
  }
  await repository.tag("v1", "main", "annotated");
  await repository.git("repack", "-qadf", "--depth=50");
  const [name = ""] = execFileSync("ls", [join(dir, "r.git/objects/pack")])
    .toString()
    .split("\n")
    .filter((file) => file.endsWith(".pack"));
  pack = readFileSync(join(dir, "r.git/objects/pack", name));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A pack of entries that are written here: [type, size announced, data, base]. */
function packOf(
  entries: { type: number; size: number; data: Uint8Array; prefix?: Uint8Array }[],
  count = entries.length,
): Uint8Array {
  const head = Buffer.alloc(12);
  head.write("PACK");
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(count, 8);
  const parts: Uint8Array[] = [head];
  for (const { type, size, data, prefix } of entries) {
    const header: number[] = [];
    let rest = Math.floor(size / 16);
    header.push((type << 4) | (size % 16) | (rest > 0 ? 0x80 : 0));
    while (rest > 0) {
      header.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
      rest = Math.floor(rest / 128);
    }
    parts.push(Uint8Array.from(header), prefix ?? new Uint8Array(0), deflateSync(data));
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([body, createHash("sha1").update(body).digest()]);
}

const code = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof GitRemoteError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
};

describe("a pack of real history, with chains of deltas", () => {
  it("gives every object that isomorphic-git gives, byte for byte", async () => {
    const objects = decodePack(pack, LIMITS);
    const gitdir = join(dir, "oracle.git");
    execFileSync("git", ["init", "-q", "--bare", gitdir]);
    const filepath = "objects/pack/pack-x.pack";
    execFileSync("mkdir", ["-p", join(gitdir, "objects/pack")]);
    writeFileSync(join(gitdir, filepath), pack);
    const cache = {};
    const { oids } = await indexPack({ fs: nodeFs, dir: gitdir, gitdir, filepath, cache });
    expect([...objects.keys()].sort()).toEqual([...oids].sort());
    for (const oid of oids) {
      const { object, type } = await readObject({ fs: nodeFs, gitdir, oid, format: "content", cache });
      expect(objects.get(oid)?.type).toBe(type);
      expect(Buffer.compare(Buffer.from(objects.get(oid)?.data ?? []), Buffer.from(object as Uint8Array))).toBe(0);
    }
    expect([...objects.values()].filter(({ type }) => type === "tag")).toHaveLength(1);
  });

  it("is refused when a byte is damaged or missing", () => {
    const damaged = Buffer.from(pack);
    damaged[pack.length >> 1] = (damaged[pack.length >> 1] ?? 0) ^ 1;
    expect(code(() => decodePack(damaged, LIMITS))).toMatch(/^BadResponse.*checksum/);
    expect(code(() => decodePack(pack.subarray(0, -1), LIMITS))).toMatch(/^BadResponse.*checksum/);
    expect(code(() => decodePack(new Uint8Array(8), LIMITS))).toMatch(/^BadResponse/);
  });

  it("is refused over the limits", () => {
    expect(code(() => decodePack(pack, { ...LIMITS, maxObjects: 10 }))).toMatch(/^FetchTooLarge.*more than the 10/);
    expect(code(() => decodePack(pack, { ...LIMITS, maxInflatedBytes: 10_000 }))).toMatch(/^FetchTooLarge/);
  });
});

describe("a pack that is not what it says", () => {
  const hello = new TextEncoder().encode("hello");

  it("is read where it is right", () => {
    const objects = decodePack(packOf([{ type: 3, size: 5, data: hello }]), LIMITS);
    expect([...objects.keys()]).toEqual([objectId("blob", hello)]);
    expect(decodePack(packOf([]), LIMITS).size).toBe(0);
  });

  it("never leaves an object out: fewer or more than its count is an error", () => {
    expect(code(() => decodePack(packOf([{ type: 3, size: 5, data: hello }], 2), LIMITS))).toMatch(/^BadResponse/);
    expect(code(() => decodePack(packOf([{ type: 3, size: 5, data: hello }], 0), LIMITS))).toMatch(
      /^BadResponse.*follow/,
    );
  });

  it("is refused before a small entry unpacks into a large one", () => {
    const bomb = { type: 3, size: 5, data: new Uint8Array(50_000_000) };
    expect(code(() => decodePack(packOf([bomb]), LIMITS))).toMatch(/^BadResponse/);
    const announced = { type: 3, size: 5 * 2 ** 33, data: hello };
    expect(code(() => decodePack(packOf([announced]), LIMITS))).toMatch(/^FetchTooLarge/);
  });

  it("is refused where a delta has no base, reaches outside, or makes more than it may", () => {
    const oid = Buffer.from("ab".repeat(20), "hex");
    const orphan = { type: 7, size: 5, data: hello, prefix: oid };
    expect(code(() => decodePack(packOf([orphan]), LIMITS))).toMatch(/^BadResponse.*deltas against objects/);
    const base = { type: 3, size: 5, data: hello };
    const onBase = (delta: number[]) => {
      const data = Uint8Array.from(delta);
      const prefix = Buffer.from(objectId("blob", hello), "hex");
      return packOf([base, { type: 7, size: data.length, data, prefix }]);
    };
    expect(decodePack(onBase([5, 5, 0x90, 5]), LIMITS).size).toBe(1);
    expect(code(() => decodePack(onBase([5, 9, 0x91, 3, 9]), LIMITS))).toMatch(/^BadResponse.*past its end/);
    expect(code(() => decodePack(onBase([4, 5, 0x90, 5]), LIMITS))).toMatch(/^BadResponse.*fit its base/);
    expect(code(() => decodePack(onBase([5, 6, 0x90, 5]), LIMITS))).toMatch(/^BadResponse.*fewer/);
    expect(code(() => decodePack(onBase([5, 1, 0]), LIMITS))).toMatch(/^BadResponse.*reserved/);
    expect(code(() => decodePack(onBase([5, 0xff, 0xff, 0xff, 0x7f, 0x90, 5]), LIMITS))).toMatch(/^FetchTooLarge/);
  });
});
