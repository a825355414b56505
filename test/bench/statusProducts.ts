import { productFile, productPath, products } from "../../src/cli/demo/catalog.ts";
import type { Ours } from "./ours.ts";
import { stamp } from "./stats.ts";
import { SENT } from "./watcher.ts";

const API_VERSION = "catalog.gitstore.dev/v1beta1";

export interface StatusInput {
  kind: string;
  namespace: string;
  name: string;
  resourceVersion: string;
  conditions: { type: string; status: string; reason: string; message: string }[];
}

/** Products whose statuses are written, each with what it was at after its last write. */
export class StatusProducts {
  readonly names: readonly string[];
  readonly namespace: string;
  readonly #versions: string[];

  private constructor(namespace: string, names: readonly string[], versions: string[]) {
    this.namespace = namespace;
    this.names = names;
    this.#versions = versions;
  }

  /** In a new namespace. */
  static async make(ours: Ours, namespace: string, count: number): Promise<StatusProducts> {
    await ours.namespace(namespace);
    await ours.ledgerRepository(namespace);
    const rows = products(count);
    await ours.push(
      namespace,
      rows.map((each) => productFile(each)),
    );
    const names = rows.map((each) => productPath(each).replace(/^.*\/|\.md$/g, ""));
    const versions = await Promise.all(
      names.map(async (name) => versionOf(await ours.request("GET", pathOf(namespace, name)))),
    );
    return new StatusProducts(namespace, names, versions);
  }

  path(i: number): string {
    return pathOf(this.namespace, this.names[i] ?? "");
  }

  /** Writes the i-th's status: one condition, as large as a controller's. @returns its resourceVersion after it */
  async write(i: number, put: (status: StatusInput) => Promise<string>): Promise<string> {
    const message = `${SENT}${stamp()}|`.padEnd(200, "x");
    const written = await put({
      kind: "Product",
      namespace: this.namespace,
      name: this.names[i] ?? "",
      resourceVersion: this.#versions[i] ?? "",
      conditions: [{ type: "Checked", status: "True", reason: "Bench", message }],
    });
    this.#versions[i] = written;
    return written;
  }
}

function pathOf(namespace: string, name: string): string {
  return `/apis/${API_VERSION}/namespaces/${namespace}/products/${name}`;
}

/** @param object as an API answers with it */
export function versionOf(object: unknown): string {
  return (object as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
}
