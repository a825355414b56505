/** Runs every row over one transport and one kind. */
import { describe, it } from "vitest";
import { ROWS } from "./rows/index.ts";
import type { StatusTransport, StatusWorld } from "./types.ts";

/** `world` is made once, before the first row; each row works on objects of its own. */
export function describeStatus(
  title: string,
  traits: StatusTransport["traits"],
  world: () => Promise<StatusWorld> | StatusWorld,
): void {
  describe(title, () => {
    let made: Promise<StatusWorld> | undefined;
    const rows = ROWS.filter(
      ({ needs = [], without }) =>
        needs.every((trait) => traits.has(trait)) && (without === undefined || !traits.has(without)),
    );
    for (const [index, row] of rows.entries()) {
      it(`${row.rule}: ${row.title}`, async () => {
        made ??= Promise.resolve(world());
        await row.run(await made, `row-${index}`);
      });
    }
  });
}
