/** What every write needs: the kind, its ledger, who writes, and whether for real. */
import type { Identity } from "../auth/identity.ts";
import type { ApiWrite, LedgerStub, Result, Written } from "../ledger/api.ts";
import type { KindDef } from "../resource/kind.ts";
import type { AppContext } from "./context.ts";
import { kindName } from "./status.ts";
import { writerOf } from "./watchers.ts";

export interface WriteTarget {
  c: AppContext;
  kind: KindDef;
  /** The ledger's name, as messages call it. */
  namespace: string;
  ledger: LedgerStub;
  identity: Identity;
  query: URLSearchParams;
  dryRun: boolean;
}

export type WriteRequest = Pick<ApiWrite, "operation" | "name" | "resource" | "precondition" | "idempotency">;

export async function write(
  { c, ledger, kind, identity, dryRun }: WriteTarget,
  request: WriteRequest,
): Promise<Result<Written>> {
  const watcher = writerOf(c.req.raw, identity.sub);
  const options = { ...(dryRun ? { dryRun } : {}), ...(watcher ? { watcher } : {}) };
  return await ledger.write({ ...request, kind: kind.key, actor: identity.sub, ...options });
}

export function about({ namespace, kind }: Pick<WriteTarget, "namespace" | "kind">) {
  return { namespace, kind: kindName(kind) };
}
