/** The Worker under the fault campaign: the one of the worker tests, whose objects can also be killed and starved. */
import type { Env } from "../../src/config.ts";
import type { Faults } from "../../src/ledger/sql.ts";
import type { Watching } from "../../src/ledger/watching.ts";
import type { Window } from "../../src/ledger/window.ts";
import { Ledger as TestLedger } from "../worker/entry.ts";
import { buggyWatch, buggyWindow } from "./stage/bugs.ts";
import { controlOf } from "./stage/control.ts";
import { unreliable } from "./stage/d1.ts";

export { RepositoryObject } from "../worker/entry.ts";

export class Ledger extends TestLedger {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    Object.assign(this.retention, controlOf(ctx.id.name ?? "").retention);
  }

  protected override faults(): Faults {
    const { ctx } = this;
    const name = ctx.id.name ?? "";
    return {
      hit: (point) =>
        controlOf(name).hit?.(point, {
          now: () => ctx.abort(`killed at ${point}`),
          afterSync: () => void ctx.storage.sync().then(() => ctx.abort(`killed after ${point}`)),
        }),
    };
  }

  protected override watch(): Watching {
    const { bug } = controlOf(this.ctx.id.name ?? "");
    return bug ? buggyWatch(super.watch(), bug) : super.watch();
  }

  protected override window(): Window {
    const name = this.ctx.id.name ?? "";
    const { bug } = controlOf(name);
    const window = super.window();
    return unreliable(bug ? buggyWindow(window, bug) : window, () => controlOf(name));
  }
}

export { default } from "../worker/entry.ts";
