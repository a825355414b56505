import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { catalogFiles } from "./support/catalog.ts";
import { GitServer, Repository } from "./support/gitServer.ts";

let root: string;
let server: GitServer;
let clone: Repository;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "git-server-"));
  server = await GitServer.start({ root: join(root, "remotes"), users: { alice: "a password" } });
  clone = await Repository.create(join(root, "clone"));
  await clone.commit(catalogFiles({ products: 3 }), "Import");
});
afterEach(async () => {
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

describe("the Git server of the tests and the demo", () => {
  it("takes a push from a user it knows, and tells hooks who that is", async () => {
    const remote = await server.create("catalog");
    const hook = join(remote.dir, "hooks/pre-receive");
    writeFileSync(hook, '#!/bin/sh\necho "pushed by $REMOTE_USER" >&2\n');
    chmodSync(hook, 0o755);
    const { stderr } = await clone.gitOutput("push", server.url("catalog", "alice"), "main");
    expect(stderr).toContain("remote: pushed by alice");
    expect(await remote.tip("refs/heads/main")).toBe(await clone.tip("refs/heads/main"));
  });

  it("refuses a push without a user, and one with another password, and still lets everyone read", async () => {
    const remote = await server.create("catalog");
    await expect(clone.git("push", server.url("catalog"), "main")).rejects.toThrow("could not read Username");
    const wrong = server.url("catalog", "alice").replace("a%20password", "guessed");
    await expect(clone.git("push", wrong, "main")).rejects.toThrow("Authentication failed");
    expect(await remote.tip("refs/heads/main")).toBeNull();
    expect(await clone.git("ls-remote", server.url("catalog"))).toBe("");
  });

  it("answers 404 for a repository it does not have, and whatever an outage is set to", async () => {
    await expect(clone.git("ls-remote", server.url("nothing"))).rejects.toThrow("not found");
    await server.create("catalog");
    server.failWith = 503;
    await expect(clone.git("ls-remote", server.url("catalog"))).rejects.toThrow("503");
    expect(server.requests.at(-1)).toMatchObject({ method: "GET", status: 503 });
  });
});
