/** Logs: one JSON object a line, with the same names everywhere. Never a token, a secret or a body. */

export type Level = "debug" | "info" | "warn" | "error";

/** `requestId`, `namespace`, `rv` and `traceparent` are those that lines are found by. */
export type LogFields = Record<string, unknown>;

const MAX_TEXT_CHARS = 2_000;
const SECRET_FIELD =
  /(authorization|token|secret|password|credential|signature|cookie|signing_?key|sealing_?key|private_?key)/i;
const BODY_FIELD = /^(body|payload)$/i;

/** Texts that give a secret away wherever they stand: JWTs, webhook secrets, credentials in URLs, bearer headers. */
const SECRET_TEXTS: [RegExp, string][] = [
  [/\beyJ[\w-]{6,}\.[\w-]*\.?[\w-]*/g, "[token]"],
  [/\bwhsec_[\w+/=-]+/g, "[secret]"],
  [/\b(bearer|basic)\s+[\w.~+/=-]+/gi, "$1 [redacted]"],
  [/(base64url\.bearer\.authorization\.k8s\.io\.)[\w-]+/g, "$1[redacted]"],
  [/(\w+:\/\/)[^\s/@]+@/g, "$1[redacted]@"],
];

export function redactText(text: string): string {
  let clean = text.length > MAX_TEXT_CHARS ? `${text.slice(0, MAX_TEXT_CHARS)}…` : text;
  for (const [pattern, replacement] of SECRET_TEXTS) clean = clean.replace(pattern, replacement);
  return clean;
}

/** A copy that can be written down. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (value === null || typeof value !== "object") return typeof value === "bigint" ? String(value) : value;
  if (depth > 4) return "[…]";
  if (value instanceof Error) return redactText(`${value.name}: ${value.message}`);
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (BODY_FIELD.test(key)) return [key, "[body]"];
      return [
        key,
        SECRET_FIELD.test(key) && item !== undefined && item !== null ? "[redacted]" : redact(item, depth + 1),
      ];
    }),
  );
}

export function logLine(level: Level, msg: string, fields: LogFields, now: Date): string {
  return JSON.stringify({ at: now.toISOString(), level, msg: redactText(msg), ...(redact(fields) as LogFields) });
}

export function log(level: Level, msg: string, fields: LogFields = {}): void {
  const line = logLine(level, msg, fields, new Date());
  if (level === "error") console.error(line);
  else if (level === "warn") console.warn(line);
  else console.log(line);
}
