import { EtcdClient } from "../etcd.ts";
import type { Ours } from "../ours.ts";
import { number, table } from "../report.ts";
import { latency, now, within } from "../stats.ts";
import { type StatusInput, StatusProducts, versionOf } from "../statusProducts.ts";
import { StatusSocket } from "../statusSocket.ts";
import { value } from "../systems.ts";

const WRITERS = [1, 16, 64];
/** A tenth of them again goes before: both servers are measured as they run, not as they start. */
const WRITES = 10_000;
const WARM_UP = 1_000;
const PATIENCE_MS = 120_000;
const LISTS = 200;
const LISTED = 100;

interface Transport {
  name: string;
  /** Replaces the i-th object's status, if it is as this left it. Each writer has an object of its own. */
  put(i: number): Promise<unknown>;
}

/** Status writes of 1, 16 and 64 writers, each with the precondition on what it wrote before; then lists of 100. */
export async function statuses(ours: Ours, etcdUrl: string | undefined): Promise<string> {
  const products = await StatusProducts.make(ours, "statuses", LISTED);
  // All writers on one connection, as they are on one of etcd's.
  const url = `${ours.server.url}/watch/v1/namespaces/${products.namespace}`;
  const socket = await StatusSocket.open(url, ours.token);
  const transports: Transport[] = [
    { name: "gitstore-edge, REST", put: (i) => products.write(i, (status) => rest(ours, products.path(i), status)) },
    { name: "gitstore-edge, GraphQL", put: (i) => products.write(i, (status) => graphql(ours, status)) },
    { name: "gitstore-edge, socket", put: (i) => products.write(i, (status) => socket.write(status)) },
  ];
  const client = etcdUrl === undefined ? undefined : new EtcdClient(etcdUrl);
  if (client) transports.push(await etcd(client));
  const rows: string[][] = [];
  for (const writers of WRITERS) {
    for (const transport of transports) {
      const what = `${writers} writers by ${transport.name}`;
      const { perSecond, times } = await within(PATIENCE_MS, what, measure(transport, writers));
      const { p50, p99 } = latency(times);
      rows.push([transport.name, ...[writers, perSecond, p50, p99].map(number)]);
    }
  }
  socket.close();
  client?.close();
  return `${table(["", "writers", "writes/s", "p50 ms", "p99 ms"], rows)}\n\n${await lists(ours, products.namespace)}`;
}

async function measure(transport: Transport, writers: number): Promise<{ perSecond: number; times: number[] }> {
  const lane = async (i: number, count: number, times: number[]): Promise<void> => {
    for (let left = count; left > 0; left--) {
      const began = now();
      await transport.put(i);
      times.push(now() - began);
    }
  };
  const all = (count: number, times: number[]) =>
    Promise.all(Array.from({ length: writers }, (_, i) => lane(i, Math.ceil(count / writers), times)));
  await all(WARM_UP, []);
  const times: number[] = [];
  const began = now();
  await all(WRITES, times);
  return { perSecond: times.length / ((now() - began) / 1_000), times };
}

async function rest(ours: Ours, path: string, status: StatusInput): Promise<string> {
  const { kind, namespace, name, resourceVersion, conditions } = status;
  const metadata = { name, namespace, resourceVersion };
  const body = { apiVersion: "catalog.gitstore.dev/v1beta1", kind, metadata, status: { conditions } };
  return versionOf(await ours.request("PUT", `${path}/status`, body));
}

const MUTATION = `mutation ($input: UpdateResourceStatusInput!) {
  updateResourceStatus(input: $input) { object conflict { currentResourceVersion } }
}`;

async function graphql(ours: Ours, status: StatusInput): Promise<string> {
  const conditions = status.conditions.map((each) => ({ ...each, status: each.status.toUpperCase() }));
  const variables = { input: { ...status, conditions } };
  const answer = await ours.request("POST", "/graphql", { query: MUTATION, variables });
  const { data } = answer as { data?: { updateResourceStatus?: { object?: unknown } } };
  if (!data?.updateResourceStatus?.object) throw new Error(`the mutation failed: ${JSON.stringify(answer)}`);
  return versionOf(data.updateResourceStatus.object);
}

async function etcd(client: EtcdClient): Promise<Transport> {
  const key = (i: number): string => `/statuses/${i}`;
  const revisions = await Promise.all(Array.from({ length: LISTED }, (_, i) => client.put(key(i), value())));
  return {
    name: "etcd, compare and put",
    put: async (i) => {
      revisions[i] = await client.replace(key(i), revisions[i] ?? 0, value());
    },
  };
}

const LIST = `query ($namespace: String!) {
  products(namespace: $namespace, first: ${LISTED}) {
    resourceVersion
    edges { node { metadata { name resourceVersion } spec { title } status { conditions { type status } } } }
  }
}`;

async function lists(ours: Ours, namespace: string): Promise<string> {
  const times: number[] = [];
  for (let i = 0; i < LISTS; i++) {
    const began = now();
    const answer = await ours.request("POST", "/graphql", { query: LIST, variables: { namespace } });
    times.push(now() - began);
    const { data } = answer as { data?: { products?: { edges: unknown[] } } };
    if (data?.products?.edges.length !== LISTED) throw new Error(`not ${LISTED} products: ${JSON.stringify(answer)}`);
  }
  const { p50, p99 } = latency(times);
  return `A GraphQL list of ${LISTED} products: p50 ${number(p50)} ms, p99 ${number(p99)} ms, one at a time.`;
}
