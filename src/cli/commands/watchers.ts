import { type Command, text } from "../command.ts";
import { colour, printable, printDocument } from "../io.ts";

interface Watcher {
  name: string;
  subject: string;
  position: string;
  epoch: number;
  lagEvents: number;
  lagSeconds: number;
  connected: boolean;
  standby: number;
  lastUsed: string;
}

export const watchers: Command = {
  name: "watchers",
  summary: "Shows the named watchers of a namespace with their lag; forgets one with --delete.",
  usage: "NS [--delete NAME [--subject SUB]]",
  options: {
    delete: { type: "string", value: "NAME", help: "Forgets this watcher and closes its connections." },
    subject: { type: "string", value: "SUB", help: "Whose watcher that is (yours by default)." },
  },
  arguments: { min: 1, max: 1 },
  examples: [
    "gitstorectl watchers acme",
    "gitstorectl watchers acme --delete inventory --subject serviceaccount:acme:inventory",
  ],
  async run({ positionals, values, session, io, output }) {
    const path = `/watchers/${encodeURIComponent(positionals[0] ?? "")}`;
    const name = text(values, "delete");
    if (name !== undefined) {
      await session.client.request(`${path}/${encodeURIComponent(name)}`, {
        method: "DELETE",
        query: { subject: text(values, "subject") },
      });
      io.err(`watcher ${printable(name)} is forgotten\n`);
      return;
    }
    const { items } = await session.client.request<{ items: Watcher[] }>(path);
    if (output !== "table") return printDocument(io, output, { items });
    if (items.length === 0) io.err(`no named watcher in ${printable(positionals[0] ?? "")}\n`);
    for (const watcher of items) {
      const state = watcher.connected ? "connected" : "away";
      const lag =
        watcher.lagEvents === 0 ? "up to date" : `${watcher.lagEvents} events, ${watcher.lagSeconds} s behind`;
      const waiting = watcher.standby > 0 ? `, ${watcher.standby} standing by` : "";
      io.out(
        `${colour(io, "bold", printable(watcher.name))} ${printable(watcher.subject)}  at ${watcher.position}, ${lag}  ${state}${waiting}, epoch ${watcher.epoch}\n`,
      );
    }
  },
};
