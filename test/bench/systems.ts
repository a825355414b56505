/** Both systems behind one interface, so that the same scenario drives each. */
import { Etcd, EtcdClient } from "./etcd.ts";
import { type Ours, processMb } from "./ours.ts";
import { now } from "./stats.ts";
import { sentAt } from "./watcher.ts";

/** Objects that writes go to in turn: more than writers, so that no two write one at once. */
const KEYS = 256;
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
  /** Watches from now, over a connection of its own. @param onDelivery is told when what just came was sent */
  watch(onDelivery: (sentAtMs: number) => void): Promise<Watch>;
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
        watch: (onDelivery) =>
          ours.watch(name, {
            kinds: ["Channel"],
            onFrame: (frame) => {
              const sent = sentAt(frame);
              if (sent !== undefined) onDelivery(sent);
            },
          }),
      };
    },
  };
}

export async function startEtcd(): Promise<System & { url: string }> {
  const etcd = await Etcd.start();
  const writer = new EtcdClient(etcd.url);
  return {
    name: "etcd",
    url: etcd.url,
    residentMb: () => processMb(etcd.pid),
    stop: async () => {
      writer.close();
      await etcd.stop();
    },
    space: async (name) => ({
      put: (i) => writer.put(`/${name}/${i % KEYS}`, value()),
      watch: async (onDelivery) => {
        const client = new EtcdClient(etcd.url);
        await client.watch(`/${name}/`, 0, (bytes) =>
          onDelivery(Number(bytes.toString("latin1", 0, bytes.indexOf("|")))),
        );
        return client;
      },
    }),
  };
}

/** As large as our object, with the time it was sent at. */
export function value(): string {
  return `${now().toFixed(3)}|`.padEnd(VALUE_BYTES, "x");
}
