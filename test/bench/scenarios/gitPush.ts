import { mkdtempSync, rmSync } from "node:fs";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { catalogFiles, productFile, products, type TreeFile } from "../../../src/cli/demo/catalog.ts";
import { GitServer } from "../../../src/cli/demo/gitServer.ts";
import { Repository } from "../../../src/cli/demo/repository.ts";
import { installHooks } from "../../../src/git/hooks/install.ts";
import type { Ours } from "../ours.ts";
import { number, table } from "../report.ts";
import { now, within } from "../stats.ts";

const FILES = 1_000;
const NAMESPACE = "git-push";
const PATIENCE_MS = 60_000;

/** From `git push` to a watcher that has everything: the pre-receive check, the hook, the fetch, admission, the ledger. */
export async function gitPush(ours: Ours): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "bench-git-"));
  const git = await GitServer.start({ root });
  try {
    const remote = await git.create("catalog");
    const local = await Repository.create(join(root, "local"));
    await register(ours, git, remote);
    const rows: string[][] = [];
    const files = catalogFiles({ products: FILES });
    const edits = products(FILES).map((each) => productFile(each, " (edited)"));
    const steps: [string, TreeFile[]][] = [
      [`${files.length} files, the first push`, files],
      [`${FILES} files edited`, edits],
      ["1 file edited", products(1).map((each) => productFile(each, " (edited again)"))],
    ];
    for (const [what, tree] of steps) {
      const { pushMs, allMs } = await within(PATIENCE_MS, what, push(ours, local, git.url("catalog"), tree));
      rows.push([what, number(pushMs), number(allMs), number(tree.length / (allMs / 1_000))]);
    }
    return table(["", "git push returns, ms", "a watcher has all, ms", "files/s"], rows);
  } finally {
    await git.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

async function register(ours: Ours, git: GitServer, remote: Repository): Promise<void> {
  // A remote without any ref is an error, so it begins with a file that is no resource.
  await remote.commit([{ path: "README.md", text: "# A catalogue\n" }], "Begin", { branch: "readme" });
  await ours.namespace(NAMESPACE);
  const secret = await ours.repository(NAMESPACE, "catalog", git.url("catalog"));
  const fs = { readFile, writeFile, chmod, mkdir, rename };
  const options = { server: ours.server.url, namespace: NAMESPACE, repository: "catalog", secret, failOpen: false };
  const installed = await installHooks(fs, join(remote.dir, "hooks"), options);
  if (!installed.ok) throw new Error(installed.message);
}

async function push(
  ours: Ours,
  local: Repository,
  url: string,
  tree: TreeFile[],
): Promise<{ pushMs: number; allMs: number }> {
  const commit = await local.commit(tree, `${tree.length} files`);
  let applied: () => void = () => undefined;
  const all = new Promise<void>((done) => {
    applied = done;
  });
  // The Repository's status names the commit in the push's last transaction: everything else came before it.
  const watcher = await ours.watch(NAMESPACE, {
    kinds: ["Product", "CategoryTaxonomy", "Repository"],
    onFrame: (frame) => frame.includes(`"refs/heads/main":"${commit}"`) && applied(),
  });
  const began = now();
  await local.git("push", "-q", url, "main");
  const pushMs = now() - began;
  await all;
  const allMs = now() - began;
  watcher.close();
  return { pushMs, allMs };
}
