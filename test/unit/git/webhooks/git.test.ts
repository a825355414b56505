import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parseDelivery, standardHeaders, standardKey, verifyDelivery } from "../../../../src/git/webhooks/index.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDczc1y2Ba";
const NOW = Date.parse("2026-11-21T08:00:00Z");
const SECONDS = NOW / 1000;
const utf8 = (text: string) => new TextEncoder().encode(text);
const A = "a".repeat(40);
const B = "b".repeat(40);
const ZERO = "0".repeat(40);
const BODY = JSON.stringify({ repository: "acme/catalog", updates: [{ ref: "refs/heads/main", old: A, new: B }] });
const secrets = [{ id: "s1", secret: SECRET }];

/** Headers as the Standard Webhooks library signs them. */
function signed(secret = SECRET, id = "msg_1", atMs = NOW, body = BODY): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(atMs / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, new Date(atMs), body),
  };
}
const verify = (headers: Record<string, string>, list = secrets, body = BODY) =>
  verifyDelivery("git", headers, utf8(body), list, NOW);

describe("a Standard Webhooks signature", () => {
  // The oracle reads the clock itself.
  beforeEach(() => {
    vi.useFakeTimers({ now: NOW, toFake: ["Date"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("made by the reference library is accepted", async () => {
    expect(await verify(signed())).toEqual({ ok: true, secretId: "s1" });
  });

  test("made here is accepted by the reference library", async () => {
    const headers = await standardHeaders(SECRET, "msg_2", SECONDS, utf8(BODY));
    expect(new Webhook(SECRET).verify(BODY, headers)).toEqual(JSON.parse(BODY));
    expect(() => new Webhook(OTHER).verify(BODY, headers)).toThrow(/No matching signature/);
  });

  test("covers the id, the time and every byte of the body", async () => {
    expect(await verify({ ...signed(), "webhook-id": "msg_9" })).toMatchObject({ ok: false });
    expect(await verify({ ...signed(), "webhook-timestamp": String(SECONDS + 1) })).toMatchObject({ ok: false });
    expect(await verify(signed(), secrets, `${BODY} `)).toMatchObject({ ok: false });
  });

  test("is over raw bytes, also where they are no UTF-8", async () => {
    const body = new Uint8Array([0x1f, 0x8b, 0xff, 0x00]);
    const headers = await standardHeaders(SECRET, "msg_3", SECONDS, body);
    expect(await verifyDelivery("git", headers, body, secrets, NOW)).toEqual({ ok: true, secretId: "s1" });
    const other = new Uint8Array([0x1f, 0x8b, 0xfe, 0x00]);
    expect(await verifyDelivery("git", headers, other, secrets, NOW)).toMatchObject({ ok: false });
  });

  test("is found among several, which a sender sends while it rotates", async () => {
    const one = signed()["webhook-signature"];
    const two = signed(OTHER)["webhook-signature"];
    const several = { ...signed(), "webhook-signature": `v1a,Zm9v ${two} ${one}` };
    expect(await verify(several)).toEqual({ ok: true, secretId: "s1" });
    expect(() => new Webhook(SECRET).verify(BODY, several)).not.toThrow();
  });

  test("names the secret it was made with while two are valid", async () => {
    const list = [
      { id: "new", secret: OTHER },
      { id: "old", secret: SECRET },
    ];
    expect(await verify(signed(), list)).toEqual({ ok: true, secretId: "old" });
    expect(await verify(signed(OTHER), list)).toEqual({ ok: true, secretId: "new" });
    expect(await verify(signed(), list.slice(0, 1))).toMatchObject({ ok: false });
  });

  test.each(["webhook-id", "webhook-timestamp", "webhook-signature"])("without %s is refused", async (name) => {
    const { [name]: _, ...headers } = signed();
    expect(await verify(headers)).toEqual({ ok: false, reason: `the header ${name} is missing` });
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ["of another secret", signed(OTHER), /matches none of this repository's secrets/],
    ["of another version", { "webhook-signature": "v2,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=" }, /no v1,<base64/],
    ["cut short", { "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN" }, /no v1,<base64/],
    ["in hex", { "webhook-signature": `v1,${"ab".repeat(32)}` }, /no v1,<base64/],
    ["with an id that has a dot", { "webhook-id": "msg.1" }, /has a dot/],
    ["with a time that is no number", { "webhook-timestamp": "now" }, /not a time in seconds/],
    ["with a negative time", { "webhook-timestamp": "-5" }, /not a time in seconds/],
  ])("%s is refused, and says so", async (_, change, reason) => {
    expect(await verify({ ...signed(), ...change })).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });

  test.each([
    [-301, "the delivery is 301 s old, more than 300 s: check the sender's clock"],
    [301, "the delivery is 301 s in the future, more than 300 s: check the sender's clock"],
  ])("made %i s from now is refused, and says by how much", async (offset, reason) => {
    const headers = signed(SECRET, "msg_1", NOW + offset * 1000);
    expect(await verify(headers)).toEqual({ ok: false, reason });
    expect(() => new Webhook(SECRET).verify(BODY, headers)).toThrow(/too (old|new)/);
  });

  test.each([-300, 300])("made %i s from now is still accepted", async (offset) => {
    const headers = signed(SECRET, "msg_1", NOW + offset * 1000);
    expect(await verify(headers)).toEqual({ ok: true, secretId: "s1" });
    expect(() => new Webhook(SECRET).verify(BODY, headers)).not.toThrow();
  });

  test("with GitHub's headers is refused: the provider picks the scheme", async () => {
    const headers = { "x-hub-signature-256": `sha256=${"0".repeat(64)}`, "x-github-event": "push" };
    expect(await verify(headers)).toEqual({ ok: false, reason: "the header webhook-id is missing" });
  });
});

describe("a secret", () => {
  test("is the base64 after whsec_, with the prefix or without it", () => {
    expect(standardKey("whsec_Zm9v")).toEqual(utf8("foo"));
    expect(standardKey("Zm9v")).toEqual(utf8("foo"));
  });

  test("that is no base64 is taken as its own bytes", () => {
    expect(standardKey("correct horse")).toEqual(utf8("correct horse"));
    expect(standardKey("whsec_not base64!")).toEqual(utf8("whsec_not base64!"));
  });

  test("that is empty accepts nothing", async () => {
    const mac = "v1,thNnmggU2ex3L5XXeMNfxf8Wl8STcVZTxscSFEKSxa0=";
    const headers = { ...signed(), "webhook-signature": mac };
    for (const secret of ["", "whsec_"]) {
      expect(await verify(headers, [{ id: "s1", secret }])).toMatchObject({ ok: false });
    }
  });
});

describe("the body of a post-receive hook", () => {
  const headers = { "webhook-id": "msg_1" };
  const parse = (value: unknown) => parseDelivery("git", headers, utf8(JSON.stringify(value)));
  const update = { ref: "refs/heads/main", old: A, new: B };

  test("gives each move its own hint, with the actor", () => {
    const updates = [update, { ref: "refs/tags/v1", old: ZERO, new: A }, { ref: "refs/heads/old", old: B, new: ZERO }];
    const actor = { name: "ada", email: null, id: null, provider: "git" };
    expect(parse({ repository: "acme/catalog", updates, actor: "ada" })).toEqual({
      kind: "push",
      id: "msg_1",
      repository: { id: "acme/catalog", fullName: "acme/catalog", cloneUrls: [] },
      updates: [
        { ref: "refs/heads/main", before: A, after: B, actor },
        { ref: "refs/tags/v1", before: null, after: A, actor },
        { ref: "refs/heads/old", before: B, after: null, actor },
      ],
    });
  });

  test("may leave out who pushed", () => {
    const parsed = parse({ repository: "acme/catalog", updates: [update], actor: null });
    expect(parsed).toMatchObject({ updates: [{ actor: { name: null, provider: "git" } }] });
    expect(parse({ repository: "acme/catalog", updates: [update] })).toEqual(parsed);
  });

  test("with no update is a ping", () => {
    expect(parse({ repository: "acme/catalog", updates: [] })).toEqual({ kind: "ping", id: "msg_1" });
  });

  test("with refs that are neither branches nor tags drops them", () => {
    const note = { ...update, ref: "refs/notes/commits" };
    expect(parse({ repository: "r", updates: [note] })).toMatchObject({ kind: "ignored" });
    const both = parse({ repository: "r", updates: [note, update] });
    expect(both.kind === "push" ? both.updates.map((hint) => hint.ref) : []).toEqual(["refs/heads/main"]);
  });

  test("with a ref name that is no UTF-8 is still a hint", () => {
    const body = Buffer.from(JSON.stringify({ repository: "r", updates: [{ ...update, ref: "refs/heads/caf?" }] }));
    body[body.indexOf("?")] = 0xe9;
    expect(parseDelivery("git", headers, body)).toMatchObject({ updates: [{ ref: "refs/heads/caf\ufffd" }] });
  });

  test.each<[string, unknown, RegExp]>([
    ["no object", null, /the whole: expected object, found null/],
    ["no repository", { updates: [update] }, /: repository: /],
    ["no updates", { repository: "r" }, /: updates: /],
    [
      "a short oid",
      { repository: "r", updates: [update, { ...update, new: "abc" }] },
      /: updates\[1\]\.new: expected 40/,
    ],
    ["an actor that is no name", { repository: "r", updates: [update], actor: 7 }, /: actor: /],
  ])("with %s is malformed, naming the field", (_, value, reason) => {
    expect(parse(value)).toEqual({ kind: "malformed", reason: expect.stringMatching(reason) });
  });

  test("that is not JSON is malformed", () => {
    expect(parseDelivery("git", headers, utf8("<xml/>"))).toEqual({
      kind: "malformed",
      reason: expect.stringMatching(/^the body is not JSON/),
    });
  });

  test("without a delivery id is malformed", () => {
    expect(parseDelivery("git", {}, utf8(BODY))).toEqual({
      kind: "malformed",
      reason: "the header webhook-id is missing: it names the delivery",
    });
  });
});
