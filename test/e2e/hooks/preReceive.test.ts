import { existsSync, symlinkSync } from "node:fs";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HookServer, product, Sandbox, SECRET, SHELLS, toldWhereAbsent } from "./support.ts";

let server: HookServer;
let repo: Sandbox;

beforeEach(async () => {
  server = new HookServer();
  await server.start();
  repo = await Sandbox.create();
});
afterEach(async () => {
  await repo.remove();
  await server.stop();
});

const sent = () => server.parts.flatMap(({ files }) => files);
const changedPaths = () => sent().flatMap(({ path, changed }) => (changed ? [path] : []));
const remoteRef = async (ref: string) =>
  (await repo.run(["rev-parse", "-q", "--verify", ref], repo.bare)).stdout.trim();

const definition = `apiVersion: apiextensions.gitstore.dev/v1beta1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.org
spec:
  group: example.org
  scope: Namespaced
  names: { kind: Widget, plural: widgets, singular: widget }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: { type: object, required: [size], properties: { size: { type: integer } } }
`;
const widget = (size: string) =>
  `---\napiVersion: example.org/v1\nkind: Widget\nmetadata:\n  name: knob\nspec:\n  size: ${size}\n---\n`;

toldWhereAbsent("pre-receive");

describe.each(SHELLS)("the pre-receive hook under %s", (shell) => {
  beforeEach(() => repo.install(server.url, {}, shell));

  test("lets a valid push through, having sent its changed resource files", async () => {
    const commit = await repo.commit({ "products/hat.md": product("hat"), "README.md": "# Shop\n", "src/x.ts": "1" });
    expect(await repo.push("main")).toEqual({ accepted: true, remote: [] });
    expect(server.parts).toHaveLength(1);
    expect(server.parts[0]).toMatchObject({
      part: 1,
      final: true,
      left: 0,
      updates: [{ ref: "refs/heads/main", old: null, new: commit }],
    });
    expect(sent().map(({ path, bytes }) => [path, Buffer.from(bytes).toString()])).toEqual([
      ["README.md", "# Shop\n"],
      ["products/hat.md", product("hat")],
    ]);
    expect(server.answers.at(-1)?.body).toEqual({ allowed: true, checked: 2, of: 2, errors: [], warnings: [] });
  });

  test("refuses a push with every error as path:line:column: message", async () => {
    await repo.commit({
      "products/hat.md": product("hat").replace("title: A hat", "tilte: A hat"),
      "products/cap.md": "---\napiVersion: catalog.gitstore.dev/v1beta1\nkind: Product\n",
    });
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(false);
    expect(remote.filter((line) => !line.startsWith("    hint: "))).toEqual([
      expect.stringMatching(/^products\/cap\.md:1:1: the front matter that begins here is not closed$/),
      expect.stringMatching(/^products\/hat\.md:7:3: .*"tilte"/),
      "gitstore: push refused: 2 errors, 2 of 2 changed files checked; nothing was changed",
    ]);
    expect(remote).toContain("    hint: end it with a line that is exactly ---");
    expect(await remoteRef("refs/heads/main")).toBe("");
    await repo.settled();
  });

  test("reads whatever JSON the answer is written in", async () => {
    server.reply = ({ part }) =>
      part && {
        status: 200,
        body: `{
          "errors" : [ {"message":"caf\\u00e9 \\"q\\" back\\\\slash \\\\\\" é \\u20ac\\n\\u001b[31m", "path":"a \\"b\\".md", "line" : 3, "column":14, "policy": "p"},
                       {"hint":"h","message":"no place","field":"", "nested": {"message": "not this"}, "list": [1, {"path": "nor this"}]} ],
          "warnings":[{"path":"w.md","message":"careful"}],
          "more": {"errors": [{"message": "nor that"}]},
          "checked":2,"of":2, "allowed":false}`,
      };
    await repo.commit({ "a.md": "x" });
    expect((await repo.push("main")).remote).toEqual([
      'a "b".md:3:14: café "q" back\\slash \\" é € ?[31m',
      "no place",
      "    hint: h",
      "w.md:1:1: warning: careful",
      "gitstore: push refused: 2 errors, 2 of 2 changed files checked; nothing was changed",
    ]);
  });

  test("sends paths and contents as they are, whatever bytes they have", async () => {
    const paths = [
      "a b.md",
      "café.md",
      "line\nbreak.md",
      'quo"te.md',
      "tab\t.md",
      "back\\slash.md",
      "-dash.md",
      "ünï/ x.md",
    ];
    await repo.commit({
      ...Object.fromEntries(paths.map((path) => [path, `of ${JSON.stringify(path)}`])),
      "binary.md": Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 0xff),
      "empty.md": "",
      "no-newline.md": "blob 12\n\n40",
      'not-md.md"': "no resource",
    });
    await repo.push("main");
    expect(changedPaths().sort()).toEqual([...paths, "binary.md", "empty.md", "no-newline.md"].sort());
    for (const path of paths) {
      const file = sent().find((found) => found.path === path);
      expect(Buffer.from(file?.bytes ?? []).toString()).toBe(`of ${JSON.stringify(path)}`);
    }
    const binary = sent().find(({ path }) => path === "binary.md");
    expect(binary?.bytes).toEqual(Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 0xff));
  });

  test("works without gzip", async () => {
    const bin = join(repo.root, "bin");
    await fs.mkdir(bin);
    const tools = ["git", "curl", "openssl", "awk", "cat", "cut", "date", "dirname", "grep", "head", "id", "mktemp"];
    for (const tool of [...tools, "mv", "paste", "rm", "sed", "sleep", "tr", "wc"]) {
      const found = ["/usr/bin", "/bin"].map((place) => join(place, tool)).find((path) => existsSync(path));
      if (found !== undefined) symlinkSync(found, join(bin, tool));
    }
    repo.env.PATH = bin;
    await repo.commit({ "products/hat.md": product("hat") });
    expect(await repo.push("main")).toEqual({ accepted: true, remote: [] });
    expect(server.received[0]?.body.subarray(0, 24).toString()).toBe("gitstore-pre-receive 1\np");
    expect(changedPaths()).toEqual(["products/hat.md"]);
  });
});

describe("which files are sent", () => {
  beforeEach(async () => {
    await repo.install(server.url);
    await repo.commit({ "products/hat.md": product("hat"), "products/cap.md": product("cap") });
    await repo.push("main");
    server.received.length = 0;
  });

  test("those an update changes: added, edited and moved, not the deleted and the untouched", async () => {
    await repo.git("mv", "products/cap.md", "products/cap2.md");
    await repo.commit({ "products/hat.md": product("hat", "B"), "new.md": "n" });
    await repo.git("rm", "-q", "new.md");
    await repo.commit({ "newer.md": "n" });
    await repo.push("main");
    expect(changedPaths()).toEqual(["newer.md", "products/cap2.md", "products/hat.md"]);
  });

  test("of a force push, what differs from the old tip", async () => {
    await repo.commit({ "x.md": "1" });
    await repo.push("main");
    server.received.length = 0;
    await repo.git("reset", "-q", "--hard", "HEAD~1");
    await repo.commit({ "y.md": "1" });
    await repo.push("+main");
    expect(changedPaths()).toEqual(["y.md"]);
  });

  test("of a new branch, what no existing ref has", async () => {
    await repo.git("checkout", "-q", "-b", "draft");
    await repo.commit({ "products/scarf.md": product("scarf") });
    await repo.push("draft");
    expect(changedPaths()).toEqual(["products/scarf.md"]);
  });

  test("of a new branch at a commit that is there already, none", async () => {
    const { accepted } = await repo.push("main:draft");
    expect(accepted).toBe(true);
    expect(server.parts).toMatchObject([{ final: true, files: [], updates: [{ ref: "refs/heads/draft", old: null }] }]);
  });

  test("of a new branch that merges two, what neither has", async () => {
    await repo.git("checkout", "-q", "-b", "one");
    await repo.commit({ "one.md": "1" });
    await repo.git("checkout", "-q", "-b", "two", "main");
    await repo.commit({ "two.md": "2" });
    await repo.push("one", "two");
    server.received.length = 0;
    await repo.git("merge", "-q", "--no-commit", "one");
    await repo.commit({ "merged.md": "3" }, "Merge");
    await repo.push("HEAD:draft");
    expect(changedPaths()).toEqual(["merged.md"]);
  });

  test("of a new branch with a history of its own, all", async () => {
    await repo.git("checkout", "-q", "--orphan", "draft");
    await repo.commit({}, "A root of its own");
    server.received.length = 0;
    await repo.push("draft");
    expect(changedPaths()).toEqual(["products/cap.md", "products/hat.md"]);
  });

  test("of an annotated tag, those of the commit behind it", async () => {
    await repo.commit({ "products/scarf.md": product("scarf") });
    await repo.git("tag", "-a", "v1", "-m", "One");
    await repo.push("v1");
    expect(changedPaths()).toEqual(["products/scarf.md"]);
    expect(server.parts[0]?.updates[0]?.new).toBe(await repo.git("rev-parse", "v1"));
  });

  test("of a tag that names no tree, none", async () => {
    const blob = await repo.git("hash-object", "-w", "products/hat.md");
    await repo.git("tag", "v2", blob);
    expect(await repo.push("v2")).toEqual({ accepted: true, remote: [] });
    expect(sent()).toEqual([]);
  });

  test("of a moved tag, what differs from its old place", async () => {
    await repo.git("tag", "v1");
    await repo.push("v1");
    await repo.commit({ "products/scarf.md": product("scarf") });
    await repo.git("tag", "-f", "v1");
    server.received.length = 0;
    await repo.push("+v1");
    expect(changedPaths()).toEqual(["products/scarf.md"]);
    expect(server.parts[0]?.updates[0]?.old).not.toBeNull();
  });

  test("a file that several refs bring, once, with all of them", async () => {
    await repo.commit({ "products/scarf.md": product("scarf") });
    await repo.git("tag", "v3");
    await repo.push("main", "v3");
    expect(sent()).toMatchObject([{ path: "products/scarf.md", updates: [0, 1] }]);
  });

  test("of a deletion none, and the push is still asked about", async () => {
    await repo.push("main:draft");
    server.received.length = 0;
    expect((await repo.push(":draft")).accepted).toBe(true);
    expect(server.parts).toMatchObject([{ files: [], updates: [{ ref: "refs/heads/draft", new: null }] }]);
    expect(await remoteRef("refs/heads/draft")).toBe("");
  });

  test("no symbolic links and no submodules", async () => {
    symlinkSync("products/hat.md", join(repo.work, "link.md"));
    await repo.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},sub.md`);
    await repo.git("add", "link.md");
    await repo.git("commit", "-q", "-m", "Link");
    await repo.push("main");
    expect(sent()).toEqual([]);
  });

  test("definitions first, and also unchanged ones, since a file may be of their kind", async () => {
    await repo.commit({ ".gitstore/widgets.yaml": definition, ".gitstore/deep/x.yml": "a: 1", "other.yaml": "a: 1" });
    await repo.push("main");
    expect(changedPaths()).toEqual([".gitstore/deep/x.yml", ".gitstore/widgets.yaml"]);
    server.received.length = 0;
    await repo.commit({ "a.md": widget("1") });
    expect((await repo.push("main")).accepted).toBe(true);
    expect(sent().map(({ path, changed }) => [path, changed])).toEqual([
      [".gitstore/deep/x.yml", false],
      [".gitstore/widgets.yaml", false],
      ["a.md", true],
    ]);
    await repo.commit({ "a.md": widget("large") });
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(false);
    expect(remote[0]).toMatch(/^a\.md:7:9: .*large/);
  });

  test("a push's own custom kind counts", async () => {
    await repo.commit({ ".gitstore/widgets.yaml": definition, "a.md": widget("1") });
    expect(await repo.push("main")).toEqual({ accepted: true, remote: [] });
  });
});

describe("who pushes", () => {
  beforeEach(() => repo.install(server.url));

  test.each<[string, Record<string, string>, string | null]>([
    ["REMOTE_USER first", { REMOTE_USER: "ada", GL_USERNAME: "bob", USER: "git" }, "ada"],
    ["then GL_USERNAME", { REMOTE_USER: "", GL_USERNAME: "bob", USER: "git" }, "bob"],
    ["then USER", { USER: "git" }, "git"],
    ["nobody where none is set", {}, null],
    ["on one line", { REMOTE_USER: "ada\nfinal 1" }, "adafinal 1"],
  ])("%s", async (_, env, actor) => {
    repo.env = env;
    await repo.commit({ "a.md": "x" });
    await repo.push("main");
    expect(server.parts[0]?.actor).toBe(actor);
  });

  test("one who is not among spec.pushers is refused", async () => {
    server.policy = { ...server.policy, pushers: ["ada"] };
    await repo.commit({ "a.md": "x" });
    repo.env = { REMOTE_USER: "mallory" };
    expect(await repo.push("main")).toEqual({
      accepted: false,
      remote: [
        '"mallory" may not push to refs/heads/main: spec.pushers of the Repository does not name this user',
        "    hint: ask an operator to add the user to spec.pushers",
        "gitstore: push refused: 1 error, 0 of 0 changed files checked; nothing was changed",
      ],
    });
    expect((await repo.push("main:feature")).accepted).toBe(true);
    repo.env = { REMOTE_USER: "ada" };
    expect((await repo.push("main")).accepted).toBe(true);
  });
});

describe("a hook that was there before", () => {
  test("runs first, with what git gave it, and its success goes on to ours", async () => {
    await repo.hook("pre-receive", 'cat >"$GIT_DIR/seen"; echo "theirs says hello"');
    await repo.install(server.url);
    const commit = await repo.commit({ "a.md": "x" });
    expect(await repo.push("main")).toEqual({ accepted: true, remote: ["theirs says hello"] });
    expect(await fs.readFile(join(repo.bare, "seen"), "utf8")).toBe(`${"0".repeat(40)} ${commit} refs/heads/main\n`);
    expect(server.parts).toHaveLength(1);
  });

  test("refuses as before, and then nothing is sent", async () => {
    await repo.hook("pre-receive", 'echo "not on a Friday" >&2; exit 3');
    await repo.install(server.url);
    await repo.commit({ "a.md": "x" });
    expect(await repo.push("main")).toEqual({ accepted: false, remote: ["not on a Friday"] });
    expect(server.received).toEqual([]);
    await repo.settled();
  });

  test("that git would not run, since it is not executable, is not run", async () => {
    await repo.hook("pre-receive", "exit 1");
    await fs.chmod(join(repo.hooks, "pre-receive"), 0o644);
    await repo.install(server.url);
    await repo.commit({ "a.md": "x" });
    expect((await repo.push("main")).accepted).toBe(true);
  });

  test("stays chained when ours is installed again", async () => {
    await repo.hook("pre-receive", 'echo "theirs"');
    await repo.install(server.url);
    await repo.install(server.url, { failOpen: true });
    await repo.commit({ "a.md": "x" });
    expect(await repo.push("main")).toEqual({ accepted: true, remote: ["theirs"] });
  });
});

describe("a push that cannot be checked", () => {
  const wayRound = [
    "gitstore:   Push again once it answers. To let pushes through unchecked meanwhile, on the Git server run:",
    "gitstore:   gitstorectl hooks install DIR acme/catalog --fail-open",
  ];
  beforeEach(() => repo.commit({ "a.md": "x" }));

  test("is refused where nothing answers, with the URL, the reason and the way round", async () => {
    await repo.install("http://127.0.0.1:1");
    expect(await repo.push("main")).toEqual({
      accepted: false,
      remote: [
        "gitstore: this push could not be checked, and is refused",
        expect.stringMatching(
          /^gitstore: {3}http:\/\/127\.0\.0\.1:1\/hooks\/acme\/catalog\/pre-receive: curl: \(7\) .*(refused|connect)/,
        ),
        ...wayRound,
      ],
    });
  });

  test("passes with --fail-open, with a warning", async () => {
    await repo.install("http://127.0.0.1:1", { failOpen: true });
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(true);
    expect(remote).toEqual([
      "gitstore: warning: this push was not checked, and is let through (--fail-open)",
      expect.stringMatching(/pre-receive: curl: \(7\)/),
    ]);
  });

  test("is refused where the server fails, with what it said", async () => {
    await repo.install(server.url);
    server.reply = () => ({ status: 503, body: '{"message":"try\u0007 later"}' });
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(false);
    expect(remote[1]).toBe(
      `gitstore:   ${server.url}/hooks/acme/catalog/pre-receive: HTTP 503 {"message":"try later"}`,
    );
    expect(remote.slice(2)).toEqual(wayRound);
  });

  test("is refused where the secret is another one", async () => {
    await repo.install(server.url, { secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDczc1y2Ba" });
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(false);
    expect(remote[1]).toMatch(/HTTP 401 .*matches none of this repository's secrets/);
  });

  test.each([
    ["<html>a proxy's page</html>", 200],
    ['{"allowed":"perhaps"}', 200],
    ["", 200],
    ["", 202],
  ])("is refused where the answer is %j with %i", async (body, status) => {
    await repo.install(server.url);
    server.reply = () => ({ status, body });
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(false);
    expect(remote[1]).toContain(`HTTP ${status}`);
    await repo.settled();
  });

  test("is refused where there is no place for temporary files", async () => {
    await repo.install(server.url);
    repo.env = { TMPDIR: join(repo.root, "nowhere") };
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(false);
    expect(remote).toContain(
      `gitstore:   ${server.url}/hooks/acme/catalog/pre-receive: mktemp -d failed on the Git server`,
    );
  });

  test("never passes the hook that was there before, with --fail-open either", async () => {
    await repo.hook("pre-receive", 'cat >&2; echo "not on a Friday" >&2; exit 3');
    await repo.install(server.url, { failOpen: true });
    repo.env = { TMPDIR: join(repo.root, "nowhere") };
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(false);
    expect(remote.slice(-2)).toEqual([expect.stringMatching(/ refs\/heads\/main$/), "not on a Friday"]);
  });

  test("is refused where the secret cannot be read", async () => {
    await repo.install(server.url);
    await fs.rm(join(repo.hooks, "gitstore.secret"));
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(false);
    expect(remote[1]).toMatch(/cannot read .*hooks\/gitstore\.secret/);
    expect(server.received).toEqual([]);
  });
});

describe("a large push", () => {
  beforeEach(() => repo.install(server.url));
  const files = (count: number, size = 10) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}.md`, `${i}`.padEnd(size, "x")]));

  test("comes in parts of one push id, the last one marked, and is judged as a whole", async () => {
    await repo.edit("pre-receive", /^part_bytes=\d+$/m, "part_bytes=2000");
    await repo.commit({ ...files(12, 400), "a.md": product("same"), "z.md": product("same") });
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(false);
    expect(remote[0]).toMatch(/^a\.md:5:9: Product "same" is in a\.md and z\.md/);
    expect(remote.at(-1)).toContain("14 of 14 changed files checked");
    const parts = server.parts;
    expect(parts.length).toBeGreaterThan(2);
    expect(new Set(parts.map(({ pushId }) => pushId)).size).toBe(1);
    expect(parts.map(({ part }) => part)).toEqual(parts.map((_, i) => i + 1));
    expect(parts.map(({ final }) => final)).toEqual(parts.map((_, i) => i === parts.length - 1));
    expect(parts.slice(1).flatMap(({ updates }) => updates)).toEqual([]);
    expect(changedPaths()).toHaveLength(14);
  });

  test("past the number of files leaves the rest to admission, and says so", async () => {
    await repo.edit("pre-receive", /^push_files=\d+$/m, "push_files=3");
    await repo.commit(files(5));
    expect(await repo.push("main")).toEqual({
      accepted: true,
      remote: ["gitstore: checked 3 of 5 changed files; the rest is left to admission"],
    });
  });

  test("past the bytes leaves the rest to admission, and says so", async () => {
    await repo.edit("pre-receive", /^push_bytes=\d+$/m, "push_bytes=1000");
    await repo.commit(files(5, 400));
    expect(await repo.push("main")).toEqual({
      accepted: true,
      remote: ["gitstore: checked 2 of 5 changed files; the rest is left to admission"],
    });
  });

  test("with a file far over the limit of one leaves that to admission", async () => {
    await repo.edit("pre-receive", /^file_bytes=\d+$/m, "file_bytes=1000");
    await repo.commit({ ...files(1), "huge.md": "x".repeat(1001) });
    const { remote } = await repo.push("main");
    expect(remote).toEqual(["gitstore: checked 1 of 2 changed files; the rest is left to admission"]);
  });

  test("past the time sends no further files, ends the push, and says so", async () => {
    await repo.edit("pre-receive", /^part_bytes=\d+$/m, "part_bytes=1500");
    await repo.edit("pre-receive", /^push_seconds=\d+$/m, "push_seconds=0");
    await repo.commit(files(6, 400));
    expect(await repo.push("main")).toEqual({
      accepted: true,
      remote: ["gitstore: checked 2 of 6 changed files; the rest is left to admission"],
    });
    expect(server.parts.map(({ files, final, left }) => [files.length, final, left])).toEqual([
      [2, false, 0],
      [0, true, 4],
    ]);
  });

  test("past the time looks at no further refs, and says so", async () => {
    await repo.edit("pre-receive", /^push_seconds=\d+$/m, "push_seconds=0");
    await repo.commit({ "a.md": "x" });
    await repo.git("branch", "draft");
    const { accepted, remote } = await repo.push("main", "draft");
    expect(accepted).toBe(true);
    expect(remote).toEqual(["gitstore: 1 of 2 refs were not looked at within 0 s; they are left to admission"]);
  });

  test("of more refs than can be asked about is refused", async () => {
    await repo.edit("pre-receive", /^push_refs=\d+$/m, "push_refs=1");
    await repo.commit({ "a.md": "x" });
    expect(await repo.push("main", "main:draft")).toEqual({
      accepted: false,
      remote: ["gitstore: this push moves 2 refs; at most 1 can be checked: push fewer at a time"],
    });
  });

  test("whose first parts were forgotten is sent once more, from the first", async () => {
    await repo.edit("pre-receive", /^part_bytes=\d+$/m, "part_bytes=1500");
    let forgotten = false;
    server.reply = ({ part }) => {
      if (part?.part !== 2 || forgotten) return undefined;
      forgotten = true;
      return { status: 409, body: "{}" };
    };
    await repo.commit(files(4, 400));
    expect(await repo.push("main")).toEqual({ accepted: true, remote: [] });
    expect(server.parts.map(({ part }) => part)).toEqual([1, 2, 1, 2]);
  });

  test("whose parts are forgotten again and again is refused", async () => {
    server.reply = ({ part }) => part && { status: 409, body: "{}" };
    await repo.commit(files(1));
    const { accepted, remote } = await repo.push("main");
    expect(accepted).toBe(false);
    expect(remote[1]).toContain("HTTP 409: the parts of this push were forgotten twice");
    expect(server.parts).toHaveLength(2);
  });

  test("that no pattern matches is decided by its first part", async () => {
    await repo.edit("pre-receive", /^part_bytes=\d+$/m, "part_bytes=1500");
    await repo.commit({ ...files(4, 400), "bad.md": product("hat").replace("title", "tilte") });
    expect(await repo.push("main:feature/x")).toEqual({ accepted: true, remote: [] });
    expect(server.parts.map(({ part, final }) => [part, final])).toEqual([[1, false]]);
  });
});

test("the key is never an argument of a command, and the file with it is only the owner's", async () => {
  await repo.install(server.url);
  const bin = join(repo.root, "bin");
  await fs.mkdir(bin);
  for (const tool of ["openssl", "curl"]) {
    const script = `#!/bin/sh\nprintf '%s\\n' "${tool} $*" >>'${repo.root}/arguments'\nexec /usr/bin/${tool} "$@"\n`;
    await fs.writeFile(join(bin, tool), script, { mode: 0o755 });
  }
  repo.env.PATH = `${bin}:${process.env.PATH}`;
  await repo.commit({ "a.md": "x" });
  expect((await repo.push("main")).accepted).toBe(true);
  const seen = await fs.readFile(join(repo.root, "arguments"), "utf8");
  expect(seen).toMatch(/^openssl dgst -sha256 -binary$/m);
  const key = Buffer.from(SECRET.slice("whsec_".length), "base64");
  for (const form of [SECRET.slice("whsec_".length), key.toString("hex"), key.toString("latin1")]) {
    expect(seen.toLowerCase()).not.toContain(form.toLowerCase());
  }
  expect((await fs.stat(join(repo.hooks, "gitstore.secret"))).mode & 0o777).toBe(0o600);
  expect(await fs.readFile(join(repo.hooks, "pre-receive"), "utf8")).not.toContain("ipad='");
});
