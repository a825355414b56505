import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import examples from "@octokit/webhooks-examples/api.github.com/index.json";
import { sign } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { MAX_DELIVERY_BYTES } from "../../../src/http/webhooks.ts";
import { ask, newNamespace, tokenFor } from "../support/http.ts";
import { bindings } from "../support/ledger.ts";

interface Payload {
  ref?: string;
  ref_type?: string;
  before?: string;
  after?: string;
  repository?: { id: number; full_name: string; clone_url: string };
}

const recorded = examples as unknown as { name: string; examples: Payload[] }[];
const samplesOf = (event: string): Payload[] => recorded.find(({ name }) => name === event)?.examples ?? [];
const ZERO = "0".repeat(40);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

let admin: string;
let namespace: string;
/** By clone URL: the Repository that is bound to it. */
const endpoints = new Map<string, Endpoint>();

interface Endpoint {
  name: string;
  secret: string;
}

beforeAll(async () => {
  // The remotes are real addresses; nobody is at home, so that every look fails. The answers must not.
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("nobody is at home", { status: 503 }));
  admin = await tokenFor({ role: "admin" });
  namespace = await newNamespace(admin, "hooked");
});
afterAll(() => {
  vi.restoreAllMocks();
});

let registered = 0;
async function register(spec: { url: string; provider: "github" | "git" }): Promise<Endpoint> {
  registered += 1;
  const name = `catalog-${registered}`;
  const path = `/apis/gitstore.dev/v1beta1/namespaces/${namespace}/repositories`;
  const made = await ask(admin, path, {
    method: "POST",
    body: {
      apiVersion: "gitstore.dev/v1beta1",
      kind: "Repository",
      metadata: { name },
      spec: { ...spec, poll: "off" },
    },
  });
  expect(made.status).toBe(201);
  const issued = await ask(admin, `${path}/${name}/rotate-secret`, { method: "POST" });
  expect(issued.status).toBe(201);
  return { name, secret: issued.body.secret };
}

/** The Repository of a recorded payload, registered at its first. */
async function endpointOf(payload: Payload): Promise<Endpoint> {
  const url = payload.repository?.clone_url ?? "https://github.com/Octocoders/Hello-World.git";
  const known = endpoints.get(url) ?? (await register({ url, provider: "github" }));
  endpoints.set(url, known);
  return known;
}

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever is there, and fails where it is not.
  body: any;
  text: string;
  headers: Headers;
}

async function post(path: string, headers: Record<string, string>, body: BodyInit): Promise<Answer> {
  const request = new Request(`https://edge.test${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  const worker = (exports as unknown as { default: { fetch(request: Request): Promise<Response> } }).default;
  const response = await worker.fetch(request);
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text), text, headers: response.headers };
}

const addressOf = ({ name }: Endpoint): string => `/webhooks/${namespace}/${name}`;

let sent = 0;
const newId = (): string => {
  sent += 1;
  return `72d3162e-cc78-11e3-81ab-${String(sent).padStart(12, "0")}`;
};

/** As GitHub sends it; Octokit's own library signs. */
async function github(
  endpoint: Endpoint,
  event: string,
  payload: unknown,
  { id = newId(), secret = endpoint.secret, headers = {} as Record<string, string> } = {},
): Promise<Answer> {
  const body = typeof payload === "string" ? payload : JSON.stringify(payload);
  const signature = await sign(secret, body);
  const own = { "x-github-event": event, "x-github-delivery": id, "x-hub-signature-256": signature };
  return post(addressOf(endpoint), { ...own, ...headers }, body);
}

/** As our post-receive hook sends it; the reference library of Standard Webhooks signs. */
async function hook(
  endpoint: Endpoint,
  payload: unknown,
  { id = newId(), at = new Date(), headers = {} as Record<string, string> } = {},
): Promise<Answer> {
  const body = typeof payload === "string" ? payload : JSON.stringify(payload);
  const own = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(endpoint.secret).sign(id, at, body),
  };
  return post(addressOf(endpoint), { ...own, ...headers }, body);
}

interface Kept {
  deliveries: { id: string; result: string }[];
  hints: { delivery: string; ref: string; before: string | null; after: string | null }[];
  /** What a delivery may teach the object about its repository. */
  learnt: Record<string, string>[];
}

/** What the repository object has stored of deliveries. */
async function kept(endpoint: Endpoint): Promise<Kept> {
  const id = bindings.REPOSITORY.idFromName(`${namespace}/${endpoint.name}`);
  return await runInDurableObject(bindings.REPOSITORY.get(id), (_, { storage }) => ({
    deliveries: storage.sql.exec("SELECT id, result FROM deliveries ORDER BY id").toArray() as Kept["deliveries"],
    hints: storage.sql.exec("SELECT delivery, ref, before, after FROM hints ORDER BY seq").toArray() as Kept["hints"],
    learnt: storage.sql.exec("SELECT * FROM meta WHERE key IN ('boundId', 'renamed') ORDER BY key").toArray() as never,
  }));
}

async function storesNothing(endpoint: Endpoint, request: () => Promise<Answer>): Promise<Answer> {
  const before = await kept(endpoint);
  const answer = await request();
  expect(await kept(endpoint)).toEqual(before);
  return answer;
}

describe("GitHub's recorded payloads, signed with the repository's secret", () => {
  it.each(samplesOf("push").map((payload, index) => ({ n: index + 1, payload })))(
    "push sample $n is stored with its own pair and answered 202 accepted, though the remote is out of order",
    async ({ payload }) => {
      const endpoint = await endpointOf(payload);
      const id = newId();
      expect(await github(endpoint, "push", payload, { id })).toMatchObject({
        status: 202,
        body: { delivery: id, result: "accepted" },
      });
      const { deliveries, hints } = await kept(endpoint);
      expect(deliveries).toContainEqual({ id, result: "accepted" });
      const end = (oid = "") => (oid === ZERO ? null : oid);
      expect(hints.filter(({ delivery }) => delivery === id)).toEqual([
        { delivery: id, ref: payload.ref, before: end(payload.before), after: end(payload.after) },
      ]);
    },
  );

  it.each(
    ["create", "delete"].flatMap((event) =>
      samplesOf(event).map((payload, index) => ({ event, n: index + 1, payload })),
    ),
  )("$event sample $n is a hint about its ref, and answered 202 accepted", async ({ event, payload }) => {
    const endpoint = await endpointOf(payload);
    const id = newId();
    expect(await github(endpoint, event, payload, { id })).toMatchObject({
      status: 202,
      body: { delivery: id, result: "accepted" },
    });
    const { hints } = await kept(endpoint);
    expect(hints.filter(({ delivery }) => delivery === id)).toEqual([
      { delivery: id, ref: `refs/tags/${payload.ref}`, before: null, after: null },
    ]);
  });

  it.each(samplesOf("ping").map((payload, index) => ({ n: index + 1, payload })))(
    "ping sample $n is answered 200, and nothing is to be done",
    async ({ payload }) => {
      const endpoint = await endpointOf(payload);
      const id = newId();
      const answer = await github(endpoint, "ping", payload, { id });
      expect(answer).toMatchObject({ status: 200, body: { delivery: id, result: "ignored", reason: "ping" } });
      expect((await kept(endpoint)).hints.filter(({ delivery }) => delivery === id)).toEqual([]);
    },
  );

  it("of every other event are answered 202 ignored, with the event's name, and nothing is to be done", async () => {
    const others = recorded.filter(({ name }) => !["push", "create", "delete", "ping"].includes(name));
    expect(others.length).toBeGreaterThan(50);
    const endpoint = await endpointOf(samplesOf("push")[0] ?? {});
    const { hints } = await kept(endpoint);
    for (const { name, examples } of others) {
      const answer = await github(endpoint, name, examples[0]);
      expect(answer).toMatchObject({ status: 202, body: { result: "ignored" } });
      expect(answer.body.reason).toContain(`"${name}"`);
    }
    expect((await kept(endpoint)).hints).toEqual(hints);
  });
});

describe("a delivery of provider github", () => {
  const [push] = samplesOf("push");
  let endpoint: Endpoint;
  beforeAll(async () => {
    endpoint = await register({ url: push?.repository?.clone_url ?? "", provider: "github" });
    expect((await github(endpoint, "push", push)).status).toBe(202);
  });

  it("whose id was taken before is answered 202 duplicate, and adds nothing", async () => {
    const id = newId();
    expect((await github(endpoint, "push", push, { id })).body).toEqual({ delivery: id, result: "accepted" });
    const answer = await storesNothing(endpoint, () => github(endpoint, "push", push, { id }));
    expect(answer).toMatchObject({ status: 202, body: { delivery: id, result: "duplicate" } });
    const info = await ask(
      admin,
      `/apis/gitstore.dev/v1beta1/namespaces/${namespace}/repositories/${endpoint.name}/info`,
    );
    expect(info.body.deliveries.filter((delivery: { id: string }) => delivery.id === id)).toHaveLength(1);
  });

  it("signed with another secret is 401, and nothing is stored", async () => {
    const answer = await storesNothing(endpoint, () => github(endpoint, "push", push, { secret: "not the secret" }));
    expect(answer).toMatchObject({ status: 401, body: { message: expect.stringContaining("X-Hub-Signature-256") } });
    expect(answer.text).not.toContain(endpoint.secret);
  });

  it("whose body was changed after signing is 401, and nothing is stored", async () => {
    const text = JSON.stringify(push);
    const headers = {
      "x-github-event": "push",
      "x-github-delivery": newId(),
      "x-hub-signature-256": await sign(endpoint.secret, text),
    };
    const changed = text.replace("Codertocat", "codertocat");
    expect((await storesNothing(endpoint, () => post(addressOf(endpoint), headers, changed))).status).toBe(401);
  });

  it("without a signature is 401, and nothing is stored, whatever its body", async () => {
    for (const body of [JSON.stringify(push), "not json", "{}"]) {
      const headers = { "x-github-event": "push", "x-github-delivery": newId() };
      const answer = await storesNothing(endpoint, () => post(addressOf(endpoint), headers, body));
      expect(answer).toMatchObject({ status: 401, body: { message: expect.stringContaining("missing") } });
    }
  });

  it("signed by the scheme of another provider is 401: the configured one decides, not the headers", async () => {
    const text = JSON.stringify({ repository: `${namespace}/${endpoint.name}`, updates: [], actor: null });
    const id = newId();
    const key = `whsec_${btoa(endpoint.secret)}`;
    const headers = {
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(Date.now() / 1000)),
      "webhook-signature": new Webhook(key).sign(id, new Date(), text),
    };
    expect((await storesNothing(endpoint, () => post(addressOf(endpoint), headers, text))).status).toBe(401);
  });

  it("about another repository is 403 though it is signed, and nothing is stored", async () => {
    const other = { ...push, repository: { ...push?.repository, id: 4711, full_name: "Codertocat/Other" } };
    const answer = await storesNothing(endpoint, () => github(endpoint, "push", other));
    expect(answer).toMatchObject({ status: 403, body: { message: expect.stringContaining("Codertocat/Other") } });
  });

  it("is 403 as the first one too, where its clone URL is not the registered one, and nothing is learnt", async () => {
    const fresh = await register({ url: "https://github.com/Codertocat/Another.git", provider: "github" });
    const answer = await storesNothing(fresh, () => github(fresh, "push", push));
    expect(answer).toMatchObject({ status: 403, body: { message: expect.stringContaining("Codertocat/Hello-World") } });
    expect((await kept(fresh)).learnt).toEqual([]);
  });

  it("under a new name with the id that was learnt is accepted: the repository was renamed", async () => {
    const repository = {
      ...push?.repository,
      full_name: "Codertocat/Hi",
      clone_url: "https://github.com/Codertocat/Hi.git",
    };
    const renamed = {
      ...push,
      repository: { id: repository.id, full_name: repository.full_name, clone_url: repository.clone_url },
    };
    expect((await github(endpoint, "push", renamed)).body.result).toBe("accepted");
    expect((await kept(endpoint)).learnt).toContainEqual({ key: "renamed", value: "Codertocat/Hi" });
  });

  it("that is signed and not JSON is 400, and nothing is stored", async () => {
    for (const body of ["not json", "payload=", '{"ref":']) {
      const answer = await storesNothing(endpoint, () => github(endpoint, "push", body));
      expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining("not JSON") } });
    }
  });

  it("that is signed JSON and not this provider's is 400, naming the field, and nothing is stored", async () => {
    const ours = { repository: `${namespace}/${endpoint.name}`, updates: [], actor: null };
    const answer = await storesNothing(endpoint, () => github(endpoint, "push", ours));
    expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining("ref: is missing") } });
    const unnamed = await storesNothing(endpoint, () =>
      github(endpoint, "push", push, { headers: { "x-github-event": "" } }),
    );
    expect(unnamed.status).toBe(400);
  });

  it("that a secret signed which was rotated out without an overlap is 401, and within an overlap 202", async () => {
    const rotating = await register({ url: push?.repository?.clone_url ?? "", provider: "github" });
    const path = `/apis/gitstore.dev/v1beta1/namespaces/${namespace}/repositories/${rotating.name}/rotate-secret`;
    const second = await ask(admin, path, { method: "POST", body: { overlap: "24h" } });
    expect((await github(rotating, "push", push)).status).toBe(202);
    expect((await github(rotating, "push", push, { secret: second.body.secret })).status).toBe(202);
    const third = await ask(admin, path, { method: "POST" });
    expect((await github(rotating, "push", push, { secret: second.body.secret })).status).toBe(401);
    expect((await github(rotating, "push", push, { secret: third.body.secret })).status).toBe(202);
  });
});

describe("a delivery of provider git, signed with Standard Webhooks", () => {
  const FIVE_MINUTES = 300_000;
  let endpoint: Endpoint;
  const update = { ref: "refs/heads/main", old: "a".repeat(40), new: "b".repeat(40) };
  const body = (updates: object[], repository = `${namespace}/${endpoint.name}`) => ({
    repository,
    updates,
    actor: "ada",
  });
  beforeAll(async () => {
    endpoint = await register({ url: "https://git.example/catalog.git", provider: "git" });
  });

  it("is 202 accepted, its second time 202 duplicate, and has one hint", async () => {
    const id = newId();
    expect(await hook(endpoint, body([update]), { id })).toMatchObject({
      status: 202,
      body: { delivery: id, result: "accepted" },
    });
    const again = await storesNothing(endpoint, () => hook(endpoint, body([update]), { id }));
    expect(again).toMatchObject({ status: 202, body: { delivery: id, result: "duplicate" } });
    expect((await kept(endpoint)).hints.filter(({ delivery }) => delivery === id)).toHaveLength(1);
  });

  it("without updates is a ping, answered 200; about neither branch nor tag it is 202 ignored, with the ref", async () => {
    expect(await hook(endpoint, body([]))).toMatchObject({ status: 200, body: { result: "ignored", reason: "ping" } });
    const notes = await hook(endpoint, body([{ ...update, ref: "refs/notes/commits" }]));
    expect(notes).toMatchObject({
      status: 202,
      body: { result: "ignored", reason: expect.stringContaining("refs/notes/commits") },
    });
  });

  it.each([
    ["older than 5 minutes", -FIVE_MINUTES - 5_000],
    ["more than 5 minutes in the future", FIVE_MINUTES + 5_000],
  ])("whose signed time is %s is 401, and nothing is stored", async (_, offset) => {
    const at = new Date(Date.now() + offset);
    const answer = await storesNothing(endpoint, () => hook(endpoint, body([update]), { at }));
    expect(answer).toMatchObject({ status: 401, body: { message: expect.stringContaining("clock") } });
  });

  it("whose time was changed after signing is 401, and nothing is stored", async () => {
    const at = new Date(Date.now() - FIVE_MINUTES - 5_000);
    const headers = { "webhook-timestamp": String(Math.floor(Date.now() / 1000)) };
    const answer = await storesNothing(endpoint, () => hook(endpoint, body([update]), { at, headers }));
    expect(answer.status).toBe(401);
  });

  it.each(["webhook-id", "webhook-timestamp", "webhook-signature"])(
    "without %s is 401, naming it, and nothing is stored",
    async (name) => {
      const answer = await storesNothing(endpoint, () => hook(endpoint, body([update]), { headers: { [name]: "" } }));
      expect(answer).toMatchObject({ status: 401, body: { message: expect.stringContaining(name) } });
    },
  );

  it("about another repository is 403 though it is signed, and nothing is stored", async () => {
    const other = body([update], `${namespace}/other`);
    const answer = await storesNothing(endpoint, () => hook(endpoint, other));
    expect(answer).toMatchObject({ status: 403, body: { message: expect.stringContaining(`${namespace}/other`) } });
  });

  it("that is signed and not JSON, or GitHub's, is 400, and nothing is stored", async () => {
    expect((await storesNothing(endpoint, () => hook(endpoint, "not json"))).status).toBe(400);
    const theirs = await storesNothing(endpoint, () => hook(endpoint, samplesOf("push")[0]));
    expect(theirs).toMatchObject({ status: 400, body: { message: expect.stringContaining("repository") } });
  });
});

describe("a body", () => {
  let endpoint: Endpoint;
  beforeAll(async () => {
    endpoint = await endpointOf(samplesOf("push")[0] ?? {});
  });

  it("over 25 MiB is 413 by its Content-Length, and nothing is stored", async () => {
    const answer = await storesNothing(endpoint, () => github(endpoint, "push", " ".repeat(MAX_DELIVERY_BYTES + 1)));
    expect(answer).toMatchObject({
      status: 413,
      body: { message: expect.stringContaining(String(MAX_DELIVERY_BYTES)) },
    });
  });

  it("over 25 MiB is 413 without a Content-Length too, as soon as it is over, and nothing is stored", async () => {
    let pulled = 0;
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(1024 * 1024));
      },
      cancel() {
        cancelled = true;
      },
    });
    const answer = await storesNothing(endpoint, () => post(addressOf(endpoint), {}, endless));
    expect(answer.status).toBe(413);
    expect(pulled).toBeLessThan(40);
    expect(cancelled).toBe(true);
  });

  it("of exactly 25 MiB is taken", async () => {
    const text = JSON.stringify(samplesOf("push")[0]);
    const answer = await github(endpoint, "push", text + " ".repeat(MAX_DELIVERY_BYTES - utf8(text).length));
    expect(answer).toMatchObject({ status: 202, body: { result: "accepted" } });
  });
});

describe("an address that is nothing", () => {
  it("is 404 with one and the same body for a namespace, a repository and a name that there cannot be", async () => {
    const secret = "a secret of nobody";
    const answers = [];
    for (const address of [
      `/webhooks/${namespace}/nothing-here`,
      "/webhooks/nowhere/catalog",
      "/webhooks/Not_A_Name/catalog",
      `/webhooks/${namespace}/Not%2FA%2FName`,
    ]) {
      const text = JSON.stringify(samplesOf("push")[0]);
      const signed = { "x-github-event": "push", "x-hub-signature-256": await sign(secret, text) };
      answers.push(await post(address, signed, text), await post(address, {}, "not json"));
    }
    for (const { status, text } of answers) expect([status, text]).toEqual([404, answers[0]?.text]);
  });

  it("makes no storage, neither the repository's nor the namespace's", async () => {
    const before = (await listDurableObjectIds(bindings.LEDGER)).map(String).sort();
    for (const [ns, name] of [
      [namespace, "guessed"],
      ["guessed-namespace", "catalog"],
    ] as const) {
      expect((await post(`/webhooks/${ns}/${name}`, {}, "{}")).status).toBe(404);
      expect((await post(`/hooks/${ns}/${name}/pre-receive`, {}, "{}")).status).toBe(404);
      const object = bindings.REPOSITORY.get(bindings.REPOSITORY.idFromName(`${ns}/${name}`));
      await runInDurableObject(object, async (_, { storage }) => {
        expect(storage.sql.exec("SELECT name FROM sqlite_master").toArray()).toEqual([]);
        expect(await storage.list()).toEqual(new Map());
        expect(await storage.getAlarm()).toBeNull();
      });
    }
    expect((await listDurableObjectIds(bindings.LEDGER)).map(String).sort()).toEqual(before);
  });
});

describe("a flood of signed deliveries", () => {
  it("is answered 429 with Retry-After past the burst, and nothing is stored; other repositories are not held up", async () => {
    const endpoint = await register({ url: "https://github.com/Codertocat/Flooded.git", provider: "git" });
    const payload = { repository: `${namespace}/${endpoint.name}`, updates: [] };
    const object = bindings.REPOSITORY.get(bindings.REPOSITORY.idFromName(`${namespace}/${endpoint.name}`));
    await runInDurableObject(object, (instance) => {
      Object.assign(instance, { rate: () => ({ burst: 50, perMinute: 1 }) });
    });
    let taken = 0;
    let id = newId();
    let answer = await hook(endpoint, payload, { id });
    while (answer.status === 200) {
      taken += 1;
      id = newId();
      answer = await hook(endpoint, payload, { id });
    }
    expect(taken).toBeGreaterThanOrEqual(50);
    expect(answer).toMatchObject({ status: 429, body: { message: expect.stringContaining("too many deliveries") } });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    const { deliveries, hints } = await kept(endpoint);
    expect(deliveries).toHaveLength(taken);
    expect(deliveries.filter((delivery) => delivery.id === id)).toEqual([]);
    expect(hints).toEqual([]);
    const quiet = await register({ url: "https://github.com/Codertocat/Quiet.git", provider: "git" });
    expect((await hook(quiet, { ...payload, repository: `${namespace}/${quiet.name}` })).status).toBe(200);
  });
});
