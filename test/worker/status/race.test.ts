import assert from "node:assert/strict";
import { describe, expect, it } from "vitest";
import { CATEGORY, GADGET } from "../../conformance/status/kinds.ts";
import { race } from "../../conformance/status/race.ts";
import type { StatusTransport } from "../../conformance/status/types.ts";
import { graphql } from "./graphql.ts";
import { REST_FORMS, type RestForm, rest } from "./rest.ts";
import { socket } from "./socket.ts";
import { WorkerWorld } from "./world.ts";

/** For each transport, the four forms of REST together, and for all of them mixed. */
const ROUNDS = 100;

type Made = (world: WorkerWorld) => StatusTransport;
const EACH: [string, Made, number][] = [
  ...REST_FORMS.map((form: RestForm): [string, Made, number] => [
    form,
    (world) => rest(world, form),
    ROUNDS / REST_FORMS.length,
  ]),
  ["socket", socket, ROUNDS],
  ["GraphQL", graphql, ROUNDS],
];

async function rounds(world: WorkerWorld, transports: StatusTransport[], count: number): Promise<void> {
  const observation = await world.observe();
  for (let round = 0; round < count; round++) await race(world, transports, `race-${round}`);
  for (const [watch, events] of Object.entries(await observation.settle())) {
    for (let round = 0; round < count; round++) {
      const told = events.filter(({ name }) => name === `race-${round}`).map(({ type }) => type);
      assert.deepEqual(told, ["ADDED", "MODIFIED"], `${watch}, round ${round}`);
    }
  }
}

describe("50 overlapping writers with one precondition: one wins, 49 get a conflict, and watchers see one MODIFIED", () => {
  it.each(EACH)("over %s", { timeout: 300_000 }, async (_, made, count) => {
    const world = await WorkerWorld.open(CATEGORY, made);
    await rounds(world, [world.transport], count);
  });

  it("over all of them mixed, for a custom kind", { timeout: 300_000 }, async () => {
    const world = await WorkerWorld.open(GADGET, socket);
    const transports = EACH.map(([, made]) => made(world));
    expect(transports).toHaveLength(6);
    await rounds(world, transports, ROUNDS);
  });
});
