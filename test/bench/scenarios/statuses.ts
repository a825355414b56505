import { productFile, products } from "../../../src/cli/demo/catalog.ts";
import { EtcdClient } from "../etcd.ts";
import type { Ours } from "../ours.ts";
import { number, table } from "../report.ts";
import { latency, now, within } from "../stats.ts";
import { StatusSocket } from "../statusSocket.ts";
import { value } from "../systems.ts";

const WRITERS = [1, 16, 64];
/** Objects, so that each writer has its own: no write meets another. */
const OBJECTS = 64;
const WRITES = 3_000;
const WARM_UP = 300;
const PATIENCE_MS = 60_000;
const LISTS = 200;
const LISTED = 100;
const API_VERSION = "catalog.gitstore.dev/v1beta1";

/** One compare-and-put: replaces what has `revision`. @returns the next one */
type Put = (object: number, revision: string, round: number) => Promise<string>;

interface Transport {
  name: string;
  /** Of each object, before the first write. */
  revisions: () => Promise<string[]>;
  put: Put;
  close(): void;
}

/** Status writes of 1, 16 and 64 writers, each with the precondition on what it wrote before; then lists of 100. */
export async function statuses(ours: Ours, etcdUrl: string | undefined): Promise<string> {
  const namespace = "statuses";
  await ours.namespace(namespace);
  await ours.ledgerRepository(namespace);
  const rows = products(Math.max(OBJECTS, LISTED));
  const names = rows.map(({ name }) => name);
  await ours.push(
    namespace,
    rows.map((each) => productFile(each)),
  );
  const transports = [rest(ours, namespace, names), graphql(ours, namespace, names)];
  transports.push(await socket(ours, namespace, names));
  if (etcdUrl !== undefined) transports.push(etcd(etcdUrl));
  const lines: string[][] = [];
  for (const writers of WRITERS) {
    for (const transport of transports) {
      const what = `${writers} writers by ${transport.name}`;
      const { perSecond, times } = await within(PATIENCE_MS, what, measure(transport, writers));
      const { p50, p99 } = latency(times);
      lines.push([transport.name, ...[writers, perSecond, p50, p99].map(number)]);
    }
  }
  for (const transport of transports) transport.close();
  const head = ["", "writers", "writes/s", "p50 ms", "p99 ms"];
  return `${table(head, lines)}\n\n${await lists(ours, namespace)}`;
}

async function measure(transport: Transport, writers: number): Promise<{ perSecond: number; times: number[] }> {
  const revisions = await transport.revisions();
  let round = 0;
  const lane = async (object: number, count: number, times: number[]): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const began = now();
      revisions[object] = await transport.put(object, revisions[object] ?? "", ++round);
      times.push(now() - began);
    }
  };
  const all = (count: number, times: number[]) =>
    Promise.all(Array.from({ length: writers }, (_, object) => lane(object, Math.ceil(count / writers), times)));
  await all(WARM_UP, []);
  const times: number[] = [];
  const began = now();
  await all(WRITES, times);
  return { perSecond: times.length / ((now() - began) / 1_000), times };
}

/** As large as a controller's: one condition, with a message, that differs from round to round. */
function conditions(round: number) {
  return [{ type: "Checked", status: "True", reason: "Bench", message: `round ${round} `.padEnd(200, "x") }];
}

function versionsOf(ours: Ours, namespace: string, names: string[]): Transport["revisions"] {
  return () =>
    Promise.all(
      names.slice(0, OBJECTS).map(async (name) => {
        const object = await ours.request("GET", pathOf(namespace, name));
        return (object as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
      }),
    );
}

function pathOf(namespace: string, name: string): string {
  return `/apis/${API_VERSION}/namespaces/${namespace}/products/${name}`;
}

function rest(ours: Ours, namespace: string, names: string[]): Transport {
  return {
    name: "gitstore-edge, REST",
    revisions: versionsOf(ours, namespace, names),
    put: async (object, resourceVersion, round) => {
      const name = names[object] ?? "";
      const body = {
        apiVersion: API_VERSION,
        kind: "Product",
        metadata: { name, namespace, resourceVersion },
        status: { conditions: conditions(round) },
      };
      const written = await ours.request("PUT", `${pathOf(namespace, name)}/status`, body);
      return (written as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
    },
    close: () => undefined,
  };
}

const MUTATION = `mutation ($input: UpdateResourceStatusInput!) {
  updateResourceStatus(input: $input) { object conflict { currentResourceVersion } }
}`;

function graphql(ours: Ours, namespace: string, names: string[]): Transport {
  return {
    name: "gitstore-edge, GraphQL",
    revisions: versionsOf(ours, namespace, names),
    put: async (object, resourceVersion, round) => {
      const conditions_ = conditions(round).map((each) => ({ ...each, status: "TRUE" }));
      const input = { kind: "Product", namespace, name: names[object], resourceVersion, conditions: conditions_ };
      const answer = await ours.request("POST", "/graphql", { query: MUTATION, variables: { input } });
      const { data } = answer as {
        data?: { updateResourceStatus?: { object?: { metadata: { resourceVersion: string } } } };
      };
      const written = data?.updateResourceStatus?.object?.metadata.resourceVersion;
      if (written === undefined) throw new Error(`the mutation failed: ${JSON.stringify(answer)}`);
      return written;
    },
    close: () => undefined,
  };
}

/** All writers on one connection, as they are on one of etcd's. */
async function socket(ours: Ours, namespace: string, names: string[]): Promise<Transport> {
  // Of another kind, so that nothing is measured but writes.
  const connection = await StatusSocket.open(`${ours.server.url}/watch/v1/namespaces/${namespace}`, ours.token);
  return {
    name: "gitstore-edge, socket",
    revisions: versionsOf(ours, namespace, names),
    put: (object, resourceVersion, round) =>
      connection.write({
        kind: "Product",
        namespace,
        name: names[object] ?? "",
        resourceVersion,
        conditions: conditions(round),
      }),
    close: () => connection.close(),
  };
}

function etcd(url: string): Transport {
  const client = new EtcdClient(url);
  return {
    name: "etcd, compare and put",
    revisions: () =>
      Promise.all(
        Array.from({ length: OBJECTS }, async (_, object) => String(await client.put(`/statuses/${object}`, value()))),
      ),
    put: async (object, revision) => String(await client.replace(`/statuses/${object}`, Number(revision), value())),
    close: () => client.close(),
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
