import type { WatchedObject } from "../history.ts";
import type { Dial } from "../transports/dial.ts";
import { collection } from "../transports/paths.ts";
import { selectionOf } from "./content.ts";
import type { World } from "./writer.ts";

interface ListBody {
  kind: string;
  metadata: { resourceVersion: string; continue?: string };
  items: WatchedObject[];
  code?: number;
  message?: string;
}

/** A list through HTTP in pages: of the newest state, or of an older one, all pages at one RV. */
export async function lists({ stage, recorder, draw, problems }: World, dial: Dial): Promise<void> {
  const selection = selectionOf(draw, false);
  const limit = draw.chance(50) ? draw.between(1, 20) : undefined;
  const known = Math.max(1, ...recorder.writes.map(({ outcome }) => (outcome.known === "applied" ? outcome.rv : 1)));
  const at = draw.chance(35) ? Math.max(1, known - draw.below(30)) : undefined;
  await recorder.listing({ selection, ...(at === undefined ? {} : { at }) }, async () => {
    const items: WatchedObject[] = [];
    const { path, query } = collection(stage.name, selection);
    if (limit !== undefined) query.set("limit", String(limit));
    if (at !== undefined) {
      query.set("resourceVersion", String(at));
      query.set("resourceVersionMatch", "Exact");
    }
    let rv: number | undefined;
    for (let pages = 1; ; pages++) {
      let answer: { status: number; body: unknown };
      try {
        answer = await dial.json(`${path}?${query}`);
      } catch (error) {
        return { known: "failed", why: String(error) };
      }
      const body = answer.body as ListBody;
      if (answer.status === 410) return { known: "expired", message: body.message ?? "" };
      if (answer.status !== 200) {
        if (answer.status < 500) problems.push(`a list was answered ${answer.status}: ${body.message}`);
        return { known: "failed", why: `${answer.status} ${body.message}` };
      }
      const told = Number(body.metadata.resourceVersion);
      if (rv !== undefined && told !== rv)
        problems.push(`page ${pages} of a list is at RV ${told}, the first at ${rv}`);
      rv = told;
      items.push(...body.items);
      if (!body.metadata.continue) return { known: "listed", rv, pages, items };
      query.delete("resourceVersion");
      query.delete("resourceVersionMatch");
      query.set("continue", body.metadata.continue);
    }
  });
}
