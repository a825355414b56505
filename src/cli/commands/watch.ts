import { stringify } from "yaml";
import { durationMs } from "../../auth/duration.ts";
import { type WatchEvent, type WatchOptions, watch as watchStream } from "../../client/watch.ts";
import { type Command, flag, type Invocation, text } from "../command.ts";
import { UsageError } from "../exit.ts";
import { colour, printable } from "../io.ts";

/** Of a server that never answered: then it is wrong, not cut. */
const FIRST_TRIES = 3;

export const watch: Command = {
  name: "watch",
  summary: "Prints every change of a namespace as it comes, in order, and heals every cut by itself.",
  usage: "NS [KIND...] [options]",
  options: {
    rv: {
      type: "string",
      value: "N",
      help: "Only what comes after this resourceVersion; without it, the present state first.",
    },
    now: { type: "boolean", help: "Only what comes from now on." },
    selector: { type: "string", short: "l", value: "LABELS", help: "Objects with these labels." },
    "field-selector": { type: "string", value: "FIELDS", help: "Objects with these fields." },
    bookmarks: { type: "boolean", help: "Print resume points too." },
    timeout: { type: "string", value: "DURATION", help: "End after so long, such as 30s." },
    count: { type: "string", value: "N", help: "End after so many changes." },
  },
  arguments: { min: 1, max: 100 },
  examples: [
    "gitstorectl watch acme",
    "gitstorectl watch acme products collections -o json",
    "gitstorectl watch acme gitevents --rv 1200 -o json",
  ],
  notes: '-o json prints one event a line: {"type", "object"}. Without KIND every kind is watched but gitevents.',
  async run(invocation) {
    const { io } = invocation;
    const limit = countOf(invocation);
    const stop = new AbortController();
    const abort = () => stop.abort();
    io.signal.addEventListener("abort", abort);
    if (io.signal.aborted) abort();
    const timer = startTimeout(invocation, abort);
    try {
      await print(invocation, await optionsOf(invocation, stop.signal), limit);
    } finally {
      clearTimeout(timer);
      io.signal.removeEventListener("abort", abort);
    }
  },
};

async function print(invocation: Invocation, options: WatchOptions, limit: number): Promise<void> {
  let changes = 0;
  let synced = false;
  for await (const event of watchStream(options)) {
    // Once it worked, whatever ends it is a cut: deploys, networks and namespaces come back.
    options.giveUpAfter = Number.POSITIVE_INFINITY;
    options.gone = "wait";
    if (event.type === "SYNCING" && synced) {
      invocation.io.err("the state is sent again: it replaces what was printed before\n");
    }
    if (event.type === "SYNCED") synced = true;
    printEvent(invocation, event);
    if ("object" in event) changes += 1;
    if (changes >= limit) return;
  }
}

async function optionsOf({ positionals, values, session, io }: Invocation, signal: AbortSignal): Promise<WatchOptions> {
  const [namespace = "", ...kinds] = positionals;
  const resourceVersion = text(values, "rv");
  if (resourceVersion !== undefined && !/^[0-9]+$/.test(resourceVersion)) {
    throw new UsageError(`--rv is ${JSON.stringify(resourceVersion)}: give a resourceVersion, such as 1200`);
  }
  if (resourceVersion !== undefined && flag(values, "now")) throw new UsageError("--rv and --now exclude each other");
  const labelSelector = text(values, "selector");
  const fieldSelector = text(values, "field-selector");
  return {
    server: session.server,
    token: session.renewable ? () => session.token() : await session.token(),
    namespace,
    kinds,
    signal,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(flag(values, "now") ? { sendInitialEvents: false } : {}),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    giveUpAfter: FIRST_TRIES,
    gone: "fail",
    onReconnect: ({ why, afterMs, resourceVersion: from }) => {
      const wait = afterMs === 0 ? "" : ` in ${afterMs} ms`;
      const text = `${printable(why)}; resuming${wait}${from === undefined ? "" : ` from ${from}`}`;
      io.err(`${colour(io, "dim", text, "err")}\n`);
    },
  };
}

function printEvent({ io, output, values }: Invocation, event: WatchEvent): void {
  if ("object" in event) {
    if (output === "json") io.out(`${JSON.stringify({ type: event.type, object: event.object })}\n`);
    else if (output === "yaml") io.out(`---\n${stringify({ type: event.type, object: event.object })}`);
    else
      io.out(`${row(event.resourceVersion, event.type, `${event.object.kind}/${event.object.metadata.name}`, io)}\n`);
    return;
  }
  if (!flag(values, "bookmarks")) {
    if (event.type === "LOST") io.err(`the server could not make up: ${event.kinds.join(", ")}\n`);
    return;
  }
  if (event.type !== "BOOKMARK" && event.type !== "SYNCED") return;
  const annotations = event.type === "SYNCED" ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  const object = { metadata: { resourceVersion: event.resourceVersion, ...annotations } };
  if (output === "json") io.out(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
  else if (output === "yaml") io.out(`---\n${stringify({ type: "BOOKMARK", object })}`);
  else io.out(`${row(event.resourceVersion, "BOOKMARK", "", io)}\n`);
}

const TYPE_COLOUR = { ADDED: "green", MODIFIED: "yellow", DELETED: "red", BOOKMARK: "dim" } as const;

function row(rv: string, type: keyof typeof TYPE_COLOUR, what: string, io: Invocation["io"]): string {
  return `${rv.padStart(8)}  ${colour(io, TYPE_COLOUR[type], type.padEnd(8))}  ${printable(what)}`.trimEnd();
}

function countOf({ values }: Invocation): number {
  const count = text(values, "count");
  if (count === undefined) return Number.POSITIVE_INFINITY;
  if (!/^[1-9][0-9]*$/.test(count))
    throw new UsageError(`--count is ${JSON.stringify(count)}: give a whole number from 1`);
  return Number(count);
}

function startTimeout({ values }: Invocation, abort: () => void): ReturnType<typeof setTimeout> | undefined {
  const timeout = text(values, "timeout");
  if (timeout === undefined) return undefined;
  const ms = durationMs(timeout);
  if (ms === undefined) throw new UsageError(`--timeout is ${JSON.stringify(timeout)}: give a duration such as 30s`);
  return setTimeout(abort, ms);
}
