import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GitServer, type Repository } from "./gitServer.ts";
import { TestServer, type TestServerOptions } from "./server.ts";
import { RecordingWatcher, type WatchedObject, type WatchOptions } from "./watcher.ts";

/** Every kind a push of these tests touches, GitEvents included. */
export const EVERYTHING = ["Product", "CategoryTaxonomy", "Repository", "GitEvent"];

/** A server, a Git server, and what tests do with both. */
export class Stage {
  readonly server: TestServer;
  readonly git: GitServer;
  readonly admin: string;
  readonly #root: string;

  private constructor(server: TestServer, git: GitServer, admin: string, root: string) {
    this.server = server;
    this.git = git;
    this.admin = admin;
    this.#root = root;
  }

  static async set(options: TestServerOptions = {}): Promise<Stage> {
    const root = mkdtempSync(join(tmpdir(), "gitstore-git-"));
    const git = await GitServer.start({ root });
    const server = await TestServer.start(options);
    return new Stage(server, git, await server.admin(), root);
  }

  async strike(): Promise<void> {
    await this.server.stop();
    await this.git.stop();
    rmSync(this.#root, { recursive: true, force: true });
  }

  async call<T = Record<string, unknown>>(
    path: string,
    init: Parameters<TestServer["fetch"]>[1] = {},
  ): Promise<{ status: number; body: T }> {
    const response = await this.server.fetch(path, { token: this.admin, ...init });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as T };
  }

  async must<T = Record<string, unknown>>(path: string, init: Parameters<TestServer["fetch"]>[1] = {}): Promise<T> {
    const { status, body } = await this.call<T>(path, init);
    if (status >= 300) throw new Error(`${init.method ?? ""} ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  async namespace(name: string): Promise<void> {
    await this.must("/apis/gitstore.dev/v1beta1/namespaces", {
      body: { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name }, spec: {} },
    });
  }

  /** A Repository whose remote is a repository of the Git server by the same name, without polls of its own. */
  async repository(namespace: string, name: string, spec: Record<string, unknown> = {}): Promise<void> {
    await this.must(`/apis/gitstore.dev/v1beta1/namespaces/${namespace}/repositories`, {
      body: {
        apiVersion: "gitstore.dev/v1beta1",
        kind: "Repository",
        metadata: { name },
        spec: { url: this.git.url(`${namespace}-${name}`), provider: "git", poll: "off", ...spec },
      },
    });
  }

  /** Namespace, remote and Repository. */
  async shop(namespace: string, spec: Record<string, unknown> = {}): Promise<Repository> {
    const repository = await this.git.create(`${namespace}-catalog`);
    // A remote without any ref is an error, so it begins with a file that is no resource.
    await repository.commit([{ path: "README.md", text: "# A catalogue\n" }], "Begin");
    await this.namespace(namespace);
    await this.repository(namespace, "catalog", spec);
    // The baseline look is over, so that what a test pushes is the next look's.
    await this.sync(namespace);
    return repository;
  }

  /** Asks for a look at the remote and returns when every ref it saw is applied; throws what a failed one says. */
  async sync(
    namespace: string,
    name = "catalog",
    options: { allowMassDelete?: boolean } = {},
  ): Promise<{ admitted: number; rejected: number }> {
    const base = `/apis/gitstore.dev/v1beta1/namespaces/${namespace}/repositories/${name}`;
    const { sync } = await this.must<{ sync: string }>(`${base}/sync`, { method: "POST", body: options });
    for (;;) {
      const state = await this.must<{ state: string; message?: string; admitted: number; rejected: number }>(
        `${base}/syncs/${sync}`,
      );
      if (state.state === "done") return state;
      if (state.state === "failed") throw new Error(state.message);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async get<T = WatchedObject>(namespace: string, plural: string, name: string): Promise<T> {
    const group = plural === "repositories" ? "gitstore.dev" : "catalog.gitstore.dev";
    return this.must<T>(`/apis/${group}/v1beta1/namespaces/${namespace}/${plural}/${name}`);
  }

  async head(namespace: string): Promise<string> {
    const list = await this.must<{ metadata: { resourceVersion: string } }>(
      `/apis/gitstore.dev/v1beta1/namespaces/${namespace}/repositories?limit=1`,
    );
    return list.metadata.resourceVersion;
  }

  watch(namespace: string, options: Partial<WatchOptions> = {}): RecordingWatcher {
    return new RecordingWatcher({
      url: this.server.url,
      token: this.admin,
      namespace,
      kinds: EVERYTHING,
      resourceVersion: "1",
      ...options,
    });
  }
}
