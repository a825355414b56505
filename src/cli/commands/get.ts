import type { KindDef } from "../../resource/kind.ts";
import { coreRegistry } from "../../resource/registry.ts";
import { type Command, type Invocation, text } from "../command.ts";
import { UsageError } from "../exit.ts";
import { printDocument, printTable } from "../io.ts";
import { findKind, pathTo, tableOf } from "../kinds.ts";

export const get: Command = {
  name: "get",
  summary: "Shows objects of a kind: all, or one.",
  usage: "NS KIND [NAME] [options]",
  options: {
    selector: {
      type: "string",
      short: "l",
      value: "LABELS",
      help: "Objects with these labels, such as season=summer.",
    },
    "field-selector": {
      type: "string",
      value: "FIELDS",
      help: "Objects with these fields, such as status.phase=draft.",
    },
    rv: { type: "string", value: "N", help: "The list as it was at this resourceVersion." },
    limit: { type: "string", value: "N", help: "At most so many." },
  },
  arguments: { min: 1, max: 3 },
  examples: [
    "gitstorectl get acme products",
    "gitstorectl get acme product shirt -o yaml",
    "gitstorectl get acme products -l season=summer -o json",
    "gitstorectl get namespaces",
  ],
  async run(invocation) {
    const { values, session, io, output } = invocation;
    const { kind, namespace, name } = await target(invocation);
    if (name !== undefined) {
      const object = await session.client.get(pathTo(kind, namespace, name));
      if (output !== "table") return printDocument(io, output, object);
      const { columns, rows } = tableOf(kind, [object], io.now());
      return printTable(io, columns, rows);
    }
    const rv = text(values, "rv");
    const list = await session.client.list(pathTo(kind, namespace), {
      ...one("labelSelector", text(values, "selector")),
      ...one("fieldSelector", text(values, "field-selector")),
      ...one("limit", text(values, "limit")),
      ...(rv === undefined ? {} : { resourceVersion: rv, resourceVersionMatch: "Exact" }),
    });
    if (output !== "table") return printDocument(io, output, list);
    const { columns, rows } = tableOf(kind, list.items, io.now());
    if (rows.length === 0) io.err(`no ${kind.plural}${namespace === undefined ? "" : ` in ${namespace}`}\n`);
    else printTable(io, columns, rows);
  },
};

const one = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: value });

/** `NS KIND [NAME]`, or `KIND [NAME]` for the kinds outside every namespace. */
async function target({
  positionals,
  session,
}: Invocation): Promise<{ kind: KindDef; namespace?: string; name?: string }> {
  const [first = "", second, third] = positionals;
  const cluster = coreRegistry.resolve(first);
  const inNamespace = second === undefined ? undefined : coreRegistry.resolve(second);
  // A namespace may be called like a kind: `get namespaces products` is of the namespace "namespaces" if that reads so.
  if (cluster?.scope === "Cluster" && third === undefined && inNamespace === undefined) {
    return { kind: cluster, ...(second === undefined ? {} : { name: second }) };
  }
  if (second === undefined) throw new UsageError(`get needs NS KIND [NAME], such as: gitstorectl get acme ${first}`);
  const kind = await findKind(session.client, first, second);
  return { kind, namespace: first, ...(third === undefined ? {} : { name: third }) };
}
