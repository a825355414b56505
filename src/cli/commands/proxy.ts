import { type Command, text } from "../command.ts";
import { UsageError } from "../exit.ts";
import { serveProxy } from "../proxy.ts";

const DEFAULT_PORT = 8001;

export const proxy: Command = {
  name: "proxy",
  summary: "Serves the server's API on this machine, with the token added: what kubectl proxy is to a cluster.",
  usage: "[--port N] [options]",
  options: {
    port: { type: "string", value: "N", help: `Where to listen on 127.0.0.1 (default ${DEFAULT_PORT}; 0: any).` },
  },
  arguments: { min: 0, max: 0 },
  examples: [
    "gitstorectl proxy",
    "gitstorectl proxy --port 9001 --server https://edge.example --token $TOKEN",
    "kubectl --server http://127.0.0.1:8001/clusters/acme --namespace acme get products",
  ],
  notes:
    "For clients that send no token over http, as kubectl and all of client-go. A request's own token is left as it is.\n" +
    "Everyone who can reach the port acts as the token's subject while it runs: end it with Ctrl-C.",
  async run({ values, session, io }) {
    const given = text(values, "port") ?? String(DEFAULT_PORT);
    const port = /^[0-9]{1,5}$/.test(given) ? Number(given) : Number.NaN;
    if (!(port <= 65_535)) throw new UsageError(`--port is ${JSON.stringify(given)}: give a number from 0 to 65535`);
    await serveProxy({
      server: session.server,
      token: () => session.token(),
      port,
      signal: io.signal,
      ready: (url) => io.out(`${url}\n`),
    });
  },
};
