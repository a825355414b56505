import { coreRegistry } from "../../resource/registry.ts";
import type { FieldError } from "../../resource/types.ts";
import { type Command, text } from "../command.ts";
import { colour, printable, printDocument } from "../io.ts";

interface RejectedRecord {
  repository: string;
  branch: string;
  path: string;
  kind?: string;
  name?: string;
  commit: string;
  at: string;
  stage: string;
  errors: FieldError[];
}

interface RejectedList {
  metadata: { continue?: string };
  items: RejectedRecord[];
}

export const rejected: Command = {
  name: "rejected",
  summary: "Lists the files that admission refused and never had before, each with its errors.",
  usage: "NS [--repo NAME] [--kind KIND]",
  options: {
    repo: { type: "string", value: "NAME", help: "Of this repository." },
    kind: { type: "string", value: "KIND", help: "Of this kind." },
  },
  arguments: { min: 1, max: 1 },
  examples: ["gitstorectl rejected acme", "gitstorectl rejected acme --repo catalog -o json"],
  async run({ positionals, values, session, io, output }) {
    const path = `/rejected/${encodeURIComponent(positionals[0] ?? "")}`;
    const items: RejectedRecord[] = [];
    let next: string | undefined;
    do {
      const page: RejectedList = await session.client.request<RejectedList>(path, {
        query: { repository: text(values, "repo"), continue: next },
      });
      items.push(...page.items);
      next = page.metadata.continue;
    } while (next !== undefined);
    const shown = items.filter(ofKind(text(values, "kind")));
    if (output !== "table") return printDocument(io, output, { items: shown });
    if (shown.length === 0) io.err(`nothing is rejected in ${positionals[0]}\n`);
    for (const record of shown) {
      const what = record.kind === undefined ? "" : ` (${record.kind.split(".")[0]} ${record.name})`;
      io.out(
        `${colour(io, "bold", printable(`${record.repository} ${record.branch} ${record.path}`))}${printable(`${what} at ${record.commit.slice(0, 10)}`)}\n`,
      );
      for (const error of record.errors) io.out(`  ${printable(lineOf(record, error))}\n`);
    }
  },
};

/** `path:line:column: message`, as the hook prints it: editors and CI find the place. */
function lineOf({ path }: RejectedRecord, error: FieldError): string {
  const place = [error.path ?? path, error.line, error.column].filter((part) => part !== undefined).join(":");
  const field = error.field === "" ? "" : `${error.field}: `;
  return `${place}: ${field}${error.message} [${error.reason}]${error.hint === undefined ? "" : ` (${error.hint})`}`;
}

function ofKind(word: string | undefined): (record: RejectedRecord) => boolean {
  if (word === undefined) return () => true;
  const key = coreRegistry.resolve(word)?.key;
  const lower = word.toLowerCase();
  return ({ kind }) =>
    kind !== undefined && (kind === key || kind.toLowerCase() === lower || kind.toLowerCase().split(".")[0] === lower);
}
