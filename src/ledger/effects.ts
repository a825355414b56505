import { NAMESPACE, REPOSITORY } from "./kinds.ts";
import type { Store } from "./store.ts";

export interface Effect {
  id: number;
  kind: string;
  name: string;
  uid: string;
  action: string;
  attempts: number;
}

/** Carries an effect out; idempotent, because it is repeated until it reports success. */
export type RunEffect = (effect: Effect) => Promise<boolean>;

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 5 * 60_000;

/** Runs what is due, in order. Returns when the next one is, ms; undefined when nothing is left. */
export async function drainEffects(store: Store, run: RunEffect): Promise<number | undefined> {
  const rows = store.storage.sql
    .exec<{ id: number; kind: string; name: string; uid: string; action: string; attempts: number }>(
      "SELECT id, kind, name, uid, action, attempts FROM effects WHERE due <= ? ORDER BY id LIMIT 50",
      store.clock(),
    )
    .toArray();
  for (const effect of rows) {
    let done = false;
    try {
      done = await run(effect);
    } catch {
      done = false;
    }
    if (done) store.storage.sql.exec("DELETE FROM effects WHERE id = ?", effect.id);
    else {
      const wait = Math.min(FIRST_RETRY_MS * 2 ** effect.attempts, LAST_RETRY_MS);
      store.storage.sql.exec(
        "UPDATE effects SET attempts = attempts + 1, due = ? WHERE id = ?",
        store.clock() + wait,
        effect.id,
      );
    }
  }
  return (
    store.storage.sql.exec<{ due: number | null }>("SELECT min(due) AS due FROM effects").toArray()[0]?.due ?? undefined
  );
}

/** The objects that effects reach, as the ledger sees them; wired to the bindings by the Durable Object. */
export interface EffectTargets {
  openNamespace(name: string, uid: string): Promise<boolean>;
  closeNamespace(name: string): Promise<boolean>;
  reconcileRepository(namespace: string, name: string, uid: string): Promise<boolean>;
  removeRepository(namespace: string, name: string): Promise<boolean>;
}

export function effectRunner(namespace: string, targets: EffectTargets): RunEffect {
  return async ({ kind, name, uid, action }) => {
    if (kind === NAMESPACE)
      return action === "deleted" ? targets.closeNamespace(name) : targets.openNamespace(name, uid);
    if (kind === REPOSITORY)
      return action === "deleted"
        ? targets.removeRepository(namespace, name)
        : targets.reconcileRepository(namespace, name, uid);
    return true;
  };
}
