import { durationMs } from "../../auth/duration.ts";
import { type Command, text } from "../command.ts";
import { UsageError } from "../exit.ts";
import { printable, printDocument } from "../io.ts";

const NAMESPACES = { group: "gitstore.dev", version: "v1beta1", plural: "namespaces" };
const MAX_SECONDS = 600;

interface Drained {
  namespace?: string;
  closed: number;
}

export const drain: Command = {
  name: "drain",
  summary: "Closes the watches of a namespace as planned, or of all: before a deploy, which would cut them.",
  usage: "[NS…] [--over 30s]",
  options: {
    over: { type: "string", value: "DURATION", help: "Spreads their return over so long, 10m at most (default 30s)." },
  },
  arguments: { min: 0, max: 1_000 },
  examples: ["gitstorectl drain", "gitstorectl drain acme --over 1m"],
  notes:
    "Without NS: every namespace and the cluster scope. Nothing is lost: each client resumes from its last resume point.",
  async run({ positionals, values, session, io, output }) {
    const over = durationMs(text(values, "over") ?? "30s");
    if (over === undefined || over > MAX_SECONDS * 1000)
      throw new UsageError(`--over is ${JSON.stringify(text(values, "over"))}: give a duration up to 10m, such as 30s`);
    const namespaces: (string | undefined)[] = positionals.length > 0 ? positionals : [undefined];
    if (positionals.length === 0) {
      const { items } = await session.client.list(NAMESPACES);
      namespaces.unshift(...items.map(({ metadata }) => metadata.name));
    }
    const body = { overSeconds: Math.ceil(over / 1000) };
    const drained: Drained[] = [];
    for (const namespace of namespaces) {
      const path = namespace === undefined ? "/admin/drain" : `/admin/drain/${encodeURIComponent(namespace)}`;
      const one = await session.client.request<Drained>(path, { method: "POST", body });
      drained.push(one);
      if (output === "table") io.out(`${printable(namespace ?? "(cluster)")} ${one.closed} closed\n`);
    }
    if (output !== "table") printDocument(io, output, { items: drained });
  },
};
