/** Paging: one state at one RV, whatever happens meanwhile; and what a token is worth. */
import assert from "node:assert/strict";
import { queryText } from "../client/api.ts";
import type { KubeList, KubeObject, Status } from "../client/types.ts";
import type { Case, Context } from "../types.ts";
import {
  assertNames,
  filler,
  inTable,
  MiB,
  makeMany,
  meanwhile,
  nameOf,
  namesOf,
  stateAt,
  stateText,
} from "./support.ts";

const ONE_PAGE_BYTES = 8 * MiB;

const itemsOf = (pages: readonly KubeList[]): KubeObject[] => pages.flatMap(({ items }) => items);
const rvsOf = (pages: readonly KubeList[]): Set<string> =>
  new Set(pages.map(({ metadata }) => metadata.resourceVersion));

/** The first page of a list of ten, and what follows it. */
async function firstPage(t: Context): Promise<{ namespace: string; page: KubeList; token: string }> {
  const namespace = await t.namespace();
  await makeMany(t, namespace, 10);
  const page = await t.api.list(t.path(namespace), { limit: 4 });
  const token = page.metadata.continue ?? "";
  assert.notEqual(token, "", "there is more");
  return { namespace, page, token };
}

const page = (id: string, row: string, title: string, run: Case["run"]): Omit<Case, "table"> => ({
  id: `paging/${id}`,
  promise: "Reliable",
  row,
  title,
  run,
});

export const paging: Case[] = inTable("Paging", [
  page(
    "chunks",
    "pages",
    "pages have at most limit items, one RV, the order of names, and say how many remain",
    async (t) => {
      const namespace = await t.namespace();
      const total = 47;
      await makeMany(t, namespace, total);
      for (const limit of [1, 7, 46, 47, 48]) {
        const pages = await t.api.pages(t.path(namespace), { limit });
        assert.equal(rvsOf(pages).size, 1, "every page carries the first page's RV");
        assert.deepEqual(
          itemsOf(pages).map(({ metadata }) => metadata.name),
          Array.from({ length: total }, (_, index) => nameOf(index)),
        );
        let seen = 0;
        for (const { items, metadata } of pages) {
          assert.ok(items.length <= limit);
          seen += items.length;
          if (metadata.continue) assert.equal((metadata.remainingItemCount ?? 0) + seen, total);
          else assert.equal(metadata.remainingItemCount, undefined, "nothing remains behind the last page");
        }
        assert.equal(pages.length, Math.ceil(total / limit), "no empty page at the end");
      }
    },
  ),
  page(
    "concurrent-writes",
    "one state at one RV",
    "pages read while others write hold exactly the objects as they were at their RV",
    async (t) => {
      const namespace = await t.namespace();
      await makeMany(t, namespace, 30, () => ({ labels: { v: "1" } }));
      let step = 0;
      const pages = await t.api.pages(t.path(namespace), { limit: 4 }, async () => {
        const at = step++;
        // In front of, at and behind the place where the list is.
        await t.writer.update(namespace, nameOf(at * 4), { labels: { v: "2" } }).catch(() => undefined);
        await t.writer.remove(namespace, nameOf(29 - at));
        await t.make(namespace, `a-${at}`);
        await t.make(namespace, `z-${at}`);
      });
      const [rv] = rvsOf(pages);
      assert.equal(rvsOf(pages).size, 1);
      assert.equal(itemsOf(pages).length, 30, "none of the new ones, all of the deleted ones");
      assert.deepEqual(stateText(itemsOf(pages)), stateText(await stateAt(t, namespace, Number(rv))));
      assert.ok(
        itemsOf(pages).every(({ metadata }) => metadata.labels?.v === "1"),
        "as they were",
      );
    },
  ),
  page(
    "streamed",
    "a list without limit",
    "a list without limit is one state at one RV too, also where it is larger than a page",
    async (t) => {
      const namespace = await t.namespace();
      await makeMany(t, namespace, 600);
      const writing = meanwhile(makeMany(t, namespace, 60, undefined, "a-meanwhile"));
      const list = await t.api.list(t.path(namespace));
      await writing;
      assert.equal(list.metadata.continue ?? "", "", "it is whole");
      assert.deepEqual(
        stateText(list.items),
        stateText(await stateAt(t, namespace, Number(list.metadata.resourceVersion))),
      );
    },
  ),
  page(
    "8-mib",
    "a page ends at 8 MiB",
    "a page ends at 8 MiB though its limit is not reached, and the next goes on",
    async (t) => {
      const namespace = await t.namespace();
      await makeMany(t, namespace, 42, () => ({ annotations: filler(220_000) }));
      const answer = await t.api.request(`${t.path(namespace)}?limit=500`);
      const first = answer.body as KubeList;
      assert.ok(Buffer.byteLength(answer.text) <= ONE_PAGE_BYTES + MiB, `${answer.text.length} bytes`);
      assert.notEqual(first.metadata.continue ?? "", "", "9 MB are more than one page");
      const rest = await t.api.pages(t.path(namespace), { limit: 500, continue: first.metadata.continue });
      void rest;
      const pages = await t.api.pages(t.path(namespace), { limit: 500 });
      assert.equal(itemsOf(pages).length, 42);
    },
  ),
  page(
    "selector",
    "pages",
    "with a selector pages hold what matches, at one RV, and do not guess how many remain",
    async (t) => {
      const namespace = await t.namespace();
      await makeMany(t, namespace, 40, (index) => ({ labels: { rare: index % 13 === 0 ? "yes" : "no" } }));
      const pages = await t.api.pages(t.path(namespace), { limit: 1, labelSelector: "rare=yes" });
      assert.deepEqual(
        namesOf(itemsOf(pages)),
        [0, 13, 26, 39].map((index) => nameOf(index)),
      );
      assert.equal(rvsOf(pages).size, 1);
      for (const { metadata } of pages) assert.equal(metadata.remainingItemCount, undefined);
    },
  ),
  page("rv-zero", "continue, RV unset or 0", "continue with RV=0 goes on at the first page's RV", async (t) => {
    const { namespace, page: first, token } = await firstPage(t);
    await t.make(namespace, "object-0005-and-a-half");
    const next = await t.api.list(t.path(namespace), { limit: 4, continue: token, resourceVersion: 0 });
    assert.equal(next.metadata.resourceVersion, first.metadata.resourceVersion);
    assert.deepEqual(
      namesOf(next.items),
      [4, 5, 6, 7].map((index) => nameOf(index)),
    );
  }),
  page("limit-changes", "pages", "the limit may change from page to page, and be left out", async (t) => {
    const { namespace, token } = await firstPage(t);
    const all = await t.api.list(t.path(namespace), { continue: token });
    assert.deepEqual(
      namesOf(all.items),
      [4, 5, 6, 7, 8, 9].map((index) => nameOf(index)),
    );
    const again = await t.api.list(t.path(namespace), { continue: token, limit: 1 });
    assert.deepEqual(namesOf(again.items), ["object-0004"], "a token may be used again");
  }),
  {
    ...page("continue-and-rv", "continue + RV=n", "continue with an RV is 400", async (t) => {
      const { namespace, token } = await firstPage(t);
      const { status } = await t.api.refusal(
        `${t.path(namespace)}${queryText({ limit: 4, continue: token, resourceVersion: 1 })}`,
      );
      assert.equal(status.code, 400);
    }),
    promise: null,
  },
  {
    ...page("continue-and-match", "continue + RV=n", "continue with resourceVersionMatch is 422", async (t) => {
      const { namespace, token } = await firstPage(t);
      const query = { limit: 4, continue: token, resourceVersion: 0, resourceVersionMatch: "NotOlderThan" };
      const { status } = await t.api.refusal(`${t.path(namespace)}${queryText(query)}`);
      assert.equal(status.code, 422);
      assertNames(status, "resourceVersionMatch");
    }),
    promise: null,
  },
  {
    ...page(
      "malformed-token",
      "continue that is none",
      "a continue token that is none, or cut, is 400 and names continue",
      async (t) => {
        const { namespace, token } = await firstPage(t);
        for (const wrong of ["nothing", token.slice(0, token.length / 2), `${token.slice(0, 8)}!!`, "e30", "bnVsbA"]) {
          const { status } = await t.api.refusal(`${t.path(namespace)}${queryText({ limit: 4, continue: wrong })}`);
          assert.equal(status.code, 400, wrong);
          assertNames(status, "continue");
        }
      },
    ),
    promise: null,
  },
  {
    ...page(
      "expired",
      "expired",
      "a token whose state has left the tail is 410, with one that goes on at the newest state",
      async (t) => {
        const { namespace, page: first, token } = await firstPage(t);
        const status = await untilExpired(
          t,
          namespace,
          `${t.path(namespace)}${queryText({ limit: 4, continue: token })}`,
        );
        const fresh = status.metadata.continue;
        assert.ok(fresh && fresh !== token, "the Status has a token of its own");
        const pages = await t.api.pages(t.path(namespace), { limit: 4, continue: fresh });
        void pages;
        const next = await t.api.list(t.path(namespace), { limit: 4, continue: fresh });
        assert.notEqual(next.metadata.resourceVersion, first.metadata.resourceVersion, "of another RV");
        assert.deepEqual(
          namesOf(next.items),
          [4, 5, 6, 7].map((index) => nameOf(index)),
        );
      },
    ),
    needs: ["shortTail"],
    slow: 40,
  },
  {
    ...page(
      "expired-exact",
      "expired",
      "an Exact list whose state has left the tail is 410 Expired, as HTTP status",
      async (t) => {
        const { namespace, page: first } = await firstPage(t);
        const query = { resourceVersion: first.metadata.resourceVersion, resourceVersionMatch: "Exact" };
        await untilExpired(t, namespace, `${t.path(namespace)}${queryText(query)}`);
      },
    ),
    needs: ["shortTail"],
    slow: 40,
  },
]);

/** Writes until the state of a request is no longer kept. A short tail is pruned every half minute. */
async function untilExpired(t: Context, namespace: string, path: string): Promise<Status> {
  for (let round = 0; ; round++) {
    const answer = await t.api.request(path);
    if (answer.status === 410) {
      const status = answer.body as Status;
      assert.equal(status.reason, "Expired");
      return status;
    }
    assert.equal(answer.status, 200, answer.text);
    await t.make(namespace, nameOf(round, "zz"));
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
