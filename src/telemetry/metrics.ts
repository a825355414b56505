/** Prometheus text (exposition format 0.0.4). */

export type MetricType = "counter" | "gauge";
export type Labels = Record<string, string>;

export interface Sample {
  labels: Labels;
  value: number;
}

export interface Metric {
  name: string;
  type: MetricType;
  help: string;
  samples: Sample[];
}

/** What a ledger says of itself; the shape of the ledger's `stats()`. */
export interface LedgerGauges {
  namespace: string;
  rv: number;
  tailEvents: number;
  tailBytes: number;
  outboxDepth: number;
  outboxAgeMs: number;
  windowFloor: number;
  watchers: { connected: number; parked: number };
  /** Named watchers; absent in gauges that an older version published. */
  named?: { name: string; subject: string; lagEvents: number; lagSeconds: number; connected: boolean }[];
  counters: Record<string, number>;
  alarmOverdueMs: number;
}

interface Gauge {
  name: string;
  help: string;
  read: (gauges: LedgerGauges) => { labels?: Labels; value: number }[];
}

const one = (value: number) => [{ value }];
const labelsOf = ({ name, subject }: { name: string; subject: string }): Labels => ({ watcher: name, subject });

const GAUGES: Gauge[] = [
  { name: "resource_version_head", help: "The newest resourceVersion.", read: ({ rv }) => one(rv) },
  { name: "tail_events", help: "Events in the ledger's own tail.", read: ({ tailEvents }) => one(tailEvents) },
  { name: "tail_bytes", help: "Bytes of the tail.", read: ({ tailBytes }) => one(tailBytes) },
  {
    name: "outbox_depth",
    help: "Events that the D1 window does not have yet.",
    read: ({ outboxDepth }) => one(outboxDepth),
  },
  {
    name: "outbox_age_seconds",
    help: "Age of the oldest of them.",
    read: ({ outboxAgeMs }) => one(outboxAgeMs / 1000),
  },
  {
    name: "window_floor",
    help: "The oldest resourceVersion that a watch may resume from, in the D1 window or the tail.",
    read: ({ windowFloor }) => one(windowFloor),
  },
  {
    name: "watchers",
    help: "Watchers by state; parked ones wait for their acknowledgement.",
    read: ({ watchers }) => [
      { labels: { state: "connected" }, value: watchers.connected },
      { labels: { state: "parked" }, value: watchers.parked },
    ],
  },
  {
    name: "watcher_lag_events",
    help: "How many resourceVersions a named watcher's durable position is behind.",
    read: ({ named = [] }) => named.map((watcher) => ({ labels: labelsOf(watcher), value: watcher.lagEvents })),
  },
  {
    name: "watcher_lag_seconds",
    help: "How long ago the first event was that a named watcher has not worked.",
    read: ({ named = [] }) => named.map((watcher) => ({ labels: labelsOf(watcher), value: watcher.lagSeconds })),
  },
  {
    name: "watcher_connected",
    help: "Whether a connection of a named watcher works.",
    read: ({ named = [] }) => named.map((watcher) => ({ labels: labelsOf(watcher), value: watcher.connected ? 1 : 0 })),
  },
  {
    name: "alarm_overdue_seconds",
    help: "How late the ledger's alarm is.",
    read: ({ alarmOverdueMs }) => one(alarmOverdueMs / 1000),
  },
];

interface Counter {
  name: string;
  help: string;
  labels?: Labels;
  /** What one of the ledger's units is in the metric's. */
  scale?: number;
}

/** Counters of a ledger that are one metric with a label; the others are named after their key. */
const COUNTERS: Record<string, Counter> = {
  eventsSent: { name: "events_sent_total", help: "Events sent to watchers." },
  resumesTail: { name: "resumes_total", help: "Watches resumed, by where from.", labels: { kind: "tail" } },
  resumesWindow: { name: "resumes_total", help: "Watches resumed, by where from.", labels: { kind: "window" } },
  compacted: { name: "resumes_total", help: "Watches resumed, by where from.", labels: { kind: "compacted" } },
  expired: { name: "resumes_total", help: "Watches resumed, by where from.", labels: { kind: "expired" } },
  commits: { name: "commit_seconds_count", help: "Writes that went through a transaction, refused ones included." },
  commitMs: {
    name: "commit_seconds_sum",
    help: "From a write's arrival to the end of its transaction.",
    scale: 0.001,
  },
  admitted: { name: "admissions_total", help: "Changes that admission judged.", labels: { result: "admitted" } },
  refused: { name: "admissions_total", help: "Changes that admission judged.", labels: { result: "refused" } },
  unchanged: { name: "admissions_total", help: "Changes that admission judged.", labels: { result: "unchanged" } },
  foundByPoll: { name: "found_by_poll_total", help: "Moves of refs that no delivery had announced." },
};

const PREFIX = "gitstore_";

/** The metrics of ledgers, one sample a ledger (and label). */
export function ledgerMetrics(ledgers: readonly LedgerGauges[]): Metric[] {
  const metrics = new Map<string, Metric>();
  const add = (name: string, type: MetricType, help: string, sample: Sample) => {
    const metric = metrics.get(name) ?? { name: `${PREFIX}${name}`, type, help, samples: [] };
    metric.samples.push(sample);
    metrics.set(name, metric);
  };
  for (const ledger of ledgers) {
    const { namespace } = ledger;
    for (const gauge of GAUGES) {
      for (const { labels = {}, value } of gauge.read(ledger)) {
        add(gauge.name, "gauge", gauge.help, { labels: { namespace, ...labels }, value });
      }
    }
    for (const [key, value] of Object.entries(ledger.counters)) {
      const {
        name,
        help,
        labels = {},
        scale = 1,
      } = COUNTERS[key] ?? { name: `${snakeCase(key)}_total`, help: `Count of ${key}.` };
      add(name, "counter", help, { labels: { namespace, ...labels }, value: value * scale });
    }
  }
  return [...metrics.values()];
}

function snakeCase(key: string): string {
  return key
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, "_");
}

export function renderMetrics(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) => {
      const lines = samples.map(({ labels, value }) => `${name}${renderLabels(labels)} ${renderValue(value)}\n`);
      return `# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n# TYPE ${name} ${type}\n${lines.join("")}`;
    })
    .join("");
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => {
    return `${key}="${value.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/"/g, '\\"')}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function renderValue(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
}

/** Counts of this isolate, which comes and goes: a scraper sees resets, as it does for a restarted process. */
export class RequestCounter {
  readonly #counts = new Map<string, { labels: Labels; value: number }>();
  readonly #name: string;
  readonly #help: string;

  constructor(name = "http_requests_total", help = "Requests answered by this isolate, by audience and status.") {
    this.#name = name;
    this.#help = help;
  }

  count(labels: Labels): void {
    const key = JSON.stringify(labels);
    const entry = this.#counts.get(key);
    if (entry) entry.value += 1;
    else this.#counts.set(key, { labels, value: 1 });
  }

  metric(): Metric {
    return {
      name: `${PREFIX}${this.#name}`,
      type: "counter",
      help: this.#help,
      samples: [...this.#counts.values()],
    };
  }
}
