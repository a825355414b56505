import { describe, expect, it } from "vitest";
import { authorizationFor, readCredentials } from "../../../../src/git/remote/credentials.ts";
import { GitRemoteError } from "../../../../src/git/remote/errors.ts";
import { checkRemoteUrl } from "../../../../src/git/remote/url.ts";

const code = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof GitRemoteError) return error.code;
    throw error;
  }
  return "allowed";
};

describe("a remote's url", () => {
  it.each([
    "https://github.com/acme/catalog.git",
    "https://git.example.co.uk:8443/x",
    "https://8.8.8.8/x",
    "https://[2606:4700::1111]/x",
  ])("%s is allowed", (url) => expect(code(() => checkRemoteUrl(url, { allowPrivate: false }))).toBe("allowed"));

  it.each([
    "http://github.com/acme/catalog.git",
    "ssh://git@github.com/acme/catalog.git",
    "file:///etc/passwd",
    "nonsense",
    "https://user:pass@github.com/x",
    "https://localhost/x",
    "https://localhost./x",
    "https://build-server/x",
    "https://git.internal/x",
    "https://printer.local/x",
    "https://127.0.0.1/x",
    "https://127.1/x",
    "https://2130706433/x",
    "https://0x7f.0.0.1/x",
    "https://10.1.2.3/x",
    "https://100.64.0.1/x",
    "https://169.254.169.254/latest/meta-data",
    "https://172.20.0.1/x",
    "https://192.168.1.1/x",
    "https://198.18.0.1/x",
    "https://224.0.0.1/x",
    "https://0.0.0.0/x",
    "https://[::1]/x",
    "https://[::]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[fd00::1]/x",
    "https://[fe80::1]/x",
    "https://[64:ff9b::7f00:1]/x",
    "https://[2002:7f00:1::]/x",
    "https://[2001::1]/x",
    "https://[2001:db8::1]/x",
  ])("%s is forbidden", (url) => expect(code(() => checkRemoteUrl(url, { allowPrivate: false }))).toBe("Forbidden"));

  it("may be http and private where the operator allows it, and hold no credentials even then", () => {
    expect(code(() => checkRemoteUrl("http://127.0.0.1:3000/x.git", { allowPrivate: true }))).toBe("allowed");
    expect(code(() => checkRemoteUrl("http://a:b@127.0.0.1:3000/x.git", { allowPrivate: true }))).toBe("Forbidden");
    expect(code(() => checkRemoteUrl("ftp://127.0.0.1/x.git", { allowPrivate: true }))).toBe("Forbidden");
  });
});

describe("credentials", () => {
  const secret = {
    username: "bot",
    password: "pässword",
    hosts: ["git.example.com", "git.example.com:8443"],
    namespaces: ["acme"],
  };
  const env = {
    GIT_CREDENTIALS_ACME: JSON.stringify(secret),
    TOKEN_SIGNING_KEY: JSON.stringify(secret),
    GIT_CREDENTIALS_BAD: "{}",
    GIT_CREDENTIALS_TEXT: "x",
  };

  it.each(["TOKEN_SIGNING_KEY", "SEALING_KEY", "git_credentials_acme", "GIT_CREDENTIALS_ACME ", "__proto__"])(
    "of a secret named %s are forbidden",
    (name) => expect(code(() => readCredentials(env, name, "acme"))).toBe("Forbidden"),
  );

  it("are for the namespaces that the secret lists", () => {
    expect(code(() => readCredentials(env, "GIT_CREDENTIALS_ACME", "other"))).toBe("Forbidden");
    expect(readCredentials(env, "GIT_CREDENTIALS_ACME", "acme").username).toBe("bot");
  });

  it.each(["GIT_CREDENTIALS_NONE", "GIT_CREDENTIALS_BAD", "GIT_CREDENTIALS_TEXT"])(
    "that are missing or malformed (%s) are told by name",
    (name) => {
      expect(code(() => readCredentials(env, name, "acme"))).toBe("Unauthorized");
      expect(() => readCredentials(env, name, "acme")).toThrow(name);
    },
  );

  it("go to the hosts that the secret lists, port and all, in UTF-8", () => {
    const credentials = readCredentials(env, "GIT_CREDENTIALS_ACME", "acme");
    const to = (url: string) => authorizationFor(credentials, new URL(url));
    expect(to("https://git.example.com/x")).toBe(`Basic ${Buffer.from("bot:pässword").toString("base64")}`);
    expect(to("https://git.example.com:8443/x")).not.toBeNull();
    expect(to("https://git.example.com:9000/x")).toBeNull();
    expect(to("https://evil.example.com/x")).toBeNull();
    expect(to("https://git.example.com.evil.com/x")).toBeNull();
    expect(authorizationFor(null, new URL("https://git.example.com/x"))).toBeNull();
  });
});
