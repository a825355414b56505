import { stringify } from "yaml";
import { durationMs } from "../../auth/duration.ts";
import { type Command, text } from "../command.ts";
import { UsageError } from "../exit.ts";
import { note } from "../io.ts";

const DEFAULT_TTL = "24h";

export const kubeconfig: Command = {
  name: "kubeconfig",
  summary: "Prints a kubeconfig for kubectl and every other client of Kubernetes.",
  usage: "[--namespace NS] [options]",
  options: {
    namespace: {
      type: "string",
      short: "n",
      value: "NS",
      help: "This namespace as the whole cluster, its own kinds included.",
    },
    ttl: {
      type: "string",
      value: "DURATION",
      help: `How long a token made here holds, such as 1h, 30d (default ${DEFAULT_TTL}).`,
    },
  },
  arguments: { min: 0, max: 0 },
  examples: [
    "gitstorectl kubeconfig --namespace acme > acme.kubeconfig",
    "KUBECONFIG=acme.kubeconfig kubectl get products",
    "gitstorectl kubeconfig --namespace acme --server https://edge.example --token $TOKEN",
    "gitstorectl proxy & gitstorectl kubeconfig --namespace acme --server http://127.0.0.1:8001",
  ],
  notes:
    "It holds the token: of --token or GITSTORE_TOKEN, or an administrator's made from the local server's .dev.vars.\n" +
    "Without --namespace there are the core kinds of all namespaces, and each list names one (kubectl -n NS).\n" +
    "kubectl sends no token over http, whatever its kubeconfig says: for a local server it needs gitstorectl proxy.",
  async run({ values, session, io, output }) {
    const namespace = text(values, "namespace");
    const ttl = text(values, "ttl") ?? DEFAULT_TTL;
    const ttlMs = durationMs(ttl);
    if (ttlMs === undefined || ttlMs < 1_000)
      throw new UsageError(`--ttl is ${JSON.stringify(ttl)}: give a duration such as 1h, 24h, 30d`);
    const token = await session.token(Math.floor(ttlMs / 1000));
    const config = configOf(session.server, namespace, token);
    io.out(output === "json" ? `${JSON.stringify(config, null, 2)}\n` : stringify(config));
    if (isHttp(session.server)) {
      note(io, "kubectl sends no token over http: for it, run gitstorectl proxy, and give its URL as --server here.");
    }
  },
};

function isHttp(server: string): boolean {
  return new URL(server).protocol === "http:";
}

/** One cluster, one user, one context, all of one name. */
export function configOf(server: string, namespace: string | undefined, token: string): object {
  const name = namespace === undefined ? "gitstore" : `gitstore-${namespace}`;
  const url = namespace === undefined ? server : `${server}/clusters/${encodeURIComponent(namespace)}`;
  return {
    apiVersion: "v1",
    kind: "Config",
    // Over http there is no certificate, and clients such as client-node refuse http unless told that this is known.
    clusters: [{ name, cluster: { server: url, ...(isHttp(server) ? { "insecure-skip-tls-verify": true } : {}) } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, ...(namespace === undefined ? {} : { namespace }) } }],
    "current-context": name,
  };
}
