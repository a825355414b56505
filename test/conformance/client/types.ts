/** What travels on the wire, as far as the suite looks at it. */

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    uid: string;
    resourceVersion: string;
    generation?: number;
  };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

export interface KubeList {
  kind: string;
  apiVersion: string;
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: KubeObject[];
}

export interface StatusCause {
  reason: string;
  message: string;
  field?: string;
}

export interface Status {
  kind: "Status";
  apiVersion: "v1";
  metadata: { continue?: string };
  status: "Success" | "Failure";
  message: string;
  reason: string;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: StatusCause[];
    retryAfterSeconds?: number;
  };
  code: number;
}

export interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: KubeObject;
}

/** A frame of `gitstore.watch.v1`. */
export interface Frame {
  sent: number;
  head: string;
  at: number;
  prev?: string;
  rv: string;
  events: WatchEvent[];
  snapshot?: boolean;
  end?: boolean;
  partial?: boolean;
  compacted?: boolean;
  standby?: boolean;
  epoch?: number;
}

/** A kind as its paths and objects name it. */
export interface KindPath {
  group: string;
  version: string;
  plural: string;
  kind: string;
}

export const rvOf = (object: KubeObject): number => Number(object.metadata.resourceVersion);

/** `TYPE name@rv`: what an event says, in a form that is compared and printed. */
export const told = ({ type, object }: WatchEvent): string =>
  `${type} ${object.metadata.name}@${object.metadata.resourceVersion}`;
