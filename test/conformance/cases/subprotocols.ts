/** What a WebSocket offers, what it is answered, and where it carries its token. */
import assert from "node:assert/strict";
import { collectionPath } from "../client/api.ts";
import { BEARER_PROTOCOL, PROTOCOL } from "../client/watch.ts";
import type { Case } from "../types.ts";
import { assertCloses, inTable } from "./support.ts";

const bearer = (token: string): string => `${BEARER_PROTOCOL}${Buffer.from(token).toString("base64url")}`;

export const subprotocols: Case[] = inTable("WebSocket subprotocols", [
  ...(["frames", "multi"] as const).map((transport) => ({
    id: `subprotocol/chosen/${transport}`,
    promise: null,
    row: "gitstore.watch.v1, on either path",
    title: `gitstore.watch.v1 is chosen where it is offered (${transport})`,
    run: async (t: Parameters<Case["run"]>[0]) => {
      const watch = await t.open(await t.namespace(), { transport });
      assert.equal(watch.protocol, PROTOCOL);
      await watch.until(() => watch.frames.length > 0, "a frame");
    },
  })),
  {
    id: "subprotocol/none",
    promise: null,
    row: "without the subprotocol",
    title: "without a subprotocol none is chosen, and each text frame is one event, as kube-apiserver sends it",
    run: async (t) => {
      const namespace = await t.namespace();
      await t.make(namespace, "a");
      await t.make(namespace, "b");
      const watch = await t.open(namespace, { transport: "plain" });
      await watch.untilEvents(2);
      assert.equal(watch.protocol, "");
      assert.equal(watch.texts.length, 2, "one event a message, and no other message");
    },
  },
  ...(["frames", "multi"] as const).flatMap((transport) =>
    (["first", "last"] as const).map((place) => ({
      id: `subprotocol/bearer/${transport}/${place}`,
      promise: null,
      row: "the token in an extra subprotocol",
      title: `a token in the bearer subprotocol is taken, offered ${place}, and never chosen (${transport})`,
      run: async (t: Parameters<Case["run"]>[0]) => {
        const token = bearer(t.api.token);
        const watch = await t.open(await t.namespace(), {
          transport,
          token: null,
          protocols: place === "first" ? [token, PROTOCOL] : [PROTOCOL, token],
        });
        assert.equal(watch.protocol, PROTOCOL);
        await watch.until(() => watch.frames.length > 0, "a frame");
      },
    })),
  ),
  {
    id: "subprotocol/bearer-wrong",
    promise: null,
    row: "the token in an extra subprotocol",
    title: "a token there that is no base64url, or nobody's, is refused 4401 in a frame of the protocol",
    run: async (t) => {
      const namespace = await t.namespace();
      for (const token of [`${BEARER_PROTOCOL}~~~`, bearer("nobody's")]) {
        const watch = await t.open(namespace, { token: null, protocols: [PROTOCOL, token] });
        await assertCloses(watch, 4401, [401]);
        assert.equal(watch.protocol, PROTOCOL);
      }
    },
  },
  {
    id: "subprotocol/error-frame",
    promise: null,
    row: "errors come in the form that was asked for",
    title: "a refusal is an error frame with the protocol, and an ERROR event without",
    run: async (t) => {
      const namespace = t.unusedName();
      const frames = await t.open(namespace);
      await assertCloses(frames, 4404, [404]);
      assert.deepEqual(
        Object.keys(JSON.parse(frames.texts[0] ?? "{}") as object).filter((key) => key === "error"),
        ["error"],
      );
      const plain = await t.open(namespace, { transport: "plain" });
      await assertCloses(plain, 4404, [404]);
      assert.equal((JSON.parse(plain.texts[0] ?? "{}") as { type?: string }).type, "ERROR");
    },
  },
  {
    id: "subprotocol/single-object",
    promise: "Filterable",
    row: "gitstore.watch.v1, on either path",
    title: "?watch=1 on one object's path is a watch of its collection for that name",
    run: async (t) => {
      const namespace = await t.namespace();
      await t.make(namespace, "other");
      const path = `${collectionPath(t.writer.kind, namespace)}/wanted`;
      const watch = await t.open(namespace, { path });
      await t.make(namespace, "wanted");
      await t.make(namespace, "another");
      await t.writer.remove(namespace, "wanted");
      await watch.untilEvents(2);
      assert.deepEqual(
        watch.events.map(({ type, object }) => `${type} ${object.metadata.name}`),
        ["ADDED wanted", "DELETED wanted"],
      );
    },
  },
]);
