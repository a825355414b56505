import { type KindPath, type List, pathOf } from "../../client/http.ts";
import { repository } from "../../resource/kinds/platform.ts";
import type { Condition, Resource } from "../../resource/types.ts";
import { type Command, choice, flag, type Invocation, namespaceAndName, required, text, texts } from "../command.ts";
import { Failure, UsageError } from "../exit.ts";
import { colour, printable, printDocument, printTable, warn } from "../io.ts";
import { tableOf } from "../kinds.ts";

const PROVIDERS = ["github", "git"] as const;
/** How long `repo add` waits for the first look at the remote, which tells whether a pattern matches its HEAD. */
const FIRST_LOOK_MS = 10_000;
const LOOK_EVERY_MS = 250;
/** A sync is asked after at first often, then every two seconds. */
const MAX_PAUSE_MS = 2_000;

function repositoryPath(namespace: string, name?: string): KindPath {
  return {
    group: "gitstore.dev",
    version: "v1beta1",
    plural: "repositories",
    namespace,
    ...(name === undefined ? {} : { name }),
  };
}

function webhookUrl(server: string, namespace: string, name: string): string {
  return `${server}/webhooks/${namespace}/${name}`;
}

interface IssuedSecret {
  id: string;
  secret: string;
}

export async function issueSecret(
  { session }: Pick<Invocation, "session">,
  { namespace, name }: { namespace: string; name: string },
  body: { secret?: string; overlap?: string; additional?: boolean },
): Promise<IssuedSecret> {
  const path = pathOf({ ...repositoryPath(namespace, name), subresource: "rotate-secret" });
  return await session.client.request<IssuedSecret>(path, { method: "POST", body });
}

export const repoAdd: Command = {
  name: "repo add",
  summary: "Registers a Git repository, and prints where its webhooks go and the secret that signs them.",
  usage: "NS/NAME --url URL --provider P [options]",
  options: {
    url: { type: "string", value: "URL", help: "Where it is cloned from, https." },
    provider: { type: "string", value: "P", help: `Who sends its webhooks: ${PROVIDERS.join(", ")}.` },
    secret: { type: "string", value: "S", help: "Sign with this secret instead of a random one." },
    poll: { type: "string", value: "5m|off", help: "How often it is looked at without a webhook (default 5m)." },
    "credentials-ref": {
      type: "string",
      value: "SECRET",
      help: "The Worker secret GIT_CREDENTIALS_<NAME> to fetch with.",
    },
    branch: {
      type: "string",
      multiple: true,
      value: "GLOB",
      help: "A branch that gives drafts (default main, draft).",
    },
    "release-tag": {
      type: "string",
      multiple: true,
      value: "GLOB",
      help: "A tag that gates publishing (default release/**, v[0-9]*).",
    },
    channel: { type: "string", value: "NAME", help: 'The channel its releases feed, or "none".' },
    "no-wait": { type: "boolean", help: "Do not wait for the first look at the remote." },
  },
  arguments: { min: 1, max: 1 },
  examples: [
    "gitstorectl repo add acme/catalog --url https://github.com/acme/catalog --provider github",
    "gitstorectl repo add acme/catalog --url https://git.acme.example/catalog.git --provider git --poll 1m -o json",
  ],
  notes: "The secret is shown now and never again; repo rotate-secret makes another.",
  async run(invocation) {
    const { positionals, values, session, io, output } = invocation;
    const { namespace, name } = namespaceAndName(positionals[0]);
    const url = required(values, "url", "repo add");
    const provider = choice(values, "provider", PROVIDERS);
    if (provider === undefined) throw new UsageError(`repo add needs --provider: one of ${PROVIDERS.join(", ")}`);
    const channel = text(values, "channel");
    const spec = {
      url,
      provider,
      ...given("poll", text(values, "poll")),
      ...given("credentialsRef", text(values, "credentials-ref")),
      ...given("branches", listOf(texts(values, "branch"))),
      ...given("releaseTags", listOf(texts(values, "release-tag"))),
      ...(channel === undefined ? {} : { release: { channel } }),
    };
    await session.client.create(repositoryPath(namespace), {
      apiVersion: "gitstore.dev/v1beta1",
      kind: "Repository",
      metadata: { name },
      spec,
    });
    const secret = await firstSecret(invocation, { namespace, name });
    const result = { namespace, name, webhookUrl: webhookUrl(session.server, namespace, name), secret };
    if (output === "table") {
      io.out(`repository ${namespace}/${name} added\n  webhook  ${result.webhookUrl}\n  secret   ${secret}\n`);
    } else printDocument(io, output, result);
    if (!flag(values, "no-wait")) await tellFirstLook(invocation, namespace, name);
  },
};

const given = <T>(name: string, value: T | undefined) => (value === undefined ? {} : { [name]: value });
const listOf = (values: string[]) => (values.length === 0 ? undefined : values);

async function firstSecret(invocation: Invocation, place: { namespace: string; name: string }): Promise<string> {
  const secret = text(invocation.values, "secret");
  try {
    return (await issueSecret(invocation, place, secret === undefined ? {} : { secret })).secret;
  } catch (error) {
    const message = `${place.namespace}/${place.name} is added, but has no secret yet: ${error instanceof Error ? error.message : String(error)}`;
    throw new Failure(message, `Run: gitstorectl repo rotate-secret ${place.namespace}/${place.name}`);
  }
}

/** What stands in the way is said now, not found out at the first push. */
async function tellFirstLook({ session, io }: Invocation, namespace: string, name: string): Promise<void> {
  const until = io.now() + FIRST_LOOK_MS;
  while (io.now() < until && !io.signal.aborted) {
    const { status } = await session.client.get(repositoryPath(namespace, name));
    const conditions = status?.conditions ?? [];
    const matched = conditions.find(({ type }) => type === "BranchMatched");
    for (const condition of conditions) {
      if (condition.status === "False") warn(io, `${condition.type}=False (${condition.reason}): ${condition.message}`);
    }
    if (matched !== undefined || conditions.some(({ status: state }) => state === "False")) return;
    await io.sleep(LOOK_EVERY_MS);
  }
}

export const repoList: Command = {
  name: "repo list",
  summary: "Lists a namespace's repositories.",
  usage: "NS",
  options: {},
  arguments: { min: 1, max: 1 },
  examples: ["gitstorectl repo list acme", "gitstorectl repo list acme -o json"],
  async run({ positionals, session, io, output }) {
    const list: List = await session.client.list(repositoryPath(positionals[0] ?? ""));
    if (output !== "table") return printDocument(io, output, list);
    const { columns, rows } = tableOf(repository, list.items, io.now());
    printTable(io, columns, rows);
  },
};

interface RepositoryInfo {
  secrets: { id: string; createdAt: string; notAfter?: string }[];
  lastPollAt?: string;
  nextPollAt?: string;
  foundByPoll: number;
  deliveries: { id: string; receivedAt: string; result: string }[];
}

export const repoShow: Command = {
  name: "repo show",
  summary: "Shows a repository: what it follows, its conditions, its last deliveries.",
  usage: "NS/NAME",
  options: {},
  arguments: { min: 1, max: 1 },
  examples: ["gitstorectl repo show acme/catalog", "gitstorectl repo show acme/catalog -o yaml"],
  async run({ positionals, session, io, output }) {
    const { namespace, name } = namespaceAndName(positionals[0]);
    const path = repositoryPath(namespace, name);
    const [object, info] = await Promise.all([
      session.client.get(path),
      session.client.request<RepositoryInfo>(pathOf({ ...path, subresource: "info" })),
    ]);
    const webhook = webhookUrl(session.server, namespace, name);
    if (output !== "table") return printDocument(io, output, { object, webhookUrl: webhook, info });
    io.out(`${colour(io, "bold", `${namespace}/${name}`)}\n`);
    for (const [label, value] of describeRepository(object, info, webhook))
      io.out(`  ${label.padEnd(14)} ${printable(value)}\n`);
  },
};

function describeRepository({ spec, status }: Resource, info: RepositoryInfo, webhook: string): [string, string][] {
  const words = (value: unknown) => (Array.isArray(value) ? value.join(", ") : String(value ?? ""));
  return [
    ["url", words(spec.url)],
    ["provider", words(spec.provider)],
    ["webhook", webhook],
    ["branches", words(spec.branches)],
    ["release tags", words(spec.releaseTags)],
    [
      "poll",
      `${words(spec.poll)}${info.lastPollAt ? `, last ${info.lastPollAt}` : ""}${info.nextPollAt ? `, next ${info.nextPollAt}` : ""}`,
    ],
    ["found by poll", String(info.foundByPoll)],
    ...info.secrets.map(({ id, createdAt, notAfter }): [string, string] => [
      "secret",
      `${id}, since ${createdAt}${notAfter ? `, until ${notAfter}` : ""}`,
    ]),
    ...(status?.conditions ?? []).map((condition: Condition): [string, string] => [
      "condition",
      `${condition.type}=${condition.status} ${condition.reason} ${condition.message}`,
    ]),
    ...info.deliveries
      .slice(0, 10)
      .map(({ id, receivedAt, result }): [string, string] => ["delivery", `${receivedAt} ${id} ${result}`]),
  ];
}

interface SyncState {
  id: string;
  state: "running" | "done" | "failed";
  refs: { ref: string; oid: string; applied: boolean }[];
  admitted: number;
  rejected: number;
  message?: string;
}

export const repoSync: Command = {
  name: "repo sync",
  summary: "Looks at the remote now, and returns when the refs seen at the start are fully applied, or fails.",
  usage: "NS/NAME [--allow-mass-delete]",
  options: { "allow-mass-delete": { type: "boolean", help: "Let this sync delete more than half of the resources." } },
  arguments: { min: 1, max: 1 },
  examples: ["gitstorectl repo sync acme/catalog", "gitstorectl repo sync acme/catalog --allow-mass-delete"],
  async run(invocation) {
    const { positionals, values, session, io, output } = invocation;
    const { namespace, name } = namespaceAndName(positionals[0]);
    const path = repositoryPath(namespace, name);
    const started = await session.client.request<{ sync: string }>(pathOf({ ...path, subresource: "sync" }), {
      method: "POST",
      body: { allowMassDelete: flag(values, "allow-mass-delete") },
    });
    const sync = await followSync(invocation, pathOf({ ...path, subresource: `syncs/${started.sync}` }));
    if (output !== "table") printDocument(io, output, sync);
    if (sync.state === "failed")
      throw new Failure(sync.message ?? "the sync failed", `gitstorectl repo show ${namespace}/${name} has more.`);
    if (output === "table") {
      io.out(
        `${namespace}/${name} is in sync: ${sync.refs.length} refs, ${sync.admitted} files admitted, ${sync.rejected} rejected\n`,
      );
      if (sync.rejected > 0)
        io.err(`${colour(io, "yellow", "rejected:", "err")} gitstorectl rejected ${namespace} lists them\n`);
    }
  },
};

async function followSync({ session, io }: Invocation, path: string): Promise<SyncState> {
  for (let pause = 50; ; pause = Math.min(pause * 2, MAX_PAUSE_MS)) {
    const sync = await session.client.request<SyncState>(path);
    if (io.errIsTerminal) {
      const applied = sync.refs.filter((ref) => ref.applied).length;
      io.err(
        `\r\u001b[K${sync.state === "running" ? `syncing: ${applied} of ${sync.refs.length} refs, ${sync.admitted} files` : ""}`,
      );
    }
    if (sync.state !== "running") return sync;
    if (io.signal.aborted) throw new Failure("stopped waiting; the sync goes on");
    await io.sleep(pause);
  }
}

export const repoRotateSecret: Command = {
  name: "repo rotate-secret",
  summary: "Issues another webhook secret; the one before stays valid during the overlap.",
  usage: "NS/NAME [--overlap 24h] [--secret S]",
  options: {
    overlap: {
      type: "string",
      value: "DURATION",
      help: "How long the earlier secrets stay valid (default: not at all).",
    },
    secret: { type: "string", value: "S", help: "This secret instead of a random one." },
  },
  arguments: { min: 1, max: 1 },
  examples: ["gitstorectl repo rotate-secret acme/catalog --overlap 24h"],
  async run(invocation) {
    const { positionals, values, io, output } = invocation;
    const place = namespaceAndName(positionals[0]);
    const issued = await issueSecret(invocation, place, {
      ...given("secret", text(values, "secret")),
      ...given("overlap", text(values, "overlap")),
    });
    if (output === "table") io.out(`${issued.secret}\n`);
    else printDocument(io, output, issued);
  },
};

export const repoRemove: Command = {
  name: "repo remove",
  summary: "Forgets a repository; its resources stay, or go with it.",
  usage: "NS/NAME [--policy retain|delete]",
  options: {
    policy: { type: "string", value: "retain|delete", help: "What becomes of its resources (default retain)." },
  },
  arguments: { min: 1, max: 1 },
  examples: ["gitstorectl repo remove acme/catalog", "gitstorectl repo remove acme/catalog --policy delete"],
  notes: "Retained resources are owned by nobody; another repository of the namespace that has them adopts them.",
  async run({ positionals, values, session, io, output }) {
    const { namespace, name } = namespaceAndName(positionals[0]);
    const policy = choice(values, "policy", ["retain", "delete"] as const) ?? "retain";
    await session.client.delete(repositoryPath(namespace, name), { policy });
    if (output === "table")
      io.out(
        `repository ${namespace}/${name} removed, its resources ${policy === "retain" ? "retained" : "deleted"}\n`,
      );
    else printDocument(io, output, { namespace, name, removed: true, policy });
  },
};
