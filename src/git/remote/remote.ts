/** A Git remote as the rest of the project sees it: what refs it has, and objects by id. */
import { GitRemoteError } from "./errors.ts";
import { type HttpOptions, SmartHttp } from "./http.ts";
import type { ObjectStore } from "./objects.ts";
import { decodePack, type PackLimits } from "./pack.ts";
import { concat, readPackets } from "./pktLine.ts";
import {
  type Capabilities,
  type FetchRequest,
  fetchRequest,
  lsRefsRequest,
  type RefList,
  readCapabilities,
  readFetchResponse,
  readRefs,
  supportsFilter,
} from "./protocolV2.ts";

export type { FetchRequest, RefList, RemoteRef } from "./protocolV2.ts";

export interface GitRemote {
  /** Throws `GitRemoteError`. */
  listRefs(options: { prefixes: string[] }): Promise<RefList>;
  /**
   * Objects that the wants reach and the haves do not. Where haves are given and the server has none of them, nothing
   * is fetched and `common` is empty: it would have sent the whole history. Throws `GitRemoteError`.
   */
  fetch(request: FetchRequest): Promise<ObjectStore>;
  /** Whether a fetch's `filter` is honoured; without it a filtered fetch brings everything. */
  supportsFilter(): Promise<boolean>;
}

export interface RemoteOptions extends Omit<HttpOptions, "maxBytes"> {
  limits: PackLimits;
}

/** What pkt-lines and side bands add to a pack, and what acknowledgements may take, beyond the pack's own limit. */
const OVERHEAD_BYTES = 1_048_576;

/** A remote over HTTP(S). One instance is for one look: it asks for the server's capabilities once. */
export function httpRemote(options: RemoteOptions): GitRemote {
  const { limits } = options;
  const http = new SmartHttp({ ...options, maxBytes: limits.maxBytes + OVERHEAD_BYTES });
  let advertised: Promise<Capabilities> | undefined;
  const capabilities = () => {
    advertised ??= http.advertisement().then((body) => readCapabilities(readPackets(body)));
    return advertised;
  };

  const exchange = async (request: FetchRequest, done: boolean) => {
    let bytes = 0;
    const body = await http.uploadPack(fetchRequest(request, done, await capabilities()));
    return readFetchResponse(readPackets(body), (piece) => {
      bytes += piece.length;
      if (bytes > limits.maxBytes) {
        throw new GitRemoteError("FetchTooLarge", `the pack is over ${limits.maxBytes} bytes (GIT_FETCH_MAX_BYTES)`);
      }
    });
  };

  return {
    async listRefs({ prefixes }) {
      return readRefs(readPackets(await http.uploadPack(lsRefsRequest(prefixes, await capabilities()))));
    },

    async fetch(request) {
      if (request.wants.length === 0) return emptyStore([]);
      const haves = request.haves ?? [];
      // With haves the server is asked first whether it knows any of them; only then `done` makes it send.
      let response = await exchange(request, haves.length === 0);
      const common = response.common;
      if (response.pack === null) {
        if (haves.length === 0) throw new GitRemoteError("BadResponse", "the server sent no pack");
        if (common.length === 0) return emptyStore([]);
        response = await exchange(request, true);
        if (response.pack === null) throw new GitRemoteError("BadResponse", "the server sent no pack");
      }
      const pack = concat(response.pack);
      // So that the pieces and the whole are not both kept while it is unpacked.
      response.pack = null;
      const objects = decodePack(pack, limits);
      return { get: (oid) => objects.get(oid), size: objects.size, common };
    },

    async supportsFilter() {
      return supportsFilter(await capabilities());
    },
  };
}

export function emptyStore(common: readonly string[]): ObjectStore {
  return { get: () => undefined, size: 0, common };
}
