/** The typed API client: requests, and errors that carry the server's Status. */
import type { JsonObject, Resource } from "../resource/types.ts";

/** What the server says is wrong: Kubernetes' Status, or the body of another answer in its shape. */
export interface ApiStatus {
  code: number;
  reason?: string;
  message: string;
  details?: JsonObject;
}

export class ApiError extends Error {
  readonly status: ApiStatus;
  readonly requestId: string | undefined;
  constructor(status: ApiStatus, requestId?: string) {
    super(status.message);
    this.name = "ApiError";
    this.status = status;
    this.requestId = requestId;
  }
}

/** The server did not answer at all. */
export class Unreachable extends Error {
  constructor(server: string, cause: unknown) {
    super(`${server} cannot be reached: ${reasonOf(cause)}`);
    this.name = "Unreachable";
    this.cause = cause;
  }
}

/** Node wraps the reason ("fetch failed") around the cause that says something. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}

export interface KindPath {
  group: string;
  version: string;
  plural: string;
  /** Absent for cluster-scoped kinds. */
  namespace?: string;
  name?: string;
  subresource?: string;
}

export function pathOf({ group, version, plural, namespace, name, subresource }: KindPath): string {
  const within = namespace === undefined ? [] : ["namespaces", namespace];
  const segments = ["apis", group, version, ...within, plural];
  if (name !== undefined) segments.push(name);
  if (subresource !== undefined) segments.push(...subresource.split("/"));
  return `/${segments.map(encodeURIComponent).join("/")}`;
}

export interface List<T = Resource> {
  kind: string;
  apiVersion: string;
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: T[];
}

export interface RequestOptions {
  method?: string;
  query?: Record<string, string | string[] | undefined>;
  /** Sent as JSON. */
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
}

export interface ClientOptions {
  server: string;
  token: string | (() => string | Promise<string>);
  fetch?: typeof fetch;
}

export class Client {
  readonly server: string;
  readonly #token: ClientOptions["token"];
  readonly #fetch: typeof fetch;

  constructor({ server, token, fetch: fetcher }: ClientOptions) {
    this.server = server.replace(/\/+$/, "");
    this.#token = token;
    this.#fetch = fetcher ?? ((input, init) => fetch(input, init));
  }

  /** The JSON of the answer. Throws `ApiError` for every status from 400, `Unreachable` where there is no answer. */
  async request<T>(
    path: string,
    { method = "GET", query = {}, body, contentType, signal }: RequestOptions = {},
  ): Promise<T> {
    const token = typeof this.#token === "string" ? this.#token : await this.#token();
    const headers: Record<string, string> = {
      authorization: `Bearer ${token}`,
      accept: "application/json, application/*",
    };
    if (body !== undefined) headers["content-type"] = contentType ?? "application/json";
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.server + path + queryOf(query), {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Unreachable(this.server, error);
    }
    const value = parse(text);
    if (response.status >= 400)
      throw new ApiError(statusOf(response, value, text), response.headers.get("x-request-id") ?? undefined);
    return value as T;
  }

  async get(path: KindPath): Promise<Resource> {
    return await this.request<Resource>(pathOf(path));
  }

  /** The whole list, page by page at one resourceVersion. */
  async list(path: KindPath, query: Record<string, string | undefined> = {}): Promise<List> {
    const first = await this.request<List>(pathOf(path), { query: { limit: "500", ...query } });
    const items = [...first.items];
    let next = first.metadata.continue;
    while (next !== undefined && query.limit === undefined) {
      const page: List = await this.request<List>(pathOf(path), {
        query: { limit: "500", ...selectors(query), continue: next },
      });
      items.push(...page.items);
      next = page.metadata.continue;
    }
    const { continue: _first, remainingItemCount: _remaining, ...metadata } = first.metadata;
    return { ...first, metadata: { ...metadata, ...(next === undefined ? {} : { continue: next }) }, items };
  }

  async create(path: KindPath, body: unknown): Promise<Resource> {
    return await this.request<Resource>(pathOf(path), { method: "POST", body });
  }

  async replace(path: KindPath, body: unknown): Promise<Resource> {
    return await this.request<Resource>(pathOf(path), { method: "PUT", body });
  }

  async patch(path: KindPath, patch: unknown): Promise<Resource> {
    const contentType = Array.isArray(patch) ? "application/json-patch+json" : "application/merge-patch+json";
    return await this.request<Resource>(pathOf(path), { method: "PATCH", body: patch, contentType });
  }

  async delete(path: KindPath, query: Record<string, string | undefined> = {}): Promise<void> {
    await this.request(pathOf(path), { method: "DELETE", query });
  }
}

function selectors({
  resourceVersion: _rv,
  resourceVersionMatch: _match,
  ...rest
}: Record<string, string | undefined>) {
  return rest;
}

function queryOf(query: Record<string, string | string[] | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) search.append(name, one);
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function statusOf(response: Response, value: unknown, text: string): ApiStatus {
  const { message, reason, details } = (typeof value === "object" && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const words = typeof message === "string" ? message : text.trim().slice(0, 500) || response.statusText;
  return {
    code: response.status,
    message: words || `the server answered ${response.status}`,
    ...(typeof reason === "string" ? { reason } : {}),
    ...(typeof details === "object" && details !== null ? { details: details as JsonObject } : {}),
  };
}
