import { stringify } from "yaml";
import { type Command, text, texts } from "../command.ts";
import { UsageError } from "../exit.ts";
import { printTable } from "../io.ts";

interface CloudEvent {
  id: string;
  type: string;
  subject?: string;
  source: string;
  time: string;
  sequence: string;
}

const PAGE = 1_000;

export const events: Command = {
  name: "events",
  summary: "Lists a namespace's Git events (CloudEvents), oldest first.",
  usage: "NS [options]",
  options: {
    after: { type: "string", value: "RV", help: "Only those after this resourceVersion." },
    type: {
      type: "string",
      multiple: true,
      value: "TYPE",
      help: "A short name (branch-updated) or a CloudEvent type.",
    },
    limit: { type: "string", value: "N", help: "At most so many (default: all that are kept)." },
  },
  arguments: { min: 1, max: 1 },
  examples: [
    "gitstorectl events acme",
    "gitstorectl events acme --type push-rejected --type tag-created -o json",
    "gitstorectl events acme --after 1200",
  ],
  async run({ positionals, values, session, io, output }) {
    const limit = limitOf(text(values, "limit"));
    const path = `/events/${encodeURIComponent(positionals[0] ?? "")}`;
    const found: CloudEvent[] = [];
    let after = text(values, "after");
    for (;;) {
      const want = Math.min(PAGE, limit - found.length);
      const page: CloudEvent[] = await session.client.request<CloudEvent[]>(path, {
        query: { after, type: texts(values, "type"), limit: String(want) },
      });
      found.push(...page);
      if (page.length < want || found.length >= limit) break;
      after = String(Number(page.at(-1)?.sequence));
    }
    if (output === "json")
      io.out(found.length === 0 ? "[]\n" : `[\n${found.map((event) => JSON.stringify(event)).join(",\n")}\n]\n`);
    else if (output === "yaml") io.out(stringify(found));
    else printTable(io, ["RV", "TIME", "TYPE", "SUBJECT"], found.map(rowOf));
  },
};

function rowOf({ sequence, time, type, subject = "" }: CloudEvent): string[] {
  return [String(Number(sequence)), time, type.replace(/^dev\.gitstore\./, "").replace(/\.v1$/, ""), subject];
}

function limitOf(limit: string | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (!/^[1-9][0-9]*$/.test(limit))
    throw new UsageError(`--limit is ${JSON.stringify(limit)}: give a whole number from 1`);
  return Number(limit);
}
