import type { Env } from "../../../src/config.ts";
import { bindings } from "./ledger.ts";

/** The environment, with every call that addresses a Durable Object in it, as `LEDGER.idFromName(acme)`. */
export function recording(): { env: Env; addressed: string[] } {
  const addressed: string[] = [];
  const record = (binding: string, namespace: DurableObjectNamespace) =>
    new Proxy(namespace, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          addressed.push(`${binding}.${String(key)}(${args.map(String).join()})`);
          return value.apply(target, args) as unknown;
        };
      },
    });
  const objects = Object.entries(bindings).filter(([, value]) => isObjects(value));
  const recorded = objects.map(([name, value]) => [name, record(name, value as DurableObjectNamespace)]);
  return { env: { ...bindings, ...Object.fromEntries(recorded) }, addressed };
}

function isObjects(value: unknown): boolean {
  return typeof (value as { idFromName?: unknown } | null)?.idFromName === "function";
}
