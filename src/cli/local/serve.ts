/**
 * The process that runs workerd. It leads a process group of its own, so that whoever started it can end it and
 * workerd together; and when whoever started it dies, it ends the group itself, for workerd would go on for ever.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type WorkerdStructuredLog } from "miniflare";
import type { FromServe, ServeRequest, ToServe } from "./messages.ts";
import { applyMigrations } from "./migrate.ts";
import type { Settings } from "./settings.ts";

async function serve(request: ServeRequest): Promise<Miniflare> {
  const settings = JSON.parse(readFileSync(join(request.bundle, "settings.json"), "utf8")) as Settings;
  const miniflare = new Miniflare(options(request, settings));
  await miniflare.ready;
  for (const { binding, migrations } of settings.databases) {
    await applyMigrations(await miniflare.getD1Database(binding), migrations);
  }
  return miniflare;
}

function options(request: ServeRequest, { name, worker }: Settings): ConstructorParameters<typeof Miniflare>[0] {
  const converted = convertV4MiniflareOptions({
    host: request.host,
    port: 0,
    cf: false,
    log: new Log(LogLevel.WARN),
    telemetry: { enabled: false },
    handleStructuredLogs: printLog,
    workers: [
      {
        ...worker,
        name,
        modules: modules(request.bundle),
        bindings: { ...(worker.bindings as Record<string, string>), ...request.vars },
        // Past miniflare's own entry Worker, which halves the request rate and compresses WebSockets whatever the
        // Worker's flags say.
        unsafeDirectSockets: [{ host: request.host, port: request.port }],
      },
    ],
  });
  // "v3" is where `wrangler d1 … --local --persist-to DIR` looks.
  return { ...converted, resourcePersistencePath: join(request.stateDir, "v3") };
}

interface Module {
  type: "ESModule" | "Text" | "Data" | "CompiledWasm";
  path: string;
  contents: Uint8Array<ArrayBuffer>;
}

/** The code first, then what it imports as text or bytes: wrangler lays those beside it. */
function modules(bundle: string): Module[] {
  const imported = readdirSync(bundle).filter((name) => !/^(worker\.js|settings\.json|README\.md|.*\.map)$/.test(name));
  return ["worker.js", ...imported].map((name) => ({
    type: moduleType(name),
    path: name,
    contents: new Uint8Array(readFileSync(join(bundle, name))),
  }));
}

function moduleType(name: string): Module["type"] {
  if (name.endsWith(".js")) return "ESModule";
  if (name.endsWith(".wasm")) return "CompiledWasm";
  return name.endsWith(".bin") ? "Data" : "Text";
}

/** The Worker writes whole lines; they are passed on as they are. */
function printLog({ level, message }: WorkerdStructuredLog): void {
  const stream = level === "error" || level === "warn" ? process.stderr : process.stdout;
  stream.write(`${message}\n`);
}

function answer(message: FromServe): void {
  process.send?.(message);
}

function killGroup(): never {
  process.kill(-process.pid, "SIGKILL");
  process.exit(1);
}

let running: Promise<Miniflare> | undefined;

async function start(request: ServeRequest): Promise<void> {
  try {
    running = serve(request);
    const miniflare = await running;
    answer({ url: String(await miniflare.unsafeGetDirectURL()).replace(/\/$/, "") });
  } catch (error) {
    answer({ failed: error instanceof Error ? error.message : String(error) });
  }
}

async function stop(): Promise<void> {
  await running?.then((miniflare) => miniflare.dispose()).catch(() => undefined);
  process.exit(0);
}

// A terminal's Ctrl-C, or a signal to the whole group, also reaches the starter, which stops this process in order.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.on("disconnect", killGroup);
process.on("message", (message: ToServe) => {
  void ("serve" in message ? start(message.serve) : stop());
});
