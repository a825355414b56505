/** Installing the hooks: what is written where, decided without touching a disk, then done through a given one. */
import { type HookKind, renderHook, renderSecret } from "./render.ts";
import { HOOK_MARKER, SECRET_FILE } from "./shared.sh.ts";

const KINDS: HookKind[] = ["pre-receive", "post-receive"];

export interface InstallOptions {
  /** The server's origin, with or without a path: `https://gitstore.example.org`. */
  server: string;
  namespace: string;
  repository: string;
  /** As `repo add` or `repo rotate-secret` printed it. */
  secret: string;
  failOpen: boolean;
}

export interface InstallPlan {
  /** Done first: hooks that were here become `<hook>.local`, and are run by ours. */
  renames: { from: string; to: string }[];
  /** In this order: the secret first, so that no hook ever runs without one. */
  writes: { name: string; text: string; mode: number }[];
}

export type PlannedInstall = { ok: true; plan: InstallPlan } | { ok: false; message: string };

/** The two places that the hooks of a repository post to. */
export function hookUrls(
  options: Pick<InstallOptions, "server" | "namespace" | "repository">,
): Record<HookKind, string> {
  const { namespace, repository } = options;
  const server = options.server.replace(/\/+$/, "");
  return {
    "pre-receive": `${server}/hooks/${namespace}/${repository}/pre-receive`,
    "post-receive": `${server}/webhooks/${namespace}/${repository}`,
  };
}

/** @param existing the files of the hooks directory by name; undefined or absent: there is none. */
export function planInstall(existing: Record<string, string | undefined>, options: InstallOptions): PlannedInstall {
  const repository = `${options.namespace}/${options.repository}`;
  const urls = hookUrls(options);
  const plan: InstallPlan = {
    renames: [],
    writes: [{ name: SECRET_FILE, text: renderSecret(options.secret, repository), mode: 0o600 }],
  };
  for (const kind of KINDS) {
    const local = `${kind}.local`;
    const found = existing[kind];
    if (found !== undefined && !found.includes(HOOK_MARKER)) {
      if (existing[local] !== undefined) {
        const message = `${kind} is not ours, and ${local}, where it would go, is there already. Nothing was changed: merge the two into ${local}, remove ${kind}, and install again.`;
        return { ok: false, message };
      }
      plan.renames.push({ from: kind, to: local });
    }
    const text = renderHook(kind, { url: urls[kind], repository, failOpen: options.failOpen });
    plan.writes.push({ name: kind, text, mode: 0o755 });
  }
  return { ok: true, plan };
}

/** What is needed of a file system; `node:fs/promises` is one. */
export interface HooksFs {
  readFile(path: string, encoding: "utf8"): Promise<string>;
  writeFile(path: string, text: string, options: { mode: number }): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  mkdir(path: string, options: { recursive: true }): Promise<unknown>;
}

/**
 * Where git looks for the hooks of the repository at `directory`, bare or not, `core.hooksPath` and worktrees included.
 * @param git runs git with these arguments and gives its standard output.
 */
export async function hooksDirectory(git: (args: string[]) => Promise<string>, directory: string): Promise<string> {
  const path = (await git(["-C", directory, "rev-parse", "--git-path", "hooks"])).replace(/\n$/, "");
  return path.startsWith("/") ? path : `${directory.replace(/\/+$/, "")}/${path}`;
}

/** Carries the plan out. Each file is written aside and renamed, so that a push meanwhile sees the old or the new one. */
export async function installHooks(fs: HooksFs, hooksDir: string, options: InstallOptions): Promise<PlannedInstall> {
  await fs.mkdir(hooksDir, { recursive: true });
  const existing: Record<string, string | undefined> = {};
  for (const name of KINDS.flatMap((kind) => [kind, `${kind}.local`])) {
    existing[name] = await readIfThere(fs, `${hooksDir}/${name}`);
  }
  const planned = planInstall(existing, options);
  if (!planned.ok) return planned;
  for (const { from, to } of planned.plan.renames) await fs.rename(`${hooksDir}/${from}`, `${hooksDir}/${to}`);
  for (const { name, text, mode } of planned.plan.writes) {
    const aside = `${hooksDir}/${name}.new`;
    await fs.writeFile(aside, text, { mode });
    // The mode of `writeFile` is less the umask, and not applied to a file that a broken-off install left.
    await fs.chmod(aside, mode);
    await fs.rename(aside, `${hooksDir}/${name}`);
  }
  return planned;
}

async function readIfThere(fs: HooksFs, path: string): Promise<string | undefined> {
  try {
    return await fs.readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
