/** The Worker under test: the real one, with named fault points, a failing D1 and a movable clock where a test asks. */
import type { EffectTargets } from "../../src/ledger/effects.ts";
import type { Faults } from "../../src/ledger/sql.ts";
import type { Window } from "../../src/ledger/window.ts";
import { Ledger as RealLedger } from "../../src/watch/ledger.ts";
import { controlsOf, faultyWindow } from "./support/controls.ts";

export { RepositoryObject } from "../../src/git/repository.ts";

export class Ledger extends RealLedger {
  protected override faults(): Faults {
    const name = this.ctx.id.name ?? "";
    return { hit: (point) => controlsOf(name).hit?.(point) };
  }

  protected override window(): Window {
    const name = this.ctx.id.name ?? "";
    return faultyWindow(super.window(), () => controlsOf(name));
  }

  /** A ledger under test alone does not wake the repository object, whose observations would take RVs of their own. */
  protected override targets(): EffectTargets {
    const real = super.targets();
    const isolated = (): boolean => controlsOf(this.ctx.id.name ?? "").alone === true;
    return {
      ...real,
      reconcileRepository: async (...args) => isolated() || real.reconcileRepository(...args),
      removeRepository: async (...args) => isolated() || real.removeRepository(...args),
    };
  }

  protected override now(): number {
    return Date.now() + (controlsOf(this.ctx.id.name ?? "").clockAheadMs ?? 0);
  }
}

export { default } from "../../src/worker.ts";
