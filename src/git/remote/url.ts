/**
 * Which remotes may be reached. A Repository's url comes from whoever may create one, so it must not become a way to
 * ask our network for things: https to a public host, unless the operator allows private Git servers.
 */
import { GitRemoteError } from "./errors.ts";

export interface UrlRules {
  /** `ALLOW_PRIVATE_GIT` is "true": http, loopback and private addresses too. */
  allowPrivate: boolean;
}

/** The URL of a remote without a trailing slash; throws `Forbidden` naming the rule that it breaks. */
export function checkRemoteUrl(text: string, rules: UrlRules): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new GitRemoteError("Forbidden", `${JSON.stringify(text)} is no URL: use https://host/path.git`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new GitRemoteError("Forbidden", "the url holds credentials: name a secret in spec.credentialsRef instead");
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && rules.allowPrivate)) {
    throw new GitRemoteError("Forbidden", `${url.protocol}// is not allowed: use https://`);
  }
  if (!rules.allowPrivate && isPrivateHost(url.hostname)) {
    throw new GitRemoteError(
      "Forbidden",
      `${url.hostname} is no public host: set ALLOW_PRIVATE_GIT to "true" to allow it`,
    );
  }
  url.hash = "";
  return url;
}

/** Literal private addresses and names that are never public. A public name may still resolve to a private address: */
/** that is for the platform's egress rules, for a Worker cannot see what a name resolves to. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  if (host.startsWith("[")) return isPrivateIpv6(host.slice(1, -1));
  const octets = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  if (octets !== null) return isPrivateIpv4(octets.slice(1).map(Number));
  if (!host.includes(".")) return true;
  return /\.(localhost|local|internal|intranet|lan|home|corp|private|test|invalid|home\.arpa)$/.test(host);
}

function isPrivateIpv4(octets: number[]): boolean {
  const [a = 0, b = 0, c = 0] = octets;
  if (a === 0 || a === 10 || a === 127 || a >= 224) return true;
  if (a === 100) return b >= 64 && b < 128;
  if (a === 169) return b === 254;
  if (a === 172) return b >= 16 && b < 32;
  if (a === 192) return b === 168 || (b === 0 && (c === 0 || c === 2)) || (b === 88 && c === 99);
  if (a === 198) return b === 18 || b === 19 || (b === 51 && c === 100);
  return a === 203 && b === 0 && c === 113;
}

/** Only global unicast (2000::/3) is public, less documentation, Teredo and 6to4, which may carry a private address. */
function isPrivateIpv6(address: string): boolean {
  const first = Number.parseInt(address.split(":")[0] || "0", 16);
  if (first < 0x2000 || first > 0x3fff) return true;
  return first === 0x2002 || /^2001:(0*:|db8:|:)/.test(address);
}
