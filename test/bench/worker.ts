/**
 * The Worker under benchmark: the real one, and beside its routes a way to call a ledger as the repository objects do,
 * by RPC. Nothing of it is ever deployed.
 */
import { type Env, ledgerOf } from "../../src/config.ts";
import { createApp } from "../../src/http/app.ts";
import type { ApiWrite, LedgerStub, PushChunk } from "../../src/ledger/api.ts";

export { RepositoryObject } from "../../src/git/repository.ts";
export { Ledger } from "../../src/watch/ledger.ts";

const app = createApp();

/** Ops that the routes below allow. */
type Call =
  | { call: "write"; write: ApiWrite }
  | { call: "applyPush"; chunk: PushChunk }
  | { call: "stats" }
  /** As many writes as `writes` has, `width` at a time: what a ledger takes without HTTP in front of it. */
  | { call: "writes"; writes: ApiWrite[]; width: number };

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const namespace = /^\/bench\/([^/]+)$/.exec(new URL(request.url).pathname)?.[1];
    if (namespace === undefined) return await app.fetch(request, env, ctx);
    return Response.json(await answer(ledgerOf(env, namespace), (await request.json()) as Call));
  },
};

async function answer(ledger: LedgerStub, call: Call): Promise<unknown> {
  switch (call.call) {
    case "write":
      return await ledger.write(call.write);
    case "applyPush":
      return await ledger.applyPush(call.chunk);
    case "stats":
      return await ledger.stats();
    case "writes":
      return await writeAll(ledger, call.writes, call.width);
  }
}

async function writeAll(ledger: LedgerStub, writes: ApiWrite[], width: number): Promise<{ refused: number }> {
  let next = 0;
  let refused = 0;
  const lane = async () => {
    for (let write = writes[next++]; write !== undefined; write = writes[next++]) {
      if (!(await ledger.write(write)).ok) refused += 1;
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return { refused };
}
