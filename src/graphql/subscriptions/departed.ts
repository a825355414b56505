/** The objects of a namespace that was deleted, so that who watched them hears of each that it is gone. */
import type { GraphQLError } from "graphql";
import type { LedgerStub } from "../../ledger/api.ts";
import type { KindDef } from "../../resource/kind.ts";
import { expired, unavailable } from "./ending.ts";
import type { WatchedObject } from "./stream.ts";

const PAGE = 100;

export interface DepartedOptions {
  ledger: LedgerStub;
  kind: KindDef;
  namespace: string;
  labelSelector?: string | undefined;
  /** Of the Namespace that was deleted, where it is known: one made again under the name is another. */
  uid?: string | undefined;
  /** Whether the subscriber was told of any of them: else none need be said to be gone. */
  wasTold: boolean;
  wake(): void;
  /** Where the subscriber goes on if this fails. */
  cursor(): string;
}

type Answer =
  | { is: "object"; object: WatchedObject; last: boolean }
  | { is: "none" }
  | { is: "error"; error: GraphQLError };

/** Reads a page when there is nothing left to take, and no more. */
export class Departed {
  readonly #options: DepartedOptions;
  #page: WatchedObject[] = [];
  #after: string | undefined;
  #isLastPage = false;
  #reading = false;
  #error: GraphQLError | undefined;

  constructor(options: DepartedOptions) {
    this.#options = options;
  }

  /** `none`: that was all. Undefined: the next page is on its way. */
  take(): Answer | undefined {
    if (this.#error) return { is: "error", error: this.#error };
    const object = this.#page.shift();
    if (object) {
      const last = this.#page.length === 0 && this.#isLastPage;
      return { is: "object", object, last };
    }
    if (this.#isLastPage) return { is: "none" };
    if (!this.#reading) void this.#read();
    return undefined;
  }

  async #read(): Promise<void> {
    this.#reading = true;
    try {
      await this.#readPage(this.#after === undefined);
    } catch (error) {
      const why = error instanceof Error ? error.message : "it does not answer";
      this.#error = unavailable(
        this.#options.cursor(),
        `what was in ${this.#options.namespace} cannot be read: ${why}`,
      );
    }
    this.#reading = false;
    this.#options.wake();
  }

  async #readPage(first: boolean): Promise<void> {
    const { ledger, kind, labelSelector, uid, namespace, wasTold } = this.#options;
    if (first && uid !== undefined) {
      const head = await ledger.head();
      if (head.ok && head.value.uid !== uid) return this.#lost(`namespace ${namespace} was deleted and made again`);
    }
    const page = await ledger.list({
      kind: kind.key,
      limit: PAGE,
      ended: true,
      ...(labelSelector ? { labelSelector } : {}),
      ...(this.#after === undefined ? {} : { after: this.#after }),
    });
    if (!page.ok) {
      if (page.error.code !== "NoNamespace") throw new Error(page.error.code);
      if (wasTold) return this.#lost(`namespace ${namespace} is gone, and what it held is not known any more`);
      this.#isLastPage = true;
      return;
    }
    this.#page = page.value.items.map((text) => JSON.parse(text) as WatchedObject);
    this.#after = page.value.next;
    this.#isLastPage = page.value.next === undefined;
  }

  #lost(message: string): void {
    this.#error = expired("RETENTION_EXPIRED", message);
  }
}
