/** The two requests of Git's smart HTTP, with the URL rules held at every step. Source: gitprotocol-http(5). */
import { authorizationFor, type GitCredentials } from "./credentials.ts";
import { GitRemoteError } from "./errors.ts";
import { checkRemoteUrl, type UrlRules } from "./url.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface HttpOptions {
  url: string;
  rules: UrlRules;
  credentials: GitCredentials | null;
  fetch: Fetch;
  /** Of a whole response, overhead included. */
  maxBytes: number;
  /** Of one request, until its last byte. */
  timeoutMs: number;
}

interface HttpAnswer {
  response: Response;
  body(): AsyncIterable<Uint8Array>;
  /** Ends the transfer of an answer that nobody will read, and frees its connection. */
  discard(): void;
}

const MAX_REDIRECTS = 5;
const INFO_REFS = "/info/refs";
const ADVERTISEMENT = "application/x-git-upload-pack-advertisement";
const RESULT = "application/x-git-upload-pack-result";

export class SmartHttp {
  readonly #options: HttpOptions;
  /** Where the remote really is: what the advertisement's redirects ended at. */
  #base: URL;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#base = checkRemoteUrl(options.url, options.rules);
    this.#base.pathname = this.#base.pathname.replace(/\/+$/, "");
  }

  /**
   * `GET …/info/refs`. Redirects are followed here and nowhere else, as Git does by default (`http.followRedirects`):
   * a host may move a repository, but a POST that is answered with a redirect is a fault.
   */
  async advertisement(): Promise<AsyncIterable<Uint8Array>> {
    let url = new URL(this.#base);
    url.pathname += INFO_REFS;
    url.search = "?service=git-upload-pack";
    for (let hops = 0; ; hops++) {
      const answer = await this.#send(url, { method: "GET", headers: { Accept: "*/*" } });
      const location = answer.response.headers.get("location");
      if (answer.response.status < 300 || answer.response.status > 399 || location === null) {
        return this.#body(answer, ADVERTISEMENT, url);
      }
      answer.discard();
      if (hops === MAX_REDIRECTS) throw new GitRemoteError("BadResponse", `more than ${MAX_REDIRECTS} redirects`);
      url = this.#redirected(url, location);
    }
  }

  async uploadPack(request: string): Promise<AsyncIterable<Uint8Array>> {
    const url = new URL(this.#base);
    url.pathname += "/git-upload-pack";
    const headers = { "Content-Type": "application/x-git-upload-pack-request", Accept: RESULT };
    return this.#body(await this.#send(url, { method: "POST", headers, body: request }), RESULT, url);
  }

  #redirected(from: URL, location: string): URL {
    const to = checkRemoteUrl(new URL(location, from).href, this.#options.rules);
    if (from.protocol === "https:" && to.protocol !== "https:") {
      throw new GitRemoteError("Forbidden", `${from.host} redirects to ${to.protocol}//: refused`);
    }
    if (!to.pathname.endsWith(INFO_REFS)) {
      throw new GitRemoteError(
        "NotFound",
        `${from.host} redirects to ${to.host}${to.pathname}, which is no Git repository: does it need credentials?`,
      );
    }
    this.#base = new URL(to);
    this.#base.pathname = to.pathname.slice(0, -INFO_REFS.length);
    this.#base.search = "";
    return to;
  }

  #body(answer: HttpAnswer, contentType: string, url: URL): AsyncIterable<Uint8Array> {
    try {
      checkAnswer(answer.response, contentType, url);
      return answer.body();
    } catch (error) {
      answer.discard();
      throw error;
    }
  }

  async #send(url: URL, init: Omit<RequestInit, "headers"> & { headers: Record<string, string> }): Promise<HttpAnswer> {
    const { timeoutMs, maxBytes } = this.#options;
    const headers: Record<string, string> = {
      ...init.headers,
      "Git-Protocol": "version=2",
      "User-Agent": "git/gitstore-edge",
    };
    // A redirect may lead to another listed host, but it was that host's neighbour who chose it: it gets nothing.
    const sameHost =
      url.host === new URL(this.#options.url).host && url.protocol === new URL(this.#options.url).protocol;
    const authorization = sameHost ? authorizationFor(this.#options.credentials, url) : null;
    if (authorization !== null) headers.Authorization = authorization;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    const failure = (error: unknown) => {
      clearTimeout(timer);
      if (error instanceof GitRemoteError) return error;
      if (abort.signal.aborted)
        return new GitRemoteError("Timeout", `${url.host} did not answer within ${timeoutMs / 1000} s`);
      const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
      return new GitRemoteError(
        "Unreachable",
        `${url.host} cannot be reached: ${error instanceof Error ? error.message : String(error)}${cause}`,
      );
    };
    let response: Response;
    try {
      response = await this.#options.fetch(url.href, { ...init, headers, redirect: "manual", signal: abort.signal });
    } catch (error) {
      throw failure(error);
    }
    const body = async function* (): AsyncGenerator<Uint8Array> {
      let total = 0;
      try {
        if (response.body === null) return;
        const reader = (response.body as ReadableStream<Uint8Array>).getReader();
        for (let read = await reader.read(); !read.done; read = await reader.read()) {
          total += read.value.length;
          if (total > maxBytes) {
            throw new GitRemoteError("FetchTooLarge", `the answer is over ${maxBytes} bytes (GIT_FETCH_MAX_BYTES)`);
          }
          yield read.value;
        }
      } catch (error) {
        throw failure(error);
      } finally {
        clearTimeout(timer);
        // Also reached when the reader of this iterator stops early: ends the transfer, and frees the connection.
        abort.abort();
      }
    };
    const discard = () => {
      clearTimeout(timer);
      abort.abort();
    };
    return { response, body, discard };
  }
}

function checkAnswer(response: Response, contentType: string, url: URL): void {
  const { status } = response;
  const where = `${url.host}${url.pathname}`;
  if (status === 401 || status === 403) {
    throw new GitRemoteError(
      "Unauthorized",
      `${where} answers ${status}: set spec.credentialsRef to a secret that lists ${url.host} and may read this repository`,
    );
  }
  if (status === 404 || status === 410) {
    throw new GitRemoteError(
      "NotFound",
      `${where} answers ${status}: no such repository, or it is private and spec.credentialsRef is missing`,
    );
  }
  if (status !== 200) {
    const code = status >= 500 || status === 429 ? "Unreachable" : "BadResponse";
    throw new GitRemoteError(code, `${where} answers ${status}`);
  }
  const found = (response.headers.get("content-type") ?? "").split(";")[0]?.trim();
  if (found !== contentType) {
    throw new GitRemoteError(
      "BadResponse",
      `${where} answers with ${JSON.stringify(found)}: only Git's smart HTTP protocol is supported, not a dumb file server`,
    );
  }
}
