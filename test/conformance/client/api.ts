import assert from "node:assert/strict";
import type { KindPath, KubeList, KubeObject, Status } from "./types.ts";

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body where it is JSON, else undefined. */
  body: unknown;
}

export interface Ask {
  method?: string;
  /** Null: none. Absent: the client's own. */
  token?: string | null;
  headers?: Record<string, string>;
  /** A string goes out as it is, anything else as JSON. */
  body?: unknown;
}

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export function queryText(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

/** Requests to one server as one subject. Nothing is retried: what a server answers is what the suite judges. */
export class Api {
  readonly server: string;
  readonly token: string;
  readonly #signal: AbortSignal;

  constructor(server: string, token: string, signal: AbortSignal) {
    this.server = server.replace(/\/+$/, "");
    this.token = token;
    this.#signal = signal;
  }

  /**
   * Each request has a connection of its own: one that is kept may be closed by the server just when it is used again,
   * and a write that fails so cannot be repeated, because nobody knows whether it was done.
   */
  headers(token: string | null | undefined): Record<string, string> {
    const used = token === undefined ? this.token : token;
    return { connection: "close", ...(used === null ? {} : { authorization: `Bearer ${used}` }) };
  }

  async request(path: string, ask: Ask = {}): Promise<Answer> {
    const json = ask.body !== undefined && typeof ask.body !== "string";
    const method = ask.method ?? (ask.body === undefined ? "GET" : "POST");
    try {
      const response = await fetch(`${this.server}${path}`, {
        method,
        headers: {
          ...this.headers(ask.token),
          ...(json ? { "content-type": "application/json" } : {}),
          ...ask.headers,
        },
        signal: this.#signal,
        ...(ask.body === undefined ? {} : { body: json ? JSON.stringify(ask.body) : (ask.body as string) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, body: parse(text) };
    } catch (error) {
      const why = this.#signal.aborted ? "no answer before the case's time was over" : "no answer";
      throw new Error(`${method} ${path}: ${why}`, { cause: error });
    }
  }

  /** The body of an answer that has to be a success. */
  async must<T = KubeObject>(path: string, ask: Ask = {}): Promise<T> {
    const answer = await this.request(path, ask);
    assert.ok(
      answer.status >= 200 && answer.status < 300,
      `${ask.method ?? (ask.body === undefined ? "GET" : "POST")} ${path}: expected success, got ${answer.status} ${answer.text.slice(0, 500)}`,
    );
    return answer.body as T;
  }

  async list(path: string, query: Query = {}): Promise<KubeList> {
    const list = await this.must<KubeList>(`${path}${queryText(query)}`);
    assert.ok(Array.isArray(list.items), `GET ${path}: a list has items`);
    return list;
  }

  /** Every page of a list, from the first without a token. */
  async pages(path: string, query: Query, between: () => Promise<void> = async () => undefined): Promise<KubeList[]> {
    const pages: KubeList[] = [];
    let token: string | undefined;
    do {
      const page = await this.list(path, { ...query, continue: token });
      pages.push(page);
      token = page.metadata.continue;
      await between();
    } while (token !== undefined && token !== "");
    return pages;
  }

  /** A refusal, which has to be a whole Status object that agrees with its HTTP status. */
  async refusal(path: string, ask: Ask = {}): Promise<{ answer: Answer; status: Status }> {
    const answer = await this.request(path, ask);
    assert.ok(answer.status >= 400, `${path}: expected a refusal, got ${answer.status} ${answer.text.slice(0, 300)}`);
    const status = answer.body as Status;
    assertStatus(status, answer.text);
    assert.equal(status.code, answer.status, "the Status object's code is the HTTP status");
    return { answer, status };
  }
}

export function assertStatus(status: Status | undefined, text = JSON.stringify(status)): void {
  assert.equal(status?.kind, "Status", `a refusal is a Status object, got ${text.slice(0, 300)}`);
  assert.equal(status?.apiVersion, "v1", "apiVersion");
  assert.equal(typeof status?.metadata, "object", "metadata is there, if empty");
  assert.equal(status?.status, "Failure", "status");
  assert.equal(typeof status?.message, "string", "message");
  assert.notEqual(status?.message, "", "a message says something");
  assert.equal(typeof status?.reason, "string", "reason");
}

export function collectionPath(kind: KindPath, namespace?: string, root = ""): string {
  const within = namespace === undefined ? "" : `/namespaces/${namespace}`;
  return `${root}/apis/${kind.group}/${kind.version}${within}/${kind.plural}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
