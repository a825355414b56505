/** String and number formats of schemas. Unknown formats pass, as in Kubernetes. */

// RFC 3339 with a mandatory offset: a time without one means another instant on every machine.
const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-](\d{2}):(\d{2}))$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DECIMAL = /^-?(0|[1-9]\d*)(\.\d+)?$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function isDay(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function isDateTime(value: string): boolean {
  const match = DATE_TIME.exec(value);
  if (match === null) return false;
  const part = (index: number) => Number(match[index] ?? 0);
  // 60 is RFC 3339's leap second.
  const isTime = part(4) <= 23 && part(5) <= 59 && part(6) <= 60 && part(9) <= 23 && part(10) <= 59;
  return isTime && isDay(part(1), part(2), part(3));
}

function isDate(value: string): boolean {
  const match = DATE.exec(value);
  return match !== null && isDay(Number(match[1]), Number(match[2]), Number(match[3]));
}

/** Milliseconds since 1970 of a `date-time`, or undefined where it is none. */
export function timeOf(value: string): number | undefined {
  if (!isDateTime(value)) return undefined;
  const time = Date.parse(value.toUpperCase().replace(/:60(?=[.Z+-])/, ":59"));
  return Number.isNaN(time) ? undefined : time;
}

export function stringFormatProblem(format: string, value: string): string | undefined {
  switch (format) {
    case "date-time":
      return isDateTime(value) ? undefined : "must be an RFC 3339 time with an offset, such as 2026-01-31T09:00:00Z";
    case "date":
      return isDate(value) ? undefined : "must be a date, such as 2026-01-31";
    case "decimal":
      return DECIMAL.test(value) ? undefined : "must be a decimal number, such as 19.99";
    case "uri":
      return URL.canParse(value) ? undefined : "must be an absolute URI";
    case "uuid":
      return UUID.test(value) ? undefined : "must be a UUID";
    default:
      return undefined;
  }
}

const INT32_MAX = 2 ** 31 - 1;

export function numberFormatProblem(format: string, value: number): string | undefined {
  if (format !== "int32") return undefined;
  return value > INT32_MAX || value < -INT32_MAX - 1 ? "must fit in 32 bits" : undefined;
}
