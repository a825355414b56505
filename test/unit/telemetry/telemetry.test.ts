import { describe, expect, it } from "vitest";
import { logLine, redactText } from "../../../src/telemetry/log.ts";
import { type LedgerGauges, ledgerMetrics, RequestCounter, renderMetrics } from "../../../src/telemetry/metrics.ts";
import { continueTrace, formatTraceparent, parseTraceparent } from "../../../src/telemetry/trace.ts";

describe("a log line", () => {
  const line = (msg: string, fields: Record<string, unknown> = {}) =>
    logLine("info", msg, fields, new Date("2026-11-21T09:00:00Z"));

  it("is one JSON object on one line", () => {
    const text = line("a\nb", { requestId: "r-1", namespace: "acme", rv: "7" });
    expect(text).not.toContain("\n");
    expect(JSON.parse(text)).toEqual({
      at: "2026-11-21T09:00:00.000Z",
      level: "info",
      msg: "a\nb",
      requestId: "r-1",
      namespace: "acme",
      rv: "7",
    });
  });

  it.each(["token", "secret", "authorization", "password", "TOKEN_SIGNING_KEY", "webhookSecret"])(
    "never shows what is called %s, however deep",
    (name) => {
      expect(line("x", { deep: [{ [name]: "hunter2" }] })).not.toContain("hunter2");
    },
  );

  it.each([
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "whsec_aHVudGVyMmh1bnRlcjI=",
    "https://alice:hunter2@git.test/repo.git",
    "base64url.bearer.authorization.k8s.io.ZXlKaGJHY2lPaUpJVXpJMU5pSjk",
  ])("never shows a secret that stands inside a text: %s", (text) => {
    for (const part of ["c2lnbmF0dXJl", "aHVudGVyMmh1bnRlcjI", "hunter2", "ZXlKaGJHY2lPaUpJVXpJMU5pSjk"]) {
      expect(line(text, { error: new Error(text), path: text })).not.toContain(part);
    }
  });

  it("never holds a body, and is bounded", () => {
    expect(line("x", { body: { title: "hunter2" } })).not.toContain("hunter2");
    expect(redactText("x".repeat(10_000)).length).toBeLessThan(2_100);
  });

  it("takes what refers to itself", () => {
    const loop: Record<string, unknown> = {};
    loop.loop = loop;
    expect(() => line("x", loop)).not.toThrow();
  });
});

describe("a trace", () => {
  const PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const zeros = (length: number) => new Uint8Array(length).fill(1);

  it("goes on with the caller's id and a span of our own", () => {
    const trace = continueTrace(PARENT, zeros);
    expect(formatTraceparent(trace)).toBe("00-4bf92f3577b34da6a3ce929d0e0e4736-0101010101010101-01");
  });

  it.each([
    null,
    "",
    "nonsense",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `00-4bf92f3577b34da6a3ce929d0e0e4736-${"0".repeat(16)}-01`,
    `${PARENT}-more`,
  ])("starts anew for %s", (incoming) => {
    expect(parseTraceparent(incoming)).toBeUndefined();
    expect(continueTrace(incoming, zeros).traceId).toBe("01".repeat(16));
  });

  it("of a later version is read as far as it is known", () => {
    expect(parseTraceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-comes")).toMatchObject({
      sampled: false,
    });
  });
});

describe("metrics", () => {
  const gauges: LedgerGauges = {
    namespace: "acme",
    rv: 120,
    tailEvents: 10,
    tailBytes: 2_048,
    outboxDepth: 3,
    outboxAgeMs: 1_500,
    windowFloor: 1,
    watchers: { connected: 4, parked: 1 },
    named: [{ name: "inventory", subject: "user:a", lagEvents: 6, lagSeconds: 30, connected: true }],
    counters: {
      eventsSent: 9,
      resumesTail: 2,
      resumesWindow: 1,
      expired: 5,
      closedSlow: 7,
      commits: 4,
      commitMs: 250,
      admitted: 3,
      refused: 2,
      foundByPoll: 1,
    },
    alarmOverdueMs: 0,
  };

  it("are those that the contract names, in Prometheus' form", () => {
    const text = renderMetrics(ledgerMetrics([gauges, { ...gauges, namespace: "other", rv: 7 }]));
    for (const line of [
      "# TYPE gitstore_resource_version_head gauge",
      'gitstore_resource_version_head{namespace="acme"} 120',
      'gitstore_resource_version_head{namespace="other"} 7',
      'gitstore_tail_events{namespace="acme"} 10',
      'gitstore_outbox_depth{namespace="acme"} 3',
      'gitstore_outbox_age_seconds{namespace="acme"} 1.5',
      'gitstore_window_floor{namespace="acme"} 1',
      'gitstore_watchers{namespace="acme",state="connected"} 4',
      'gitstore_watchers{namespace="acme",state="parked"} 1',
      "# TYPE gitstore_events_sent_total counter",
      'gitstore_events_sent_total{namespace="acme"} 9',
      'gitstore_resumes_total{namespace="acme",kind="tail"} 2',
      'gitstore_resumes_total{namespace="acme",kind="window"} 1',
      'gitstore_resumes_total{namespace="acme",kind="expired"} 5',
      'gitstore_closed_slow_total{namespace="acme"} 7',
      'gitstore_watcher_lag_events{namespace="acme",watcher="inventory",subject="user:a"} 6',
      'gitstore_watcher_lag_seconds{namespace="acme",watcher="inventory",subject="user:a"} 30',
      'gitstore_watcher_connected{namespace="acme",watcher="inventory",subject="user:a"} 1',
      'gitstore_commit_seconds_count{namespace="acme"} 4',
      'gitstore_commit_seconds_sum{namespace="acme"} 0.25',
      'gitstore_admissions_total{namespace="acme",result="admitted"} 3',
      'gitstore_admissions_total{namespace="acme",result="refused"} 2',
      'gitstore_found_by_poll_total{namespace="acme"} 1',
    ]) {
      expect(text.split("\n")).toContain(line);
    }
  });

  it("are announced once each", () => {
    const text = renderMetrics(ledgerMetrics([gauges, { ...gauges, namespace: "other" }]));
    const types = text.split("\n").filter((line) => line.startsWith("# TYPE"));
    expect(new Set(types).size).toBe(types.length);
    expect(text.endsWith("\n")).toBe(true);
  });

  it("escape what a label may hold", () => {
    const counter = new RequestCounter();
    counter.count({ code: 'a"b\\c\nd' });
    counter.count({ code: 'a"b\\c\nd' });
    expect(renderMetrics([counter.metric()])).toContain('gitstore_http_requests_total{code="a\\"b\\\\c\\nd"} 2\n');
  });
});
