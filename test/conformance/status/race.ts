/** "Of two writers with the same precondition exactly one wins and the other gets one conflict, however they overlap." */
import assert from "node:assert/strict";
import { condition } from "./support.ts";
import type { Answer, StatusTransport, StatusWorld, Writer } from "./types.ts";

export const WRITERS = 50;

/**
 * Fifty writers, each a manager of its own with a condition of its own, so that nothing but the precondition stands
 * between them. All wait behind one barrier; `transports` take turns among them.
 */
export async function race(t: StatusWorld, transports: readonly StatusTransport[], name: string): Promise<void> {
  const made = await t.make(name);
  const { resourceVersion } = made.metadata;
  const writers = Array.from({ length: WRITERS }, (_, index) => ({
    writer: { sub: `serviceaccount:acme:w${index}`, may: "status" } satisfies Writer,
    transport: transports[index % transports.length],
    type: `Writer${index}`,
  }));
  const head = await t.head();
  let open: () => void = () => undefined;
  const barrier = new Promise<void>((resolve) => {
    open = resolve;
  });
  const racing = writers.map(async ({ writer, transport, type }): Promise<Answer | undefined> => {
    await barrier;
    const status = { conditions: [condition(type)] };
    return await transport?.write(writer, { name, resourceVersion, read: made, status });
  });
  open();
  const answers = await Promise.all(racing);
  const winners = writers.filter((_, index) => answers[index]?.outcome === "accepted");
  assert.equal(
    winners.length,
    1,
    `one wins: ${JSON.stringify(answers.filter((answer) => answer?.outcome === "accepted"))}`,
  );
  const now = await t.read(name);
  assert.equal(now.metadata.resourceVersion, String(head + 1), "one RV is taken");
  assert.equal(await t.head(), head + 1);
  const brought = now.status.conditions.filter(({ type }) => type.startsWith("Writer")).map(({ type }) => type);
  assert.deepEqual(brought, [winners[0]?.type], "what is stored is the winner's");
  for (const answer of answers) {
    if (answer?.outcome === "accepted") {
      assert.equal(answer.object.metadata.resourceVersion, String(head + 1));
      continue;
    }
    assert.equal(answer?.outcome, "conflict", JSON.stringify(answer));
    if (answer?.outcome !== "conflict") continue;
    const { reason, currentResourceVersion, expected, retryable } = answer.conflict;
    assert.deepEqual(
      { reason, currentResourceVersion, expected, retryable },
      {
        reason: "STALE_RESOURCE_VERSION",
        currentResourceVersion: String(head + 1),
        expected: resourceVersion,
        retryable: true,
      },
    );
  }
}
