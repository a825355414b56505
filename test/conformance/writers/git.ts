import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GitServer } from "../../../src/cli/demo/gitServer.ts";
import { type Api, collectionPath } from "../client/api.ts";
import type { KindPath } from "../client/types.ts";
import type { BatchChange, BatchWriter } from "./writer.ts";

const KIND: KindPath = { group: "catalog.gitstore.dev", version: "v1beta1", plural: "products", kind: "Product" };
const REPOSITORIES: KindPath = {
  group: "gitstore.dev",
  version: "v1beta1",
  plural: "repositories",
  kind: "Repository",
};

/** Pushes to a Git server of its own, which the server under test has to reach: what a push changes is one transaction. */
export class GitBatches {
  readonly #git: GitServer;
  readonly #root: string;

  private constructor(git: GitServer, root: string) {
    this.#git = git;
    this.#root = root;
  }

  static async start(): Promise<GitBatches> {
    const root = mkdtempSync(join(tmpdir(), "gitstore-conformance-"));
    return new GitBatches(await GitServer.start({ root }), root);
  }

  async stop(): Promise<void> {
    await this.#git.stop();
    rmSync(this.#root, { recursive: true, force: true });
  }

  /** A repository for a namespace, looked at once, so that what follows is a push of its own. */
  async writer(api: Api, namespace: string): Promise<BatchWriter> {
    const repository = await this.#git.create(namespace);
    await repository.commit([{ path: "README.md", text: "# A catalogue\n" }], "Begin");
    await api.must(collectionPath(REPOSITORIES, namespace), {
      body: {
        apiVersion: "gitstore.dev/v1beta1",
        kind: "Repository",
        metadata: { name: "catalog" },
        spec: { url: this.#git.url(namespace), provider: "git", poll: "off" },
      },
    });
    await sync(api, namespace);
    return {
      kind: KIND,
      apply: async (changes) => {
        await repository.commit(changes.map(fileOf), "Change");
        await sync(api, namespace);
      },
    };
  }
}

function fileOf({ name, title, labels = {}, bytes = 0 }: BatchChange): { path: string; text: string | null } {
  const path = `products/${name}.md`;
  if (title === null) return { path, text: null };
  const labelled = Object.entries(labels).map(
    ([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}\n`,
  );
  const metadata = `metadata:\n  name: ${name}\n${labelled.length === 0 ? "" : `  labels:\n${labelled.join("")}`}`;
  const head = `apiVersion: ${KIND.group}/${KIND.version}\nkind: ${KIND.kind}\n${metadata}spec:\n  title: ${JSON.stringify(title)}\n`;
  return { path, text: `---\n${head}---\n\n${"x".repeat(bytes)}\n` };
}

async function sync(api: Api, namespace: string): Promise<void> {
  const base = `${collectionPath(REPOSITORIES, namespace)}/catalog`;
  const { sync: id } = await api.must<{ sync: string }>(`${base}/sync`, { method: "POST" });
  for (;;) {
    const state = await api.must<{ state: string; message?: string }>(`${base}/syncs/${id}`);
    if (state.state === "done") return;
    if (state.state === "failed") throw new Error(`the push was not taken: ${state.message}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
