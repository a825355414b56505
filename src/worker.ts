/** The Worker: the Hono app, and the Durable Object classes; nothing else. */
export { RepositoryObject } from "./git/repository.ts";
export { Ledger } from "./watch/ledger.ts";

import { createApp } from "./http/app.ts";

export default createApp();
