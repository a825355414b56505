/** What the runbooks name, and so what has to be exercised: a unit test holds this to the pages, test/e2e/runbooks/ runs it. */

export interface Named {
  /** Lines of the page's `sh` blocks. */
  commands: string[];
  /** Metrics, and log messages. */
  signals: string[];
}

const METRICS = `curl -sf -H "Authorization: Bearer $GITSTORE_TOKEN" "$GITSTORE_SERVER/metrics?namespace=acme"`;
const READY = `curl -s -H "Authorization: Bearer $GITSTORE_TOKEN" "$GITSTORE_SERVER/readyz"`;
const WINDOWS = `npx wrangler d1 execute REPLAY --remote --json --command "SELECT ns, floor, head, datetime(at / 1000, 'unixepoch') AS flushed FROM spaces ORDER BY ns"`;
const REVOCATIONS = `curl -sf -H "Authorization: Bearer $GITSTORE_TOKEN" "$GITSTORE_SERVER/admin/revocations"`;

/** deploy.test.ts runs it. */
export const SECRETS = `(umask 077; for name in TOKEN_SIGNING_KEY=k1: SEALING_KEY=; do echo "$name$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=')"; done > secrets.env)`;

const TAIL_FULL = "D1 is away and the tail is full: the oldest events went without it";
const DATABASE_FULL = "the replay database is full: the oldest events of its longest window went";
const SEALED = "a webhook secret cannot be opened: was SEALING_KEY changed? rotate it";

export const RUNBOOKS = {
  README: {
    commands: ["export GITSTORE_SERVER=https://edge.example GITSTORE_TOKEN=$(gitstorectl token create --role admin)"],
    signals: ["gitstore_gauges_age_seconds", "gitstore_http_requests_total", "gitstore_deliveries_total"],
  },
  "lagging-controller": {
    commands: [
      "gitstorectl watchers acme",
      METRICS,
      "gitstorectl watch acme --rv 1 --count 1",
      "gitstorectl watchers acme --delete inventory --subject serviceaccount:acme:inventory",
    ],
    signals: [
      "gitstore_watcher_lag_events",
      "gitstore_watcher_lag_seconds",
      "gitstore_watcher_connected",
      "gitstore_closed_slow_total",
      "gitstore_watchers",
      "gitstore_parked_total",
    ],
  },
  "replay-window-exceeded": {
    commands: [
      METRICS,
      "gitstorectl watchers acme",
      WINDOWS,
      "gitstorectl watch acme --rv 2 --count 1",
      "gitstorectl watch acme products --count 1",
      "gitstorectl events acme --type push-rejected",
    ],
    signals: [
      "gitstore_resumes_total",
      "gitstore_window_floor",
      "gitstore_resource_version_head",
      "gitstore_tail_events",
      DATABASE_FULL,
      TAIL_FULL,
    ],
  },
  "d1-unavailable": {
    commands: [
      READY,
      METRICS,
      `npx wrangler d1 execute REPLAY --remote --json --command "SELECT 1 AS answers"`,
      "npm run db:migrate",
      `curl -sf "$GITSTORE_SERVER/readyz"`,
    ],
    signals: ["gitstore_outbox_depth", "gitstore_outbox_age_seconds", "a flush to D1 failed; it is retried", TAIL_FULL],
  },
  restore: {
    commands: [
      METRICS,
      WINDOWS,
      "gitstorectl watch acme --rv 9 --count 1",
      "gitstorectl repo list acme",
      "gitstorectl repo sync acme/catalog",
      "gitstorectl repo rotate-secret acme/catalog",
      "gitstorectl repo show acme/catalog",
      "gitstorectl get acme products",
      "gitstorectl events acme --type branch-updated",
    ],
    signals: ["gitstore_resource_version_head"],
  },
  deploy: {
    commands: [
      "npx wrangler deploy --dry-run --outdir dist/worker",
      "npm run size",
      `curl -sf "$GITSTORE_SERVER/version"`,
      "gitstorectl drain --over 30s",
      "npm run deploy",
      SECRETS,
      "npm run deploy -- --secrets-file secrets.env",
      READY,
      METRICS,
      "gitstorectl watchers acme",
      "npx wrangler rollback",
    ],
    signals: [
      "gitstore_watchers",
      "gitstore_resumes_total",
      "gitstore_http_requests_total",
      "the configuration is wrong",
    ],
  },
  webhooks: {
    commands: [
      "gitstorectl repo show acme/catalog",
      METRICS,
      `curl -s -o /dev/null -w '%{http_code}\\n' -X POST "$GITSTORE_SERVER/webhooks/acme/catalog"`,
      "gitstorectl repo sync acme/catalog",
      "gitstorectl repo rotate-secret acme/catalog --overlap 24h",
      "gitstorectl hooks install /srv/git/catalog.git acme/catalog",
      "gitstorectl repo sync acme/catalog --allow-mass-delete",
    ],
    signals: ["gitstore_found_by_poll_total", "gitstore_deliveries_total", "a look at the remote failed", SEALED],
  },
  "key-rotation": {
    commands: [
      "openssl rand -base64 32 | tr '+/' '-_' | tr -d '='",
      "npx wrangler secret put TOKEN_SIGNING_KEY",
      `curl -sf -X POST -H "Authorization: Bearer $GITSTORE_TOKEN" -H 'Content-Type: application/json' -d '{"sub": "user:mallory", "reason": "leaked"}' "$GITSTORE_SERVER/admin/revocations"`,
      REVOCATIONS,
      REVOCATIONS.replace("curl -sf", "curl -sf -X DELETE").replace(/revocations"$/, 'revocations/sub/user:mallory"'),
      "gitstorectl repo rotate-secret acme/catalog --overlap 24h",
      "npx wrangler secret put SEALING_KEY",
      "gitstorectl repo list acme",
      "gitstorectl repo rotate-secret acme/catalog",
      "npx wrangler secret put GIT_CREDENTIALS_ACME",
      "gitstorectl repo sync acme/catalog",
      "gitstorectl get acme products",
      "gitstorectl token create --role reader --namespace acme",
      "gitstorectl repo show acme/catalog",
    ],
    signals: [SEALED],
  },
} as const satisfies Record<string, Named>;

export type RunbookName = keyof typeof RUNBOOKS;
