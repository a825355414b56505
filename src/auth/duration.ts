const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `24h`, `1h30m`. Undefined where it is none. */
export function durationMs(value: unknown): number | undefined {
  if (typeof value !== "string" || !/^([0-9]{1,9}(ms|s|m|h|d))+$/.test(value)) return undefined;
  let total = 0;
  for (const [, amount = "0", unit = "s"] of value.matchAll(/([0-9]+)(ms|s|m|h|d)/g))
    total += Number(amount) * (UNIT_MS[unit] ?? 0);
  return total;
}
