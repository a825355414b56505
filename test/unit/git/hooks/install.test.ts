import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  type HooksFs,
  hooksDirectory,
  hookUrls,
  type InstallOptions,
  installHooks,
  planInstall,
} from "../../../../src/git/hooks/install.ts";
import { renderHook, renderSecret } from "../../../../src/git/hooks/render.ts";
import { standardKey } from "../../../../src/git/webhooks/index.ts";

const options: InstallOptions = {
  server: "https://gitstore.example.org/",
  namespace: "acme",
  repository: "catalog",
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  failOpen: false,
};

describe("the plan", () => {
  test("of an empty hooks directory is the secret, then both hooks", () => {
    const planned = planInstall({}, options);
    expect(planned.ok && planned.plan.renames).toEqual([]);
    expect(planned.ok && planned.plan.writes.map(({ name, mode }) => [name, mode])).toEqual([
      ["gitstore.secret", 0o600],
      ["pre-receive", 0o755],
      ["post-receive", 0o755],
    ]);
  });

  test("posts to the repository's own addresses", () => {
    expect(hookUrls(options)).toEqual({
      "pre-receive": "https://gitstore.example.org/hooks/acme/catalog/pre-receive",
      "post-receive": "https://gitstore.example.org/webhooks/acme/catalog",
    });
    const planned = planInstall({}, options);
    for (const url of Object.values(hookUrls(options))) {
      expect(planned.ok && planned.plan.writes.some(({ text }) => text.includes(`url='${url}'`))).toBe(true);
    }
  });

  test("chains another's hook, and only that one", () => {
    const planned = planInstall({ "post-receive": "#!/bin/sh\nmail\n" }, options);
    expect(planned.ok && planned.plan.renames).toEqual([{ from: "post-receive", to: "post-receive.local" }]);
  });

  test("replaces ours and leaves what it chains", () => {
    const ours = renderHook("pre-receive", { url: "http://old", repository: "acme/catalog", failOpen: true });
    const planned = planInstall({ "pre-receive": ours, "pre-receive.local": "#!/bin/sh\n" }, options);
    expect(planned.ok && planned.plan.renames).toEqual([]);
  });

  test("changes nothing where another's hook has no place to go", () => {
    const planned = planInstall({ "pre-receive": "#!/bin/sh\n", "pre-receive.local": "#!/bin/sh\n" }, options);
    expect(planned).toEqual({
      ok: false,
      message: expect.stringMatching(/pre-receive is not ours, and pre-receive\.local.*Nothing was changed: merge/),
    });
  });

  test("holds the secret in its own file only", () => {
    const planned = planInstall({}, options);
    for (const { name, text } of planned.ok ? planned.plan.writes : []) {
      if (name !== "gitstore.secret") expect(text).not.toMatch(/^[io]pad=/m);
      expect(text).not.toContain(options.secret.slice("whsec_".length));
    }
  });

  test.each([
    [true, "fail_open=yes"],
    [false, "fail_open=no"],
  ])("with failOpen %s says %s", (failOpen, line) => {
    const planned = planInstall({}, { ...options, failOpen });
    const hook = planned.ok ? planned.plan.writes.find(({ name }) => name === "pre-receive") : undefined;
    expect(hook?.text.split("\n")).toContain(line);
  });
});

describe("a rendered hook", () => {
  test("cannot be broken out of by an address", () => {
    const text = renderHook("post-receive", { url: "http://x/'; rm -rf /; '", repository: "a/b", failOpen: false });
    expect(text).toContain(`url='http://x/'\\''; rm -rf /; '\\'''\n`);
  });

  test("is written for sh", () => {
    for (const kind of ["pre-receive", "post-receive"] as const) {
      const text = renderHook(kind, { url: "http://x", repository: "a/b", failOpen: false });
      expect(text.startsWith("#!/bin/sh\n# gitstore-edge hook")).toBe(true);
      expect(text.endsWith("\n")).toBe(true);
    }
  });
});

describe("the secret's file", () => {
  /** RFC 2104 by the two pads, as the shell does it. */
  const macBy = (file: string, message: string) => {
    const pad = (name: string) => {
      const digits = new RegExp(`^${name}='(.*)'$`, "m").exec(file)?.[1]?.match(/\\0[0-7]{3}/g) ?? [];
      return Buffer.from(digits.map((digit) => Number.parseInt(digit.slice(2), 8)));
    };
    const { createHash } = process.getBuiltinModule("node:crypto");
    const inner = createHash("sha256").update(pad("ipad")).update(message).digest();
    return createHash("sha256").update(pad("opad")).update(inner).digest("hex");
  };

  test.each([
    ["a usual secret", options.secret],
    ["a key of one block", `whsec_${Buffer.alloc(64, 0xa7).toString("base64")}`],
    ["a key longer than a block, which is hashed", `whsec_${Buffer.alloc(65, 0x36).toString("base64")}`],
    ["a text that is no base64", "correct horse"],
  ])("makes the MAC of %s", (_, secret) => {
    const wanted = createHmac("sha256", standardKey(secret)).update("message").digest("hex");
    expect(macBy(renderSecret(secret, "a/b"), "message")).toBe(wanted);
  });

  test("is refused where the secret is empty", () => {
    expect(() => renderSecret("whsec_", "a/b")).toThrow(/the secret is empty/);
  });
});

describe("installing", () => {
  /** Files in memory, and what was done to them in order. */
  class MemoryFs implements HooksFs {
    readonly files = new Map<string, { text: string; mode: number }>();
    readonly done: string[] = [];
    async readFile(path: string): Promise<string> {
      const file = this.files.get(path);
      if (file === undefined) throw Object.assign(new Error(path), { code: "ENOENT" });
      return file.text;
    }
    async writeFile(path: string, text: string, { mode }: { mode: number }): Promise<void> {
      this.done.push(`write ${path}`);
      this.files.set(path, { text, mode });
    }
    async chmod(path: string, mode: number): Promise<void> {
      const file = this.files.get(path);
      if (file !== undefined) file.mode = mode;
    }
    async rename(from: string, to: string): Promise<void> {
      this.done.push(`rename ${from} ${to}`);
      const file = this.files.get(from);
      if (file !== undefined) this.files.set(to, file);
      this.files.delete(from);
    }
    async mkdir(): Promise<void> {}
  }

  test("moves what was there aside before anything takes its place, each by one rename", async () => {
    const fs = new MemoryFs();
    fs.files.set("/h/pre-receive", { text: "theirs", mode: 0o755 });
    expect((await installHooks(fs, "/h", options)).ok).toBe(true);
    expect(fs.done).toEqual([
      "rename /h/pre-receive /h/pre-receive.local",
      "write /h/gitstore.secret.new",
      "rename /h/gitstore.secret.new /h/gitstore.secret",
      "write /h/pre-receive.new",
      "rename /h/pre-receive.new /h/pre-receive",
      "write /h/post-receive.new",
      "rename /h/post-receive.new /h/post-receive",
    ]);
    expect(fs.files.get("/h/pre-receive.local")).toEqual({ text: "theirs", mode: 0o755 });
    expect(fs.files.get("/h/gitstore.secret")?.mode).toBe(0o600);
    expect(fs.files.get("/h/post-receive")?.mode).toBe(0o755);
  });

  test("twice gives the same files as once", async () => {
    const fs = new MemoryFs();
    fs.files.set("/h/pre-receive", { text: "theirs", mode: 0o755 });
    await installHooks(fs, "/h", options);
    const once = new Map(fs.files);
    await installHooks(fs, "/h", options);
    expect(fs.files).toEqual(once);
  });

  test("writes nothing where the plan is refused", async () => {
    const fs = new MemoryFs();
    for (const name of ["pre-receive", "pre-receive.local"]) fs.files.set(`/h/${name}`, { text: "x", mode: 0o755 });
    expect((await installHooks(fs, "/h", options)).ok).toBe(false);
    expect(fs.done).toEqual([]);
  });

  test("passes on an error that is not a missing file", async () => {
    const fs = new MemoryFs();
    fs.readFile = async () => {
      throw Object.assign(new Error("not permitted"), { code: "EACCES" });
    };
    await expect(installHooks(fs, "/h", options)).rejects.toThrow("not permitted");
    expect(fs.done).toEqual([]);
  });

  test.each([
    ["hooks\n", "/srv/shop.git/hooks"],
    ["/etc/git/hooks\n", "/etc/git/hooks"],
  ])("asks git where the hooks are: %j", async (printed, path) => {
    const asked: string[][] = [];
    const git = async (args: string[]) => {
      asked.push(args);
      return printed;
    };
    expect(await hooksDirectory(git, "/srv/shop.git/")).toBe(path);
    expect(asked).toEqual([["-C", "/srv/shop.git/", "rev-parse", "--git-path", "hooks"]]);
  });
});
