import { createRequire } from "node:module";
import { verify as octokitVerify, sign } from "@octokit/webhooks-methods";
import { describe, expect, test } from "vitest";
import { type ParsedDelivery, parseDelivery, verifyDelivery } from "../../../../src/git/webhooks/index.ts";

interface Sample {
  ref?: string;
  ref_type?: string;
  before?: string;
  after?: string;
  repository?: { id: number; full_name: string; clone_url: string };
  sender: { id: number; login: string };
  pusher?: { name: string; email: string };
}

const samples = createRequire(import.meta.url)("@octokit/webhooks-examples/api.github.com/index.json") as {
  name: string;
  examples: Sample[];
}[];
const samplesOf = (event: string) => samples.find((entry) => entry.name === event)?.examples ?? [];

const SECRET = "It's a Secret to Everybody";
const utf8 = (text: string) => new TextEncoder().encode(text);
const bytesOf = (value: unknown) => utf8(JSON.stringify(value));
const headersOf = (event: string, signature?: string): Record<string, string> => ({
  "x-github-event": event,
  "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
  ...(signature === undefined ? {} : { "x-hub-signature-256": signature }),
});
const secrets = [{ id: "s1", secret: SECRET }];
const verify = (signature: string | undefined, body: Uint8Array, list = secrets) =>
  verifyDelivery("github", headersOf("push", signature), body, list, 0);
const parse = (event: string, value: unknown): ParsedDelivery =>
  parseDelivery("github", headersOf(event), bytesOf(value));
const ZERO = "0".repeat(40);

describe("a GitHub signature", () => {
  const published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  const hello = utf8("Hello, World!");

  test("is accepted for GitHub's published vector", async () => {
    expect(await verify(published, hello)).toEqual({ ok: true, secretId: "s1" });
  });

  test.each(
    [...samplesOf("push"), ...samplesOf("create"), ...samplesOf("delete"), ...samplesOf("ping")].map(
      (sample, index) => [index, sample] as const,
    ),
  )("made by Octokit over sample %i is accepted, and refused once a byte of the body changes", async (_, sample) => {
    const body = JSON.stringify(sample);
    const signature = await sign(SECRET, body);
    expect(await octokitVerify(SECRET, body, signature)).toBe(true);
    expect(await verify(signature, utf8(body))).toEqual({ ok: true, secretId: "s1" });
    expect(await verify(signature, utf8(`${body} `))).toMatchObject({ ok: false });
  });

  test("is over the raw bytes, also where they are no UTF-8", async () => {
    const body = new Uint8Array([0x7b, 0xff, 0xfe, 0x00, 0x7d]);
    const key = await crypto.subtle.importKey("raw", utf8(SECRET), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const mac = Buffer.from(await crypto.subtle.sign("HMAC", key, body)).toString("hex");
    expect(await verify(`sha256=${mac}`, body)).toEqual({ ok: true, secretId: "s1" });
  });

  test.each([
    ["missing", undefined, /X-Hub-Signature-256 is missing/],
    ["empty", "", /X-Hub-Signature-256 is missing/],
    ["another's", `sha256=${"0".repeat(64)}`, /matches none of this repository's secrets/],
    ["truncated", published.slice(0, -1), /64 lower-case hex digits/],
    ["truncated by a byte", published.slice(0, -2), /64 lower-case hex digits/],
    ["too long", `${published}00`, /64 lower-case hex digits/],
    ["without a digit", "sha256=", /64 lower-case hex digits/],
    ["in upper case", published.toUpperCase().replace("SHA256", "sha256"), /64 lower-case hex digits/],
    ["without its prefix", published.slice("sha256=".length), /64 lower-case hex digits/],
    ["SHA-1", published.replace("sha256", "sha1"), /64 lower-case hex digits/],
    ["no hex at all", "sha256=x".padEnd(71, "x"), /64 lower-case hex digits/],
  ])("that is %s is refused, and says so", async (_, signature, reason) => {
    const verdict = await verify(signature, hello);
    expect(verdict.ok).toBe(false);
    expect(verdict.ok ? "" : verdict.reason).toMatch(reason);
    if (signature) expect(await octokitVerify(SECRET, "Hello, World!", signature)).toBe(false);
  });

  test("names the secret it was made with while two are valid", async () => {
    const list = [
      { id: "new", secret: "a new secret" },
      { id: "old", secret: SECRET },
    ];
    expect(await verify(published, hello, list)).toEqual({ ok: true, secretId: "old" });
    expect(await verify(await sign("a new secret", "Hello, World!"), hello, list)).toEqual({
      ok: true,
      secretId: "new",
    });
    expect(await verify(published, hello, list.slice(0, 1))).toMatchObject({ ok: false });
  });

  test("is refused where the repository has no secret, or an empty one", async () => {
    expect(await verify(published, hello, [])).toMatchObject({ ok: false, reason: expect.stringMatching(/no valid/) });
    expect(await verify(published, hello, [{ id: "s", secret: "" }])).toMatchObject({ ok: false });
  });

  test("is looked for in GitHub's header only", async () => {
    const headers = { "x-gitea-signature": published.slice(7), "x-hub-signature": published };
    expect(await verifyDelivery("github", headers, hello, secrets, 0)).toMatchObject({ ok: false });
  });
});

describe("a GitHub delivery", () => {
  test("the recorded samples are those the facts list", () => {
    expect(["push", "create", "delete", "ping"].map((event) => samplesOf(event).length)).toEqual([7, 5, 4, 4]);
  });

  test.each(samplesOf("push").map((sample, index) => [index, sample] as const))(
    "push sample %i is a hint with the payload's own pair",
    (_, sample) => {
      expect(parse("push", sample)).toMatchObject({
        kind: "push",
        id: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        repository: { id: "186853002", fullName: "Codertocat/Hello-World" },
        updates: [
          {
            ref: sample.ref,
            before: sample.before === ZERO ? null : sample.before,
            after: sample.after === ZERO ? null : sample.after,
            actor: {
              name: "Codertocat",
              email: "21031067+Codertocat@users.noreply.github.com",
              id: "21031067",
              provider: "github",
            },
          },
        ],
      });
    },
  );

  test.each([
    ...samplesOf("create").map((s) => ["create", s] as const),
    ...samplesOf("delete").map((s) => ["delete", s] as const),
  ])("%s says which ref to look at, and nothing of its objects", (event, sample) => {
    expect(parse(event, sample)).toMatchObject({
      kind: "push",
      repository: { id: String(sample.repository?.id) },
      updates: [{ ref: "refs/tags/simple-tag", before: null, after: null, actor: { name: "Codertocat", email: null } }],
    });
  });

  test("a created branch is under refs/heads, whatever its name looks like", () => {
    const [sample] = samplesOf("create");
    expect(parse("create", { ...sample, ref: "refs/tags/x", ref_type: "branch" })).toMatchObject({
      updates: [{ ref: "refs/heads/refs/tags/x" }],
    });
  });

  test("create of a repository is ignored", () => {
    const [sample] = samplesOf("create");
    expect(parse("create", { ...sample, ref_type: "repository" })).toMatchObject({
      kind: "ignored",
      reason: expect.stringMatching(/repository/),
    });
  });

  test.each(samplesOf("ping").map((sample, index) => [index, sample] as const))(
    "ping sample %i is a ping",
    (_, sample) => {
      expect(parse("ping", sample)).toEqual({ kind: "ping", id: "72d3162e-cc78-11e3-81ab-4c9367dc0958" });
    },
  );

  test("every other event that GitHub has is ignored with its name as the reason", () => {
    const others = samples.filter((entry) => !["push", "create", "delete", "ping"].includes(entry.name));
    expect(others.length).toBeGreaterThan(50);
    for (const { name, examples } of others) {
      expect(parse(name, examples[0])).toMatchObject({ kind: "ignored", reason: expect.stringContaining(name) });
    }
  });

  test("carries every clone URL, for the time before the id is known", () => {
    const [sample] = samplesOf("push");
    const parsed = parse("push", sample);
    expect(parsed.kind === "push" ? parsed.repository.cloneUrls : []).toEqual([
      "https://github.com/Codertocat/Hello-World.git",
      "git@github.com:Codertocat/Hello-World.git",
      "git://github.com/Codertocat/Hello-World.git",
      "https://github.com/Codertocat/Hello-World",
    ]);
  });

  test("the payload's booleans change nothing", () => {
    const [sample] = samplesOf("push");
    const plain = parse("push", sample);
    expect(parse("push", { ...sample, created: "yes", deleted: true, forced: true })).toEqual(plain);
  });

  test("a deploy key's push has no sender and no e-mail", () => {
    const [sample] = samplesOf("push");
    const parsed = parse("push", { ...sample, sender: null, pusher: { name: "Codertocat" } });
    expect(parsed).toMatchObject({
      updates: [{ actor: { name: "Codertocat", email: null, id: null, provider: "github" } }],
    });
  });

  test("a push to a ref that is neither branch nor tag is ignored", () => {
    const [sample] = samplesOf("push");
    expect(parse("push", { ...sample, ref: "refs/notes/commits" })).toMatchObject({
      kind: "ignored",
      reason: "refs/notes/commits is neither a branch nor a tag",
    });
  });

  test("object ids of SHA-256 repositories are read", () => {
    const [sample] = samplesOf("push");
    expect(parse("push", { ...sample, before: "0".repeat(64), after: "c".repeat(64) })).toMatchObject({
      updates: [{ before: null, after: "c".repeat(64) }],
    });
  });

  test("GitHub's default content type, a form, is read as well", () => {
    const [sample] = samplesOf("push");
    const form = utf8(new URLSearchParams({ payload: JSON.stringify(sample) }).toString());
    expect(parseDelivery("github", headersOf("push"), form)).toEqual(parse("push", sample));
  });

  const [sample] = samplesOf("push");
  test.each<[string, string, unknown, RegExp]>([
    ["no object", "push", [], /the whole: expected object, found array/],
    ["no ref", "push", { ...sample, ref: undefined }, /: ref: is missing/],
    [
      "a short oid",
      "push",
      { ...sample, after: "6113728" },
      /: after: expected 40 \(or 64\) lower-case hex digits, found string/,
    ],
    ["no repository", "push", { ...sample, repository: undefined }, /: repository: is missing/],
    ["a repository without an id", "push", { ...sample, repository: {} }, /: repository\.id: is missing/],
    ["a create without a type", "create", { ...samplesOf("create")[0], ref_type: undefined }, /: ref_type: /],
  ])("with %s is malformed, naming the field", (_, event, value, reason) => {
    expect(parse(event, value)).toEqual({ kind: "malformed", reason: expect.stringMatching(reason) });
  });

  test.each(["", "not json", "payload=", "payload=%7B", '{"ref":'])("with the body %j is malformed", (body) => {
    const parsed = parseDelivery("github", headersOf("push"), utf8(body));
    expect(parsed).toEqual({ kind: "malformed", reason: expect.stringMatching(/^the body is not JSON: /) });
  });

  test.each(["x-github-event", "x-github-delivery"])("without %s is malformed", (name) => {
    const { [name]: _, ...headers } = headersOf("push");
    expect(parseDelivery("github", headers, bytesOf(sample))).toEqual({
      kind: "malformed",
      reason: expect.stringMatching(new RegExp(`${name} is missing`, "i")),
    });
  });

  test("with an id too long to store is malformed", () => {
    const headers = { ...headersOf("push"), "x-github-delivery": "d".repeat(257) };
    expect(parseDelivery("github", headers, bytesOf(sample))).toMatchObject({
      kind: "malformed",
      reason: expect.stringMatching(/257 characters/),
    });
  });
});
