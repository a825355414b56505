import type { KindPath, KubeObject } from "../client/types.ts";
import type { Meta } from "../types.ts";

/**
 * How the suite makes objects change. Whatever a server calls its kinds: one that implements this runs the suite. The
 * kind has to be selectable by labels and `metadata.name`, and may have no objects of its own in a new namespace that
 * change by themselves.
 */
export interface Writer {
  readonly kind: KindPath;
  /** A second kind of the same namespace, for streams of several kinds. */
  readonly other: KindPath;
  /** An object as a client would send it. */
  object(name: string, meta?: Meta): Record<string, unknown>;
  create(namespace: string, name: string, meta?: Meta): Promise<KubeObject>;
  /** Replaces the labels and annotations that are given. */
  update(namespace: string, name: string, meta: Meta): Promise<KubeObject>;
  remove(namespace: string, name: string): Promise<void>;
  createOther(namespace: string, name: string): Promise<KubeObject>;
}

export interface BatchChange {
  name: string;
  /** Null: deletes it. */
  title: string | null;
  labels?: Record<string, string>;
  /** Grows the object to about so many bytes. */
  bytes?: number;
}

/** Several changes in one transaction. */
export interface BatchWriter {
  readonly kind: KindPath;
  /** Returns when all of them are applied. */
  apply(changes: readonly BatchChange[]): Promise<void>;
}
