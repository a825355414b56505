import type { Vars } from "./devVars.ts";

/** Between `server.ts` and the process that runs workerd (`serve.ts`); never by argv or environment, for the secrets. */
export interface ServeRequest {
  /** A bundle's directory. */
  bundle: string;
  stateDir: string;
  host: string;
  /** 0: any free one. */
  port: number;
  vars: Vars;
}

export type ToServe = { serve: ServeRequest } | { stop: true };
export type FromServe = { url: string } | { failed: string };
