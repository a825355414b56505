/** Both systems behind one interface, so that the same scenario drives each. */
import { Etcd, EtcdClient } from "./etcd.ts";
import { type Ours, processMb, SHARES } from "./ours.ts";
import { stamp } from "./stats.ts";
import { StatusProducts } from "./statusProducts.ts";
import { StatusSocket } from "./statusSocket.ts";
import { sentTimes } from "./watcher.ts";

/** Objects that writes go to in turn: more than are under way at once, so that no two write one; as many a share. */
const KEYS = 300;
const VALUE_BYTES = 1_000;

export interface Watch {
  stall(): void;
  close(): void;
  /** Resolves when everything up to a revision has come. */
  reached(revision: number): Promise<void>;
}

export interface System {
  readonly name: string;
  /** A space of its own for each scenario: no watcher of one sees another's writes. */
  space(name: string): Promise<Space>;
  residentMb(): number;
  stop(): Promise<void>;
}

export interface Space {
  /** Commits one object of about 1 KB, the i-th. @returns the revision after it */
  put(i: number): Promise<number>;
  /**
   * Watches from now, over a connection of its own.
   *
   * @param onDelivery is told when each object that just came was sent
   * @param share only the objects whose number has this remainder by 100: by their label here, in etcd, which has no
   *   selectors, by a prefix of their keys
   */
  watch(onDelivery: (sentAtMs: number) => void, share?: number): Promise<Watch>;
}

export async function startOurs(ours: Ours): Promise<System> {
  return {
    name: "gitstore-edge",
    residentMb: () => ours.residentMb(),
    stop: () => ours.stop(),
    space: async (name) => {
      await ours.namespace(name);
      await ours.createChannels(name, KEYS);
      return {
        put: (i) => ours.put(name, `c-${i % KEYS}`),
        watch: (onDelivery, share) =>
          ours.watch(name, {
            kinds: ["Channel"],
            ...(share === undefined ? {} : { labelSelector: `bench/share=${share}` }),
            onFrame: (frame) => {
              for (const sent of sentTimes(frame)) onDelivery(sent);
            },
          }),
      };
    },
  };
}

/** The same server, where what is written are statuses of Products, over a watch's connection: a controller's writes. */
export function bySocket(ours: Ours): System {
  return {
    name: "gitstore-edge, statuses by socket",
    residentMb: () => ours.residentMb(),
    stop: () => Promise.resolve(),
    space: async (space) => {
      const namespace = `${space}-statuses`;
      const products = await StatusProducts.make(ours, namespace, KEYS);
      const socket = await StatusSocket.open(`${ours.server.url}/watch/v1/namespaces/${namespace}`, ours.token);
      return {
        put: async (i) => Number(await products.write(i % KEYS, (status) => socket.write(status))),
        watch: (onDelivery) =>
          ours.watch(namespace, {
            kinds: ["Product"],
            onFrame: (frame) => {
              for (const sent of sentTimes(frame)) onDelivery(sent);
            },
          }),
      };
    },
  };
}

export async function startEtcd(): Promise<System & { url: string; pid: number }> {
  const etcd = await Etcd.start();
  const writer = new EtcdClient(etcd.url);
  return {
    name: "etcd",
    url: etcd.url,
    pid: etcd.pid,
    residentMb: () => processMb(etcd.pid),
    stop: async () => {
      writer.close();
      await etcd.stop();
    },
    space: async (name) => ({
      put: (i) => writer.put(`/${name}/${(i % KEYS) % SHARES}/${i % KEYS}`, value()),
      watch: async (onDelivery, share) => {
        const client = new EtcdClient(etcd.url);
        await client.watch(`/${name}/${share === undefined ? "" : `${share}/`}`, 0, (bytes) =>
          onDelivery(Number(bytes.toString("latin1", 0, bytes.indexOf("|")))),
        );
        return client;
      },
    }),
  };
}

/** As large as our object, with the time it was sent at. */
export function value(): string {
  return `${stamp()}|`.padEnd(VALUE_BYTES, "x");
}
