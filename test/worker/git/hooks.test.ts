import { describe, expect, it } from "vitest";
import { unpackPart } from "../../../src/git/hooks/preReceive.ts";
import { standardHeaders, verifyDelivery } from "../../../src/git/webhooks/index.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Response(bytes as Uint8Array<ArrayBuffer>).body?.pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream ?? null).arrayBuffer());
}

// The streams and WebCrypto of workerd are not Node's: what is bounded and refused there has to be so here.
describe("in workerd", () => {
  it("a part is unpacked", async () => {
    const part = new TextEncoder().encode("gitstore-pre-receive 1\n".repeat(10_000));
    expect(await unpackPart(await gzip(part))).toEqual({ ok: true, value: part });
  });

  it("a part that unpacks to more than 16 MiB is refused", async () => {
    const bomb = await gzip(new Uint8Array(16 * 1024 * 1024 + 1));
    expect(await unpackPart(bomb)).toMatchObject({ ok: false, status: 413 });
  });

  it("a part that is no gzip after all is refused", async () => {
    const part = await gzip(new TextEncoder().encode("x".repeat(1_000)));
    expect(await unpackPart(part.subarray(0, part.length - 10))).toMatchObject({ ok: false, status: 400 });
    expect(await unpackPart(Uint8Array.of(0x1f, 0x8b, 1, 2, 3))).toMatchObject({ ok: false, status: 400 });
  });

  it("a signature is made and verified, and another body refused", async () => {
    const body = Uint8Array.of(0x1f, 0x8b, 0xff);
    const headers = await standardHeaders(SECRET, "msg", 1_000, body);
    const secrets = [{ id: "s", secret: SECRET }];
    expect(await verifyDelivery("git", headers, body, secrets, 1_000_000)).toEqual({ ok: true, secretId: "s" });
    expect(await verifyDelivery("git", headers, body.slice(1), secrets, 1_000_000)).toMatchObject({ ok: false });
  });
});
