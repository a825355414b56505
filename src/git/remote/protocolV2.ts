/** Requests and responses of Git's wire protocol version 2. Source: gitprotocol-v2(5), gitprotocol-http(5). */
import { GitRemoteError } from "./errors.ts";
import { DELIMITER, FLUSH, type Packet, packetText, pktLine } from "./pktLine.ts";

/** Capability name → its value (`ls-refs` → `unborn`, `fetch` → `shallow filter`), `""` where it has none. */
export type Capabilities = ReadonlyMap<string, string>;

export interface RemoteRef {
  /** `refs/heads/main`. */
  name: string;
  oid: string;
  /** What an annotated tag points to, through every tag on the way; null for everything else. */
  peeled: string | null;
}

export interface RefList {
  /** The ref that HEAD is a symbolic ref to; null where the remote tells none. */
  head: string | null;
  refs: RemoteRef[];
}

export interface FetchRequest {
  wants: readonly string[];
  /** Commits we know. What they reach is not sent. */
  haves?: readonly string[];
  /** Commits of history to send; 1 is the wanted commit alone. */
  depth?: number;
  /** Sent only where the server advertises filters. */
  filter?: "tree:0" | "blob:none";
}

const OID = /^[0-9a-f]{40}$/;

/** Reads the advertisement that `GET …/info/refs` answers with. A server that answers in version 0 or 1 is refused. */
export async function readCapabilities(packets: AsyncIterable<Packet>): Promise<Capabilities> {
  const capabilities = new Map<string, string>();
  let seenVersion = false;
  for await (const packet of packets) {
    if (packet.type !== "data") {
      if (seenVersion) break;
      continue;
    }
    const line = packetText(packet.data);
    if (line.startsWith("ERR ")) throw serverError(line.slice(4));
    if (!seenVersion && line.startsWith("# service=")) continue;
    if (!seenVersion) {
      if (line !== "version 2") {
        throw new GitRemoteError(
          "BadResponse",
          `the server speaks an older Git protocol (it began with ${JSON.stringify(line.slice(0, 60))}): version 2 is needed, which Git has served by default since 2.26`,
        );
      }
      seenVersion = true;
      continue;
    }
    const equals = line.indexOf("=");
    capabilities.set(equals < 0 ? line : line.slice(0, equals), equals < 0 ? "" : line.slice(equals + 1));
  }
  if (!seenVersion) throw new GitRemoteError("BadResponse", "the server advertised nothing: not a smart Git server?");
  const format = capabilities.get("object-format") ?? "sha1";
  if (format !== "sha1")
    throw new GitRemoteError("BadResponse", `the repository uses ${format} ids: only sha1 is supported`);
  for (const command of ["ls-refs", "fetch"]) {
    if (!capabilities.has(command)) throw new GitRemoteError("BadResponse", `the server does not offer ${command}`);
  }
  return capabilities;
}

export function supportsFilter(capabilities: Capabilities): boolean {
  return (capabilities.get("fetch") ?? "").split(" ").includes("filter");
}

function head(command: string, capabilities: Capabilities): string {
  const agent = capabilities.has("agent") ? pktLine("agent=gitstore-edge") : "";
  const format = capabilities.has("object-format") ? pktLine("object-format=sha1") : "";
  return pktLine(`command=${command}`) + agent + format + DELIMITER;
}

export function lsRefsRequest(prefixes: readonly string[], capabilities: Capabilities): string {
  const lines = ["peel", "symrefs", ...prefixes.map((prefix) => `ref-prefix ${prefix}`)];
  return head("ls-refs", capabilities) + lines.map(pktLine).join("") + FLUSH;
}

export async function readRefs(packets: AsyncIterable<Packet>): Promise<RefList> {
  const list: RefList = { head: null, refs: [] };
  for await (const packet of packets) {
    if (packet.type !== "data") break;
    const line = packetText(packet.data);
    if (line.startsWith("ERR ")) throw serverError(line.slice(4));
    const [oid = "", name = "", ...attributes] = line.split(" ");
    if (oid === "unborn") continue;
    if (!OID.test(oid) || name === "") {
      throw new GitRemoteError("BadResponse", `${JSON.stringify(line.slice(0, 100))} is no line of a ref listing`);
    }
    const value = (key: string) => attributes.find((a) => a.startsWith(`${key}:`))?.slice(key.length + 1);
    if (name === "HEAD") {
      list.head = value("symref-target") ?? null;
      continue;
    }
    const peeled = value("peeled");
    list.refs.push({ name, oid, peeled: peeled !== undefined && OID.test(peeled) ? peeled : null });
  }
  return list;
}

/** `done` ends the negotiation: the server then answers with the pack at once, whatever of the haves it knows. */
export function fetchRequest(request: FetchRequest, done: boolean, capabilities: Capabilities): string {
  const lines = ["ofs-delta", "no-progress", ...request.wants.map((oid) => `want ${oid}`)];
  for (const oid of request.haves ?? []) lines.push(`have ${oid}`);
  if (request.depth !== undefined) lines.push(`deepen ${request.depth}`);
  if (request.filter !== undefined && supportsFilter(capabilities)) lines.push(`filter ${request.filter}`);
  if (done) lines.push("done");
  return head("fetch", capabilities) + lines.map(pktLine).join("") + FLUSH;
}

export interface FetchResponse {
  /** Of our haves, those that the server has. */
  common: string[];
  /** Null where the server answered with acknowledgements only and waits for more haves, or `done`. */
  pack: Uint8Array[] | null;
}

/** Reads a fetch response, calling `onPack` with each piece of the pack so that limits end a fetch while it streams. */
export async function readFetchResponse(
  packets: AsyncIterable<Packet>,
  onPack: (bytes: Uint8Array) => void,
): Promise<FetchResponse> {
  const response: FetchResponse = { common: [], pack: null };
  let section: string | null = null;
  for await (const packet of packets) {
    if (packet.type === "delimiter") {
      section = null;
      continue;
    }
    if (packet.type !== "data") break;
    if (section === "packfile") {
      const band = packet.data[0];
      if (band === 1) {
        const bytes = packet.data.slice(1);
        onPack(bytes);
        response.pack?.push(bytes);
      } else if (band === 3) throw serverError(packetText(packet.data.subarray(1)));
      continue;
    }
    const line = packetText(packet.data);
    if (line.startsWith("ERR ")) throw serverError(line.slice(4));
    if (section === null) {
      section = line;
      if (section === "packfile") response.pack = [];
    } else if (section === "acknowledgments" && line.startsWith("ACK ")) response.common.push(line.slice(4, 44));
  }
  return response;
}

function serverError(message: string): GitRemoteError {
  const text = message.trim().slice(0, 300);
  const missing = /not our ref|missing|bad object|could not find|unable to (read|parse)/i.test(text);
  return new GitRemoteError(missing ? "ObjectNotFound" : "BadResponse", `the Git server says: ${text}`);
}
