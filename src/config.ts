/** Bindings, vars and secrets, read once and validated with every mistake named. */
import type { LedgerStub } from "./ledger/api.ts";

export interface Env {
  LEDGER: DurableObjectNamespace;
  REPOSITORY: DurableObjectNamespace;
  REPLAY: D1Database;
  TOKEN_SIGNING_KEY: string;
  SEALING_KEY: string;
  [name: string]: unknown;
}

/** The stub of a namespace's ledger. The name alone addresses it; an unopened one answers NoNamespace. */
export function ledgerOf(env: Pick<Env, "LEDGER">, namespace: string): LedgerStub {
  return env.LEDGER.get(env.LEDGER.idFromName(namespace)) as unknown as LedgerStub;
}
