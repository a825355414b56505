/** The story the demo tells. Each chapter does one thing to a real Git server and checks what the watcher got of it. */
import { Client } from "../../client/http.ts";
import { nameOf } from "../../resource/gitevent.ts";
import type { Resource } from "../../resource/types.ts";
import { catalogFiles, productFile, productPath, products, type TreeFile } from "./catalog.ts";
import { appliedIn, checkPush, checkState, checkStream, type ExpectedPush, eventOf } from "./checks.ts";
import type { Change, Recorder } from "./recorder.ts";
import { GitFailed } from "./repository.ts";
import { PUSHER, type Stage } from "./stage.ts";

export const NAMESPACE = "acme";
const REPOSITORY = "catalog";
const PRODUCTS = 1_000;
const EDITED = 10;
const REWRITTEN = 3;

export interface Story {
  stage: Stage;
  recorder: Recorder;
  /** A command, as a user would type it. */
  command(line: string): void;
  /** What a command printed. */
  output(text: string): void;
  /** What the watcher got. */
  changes(changes: Change[]): void;
  /** Throws where there is something in `wrong`. */
  check(promise: string, wrong: string[]): void;
}

export interface Chapter {
  title: string;
  tell(story: Story): Promise<void>;
}

export const CHAPTERS: Chapter[] = [
  { title: "A namespace and its repository", tell: register },
  {
    title: `A catalogue of ${PRODUCTS.toLocaleString("en")} products is pushed`,
    tell: async (story) => {
      const files = catalogFiles({ products: PRODUCTS });
      await pushMain(story, files, "Import the catalogue", {
        event: "branch-updated",
        added: files.length,
        modified: 0,
      });
    },
  },
  {
    title: `${EDITED} products are edited`,
    tell: async (story) => {
      const files = products(EDITED).map((row) => productFile(row, ", second edition"));
      await pushMain(story, files, "Edit ten products", { event: "branch-updated", added: 0, modified: EDITED });
    },
  },
  {
    title: "History is rewritten: a forced push takes the edit back and changes three of them otherwise",
    tell: async (story) => {
      const onto = await story.stage.clone.git("rev-parse", "main~1");
      const files = products(REWRITTEN).map((row) => productFile(row, ", revised"));
      await pushMain(
        story,
        files,
        "Revise three products",
        { event: "branch-force-pushed", added: 0, modified: EDITED },
        onto,
      );
    },
  },
  { title: "A branch comes and goes", tell: branch },
  { title: "A tag comes and goes", tell: tag },
  { title: "A push with mistakes is refused", tell: refused },
  { title: "Nothing was lost", tell: complete },
];

async function register(story: Story): Promise<void> {
  const { stage, recorder } = story;
  // A remote without any ref is an error (an empty answer must never delete a catalogue), so this one has a README.
  const remote = await stage.git.create(REPOSITORY);
  await remote.commit([{ path: "README.md", text: "# The catalogue of Acme\n" }], "Begin");
  const place = `${NAMESPACE}/${REPOSITORY}`;
  await ctl(story, "namespace", "create", NAMESPACE);
  await ctl(story, "repo", "add", place, "--url", stage.git.url(REPOSITORY), "--provider", "git", "--poll", "off");
  await ctl(story, "hooks", "install", remote.dir, place);
  recorder.start({ server: stage.server.url, token: stage.token, namespace: NAMESPACE, from: 1 });
  const baseline = await recorder.until(
    "the first look at the remote",
    (change) => eventOf(change)?.data.baseline === true,
  );
  const head = (await remote.tip("refs/heads/main")) ?? "";
  const end = await applied(recorder, "refs/heads/main", head, baseline.rv);
  story.changes(between(recorder, 1, end));
  await stage.clone.git("fetch", "-q", stage.git.url(REPOSITORY), "main:main");
}

async function ctl({ stage, command, output }: Story, ...args: string[]): Promise<void> {
  command(`gitstorectl ${args.join(" ")}`);
  // The secret works for this demo's server alone, which is gone in a minute; shown, it would teach a bad habit.
  output((await stage.ctl(...args)).replace(/whsec_\S+/g, "whsec_…"));
}

async function pushMain(
  story: Story,
  files: TreeFile[],
  message: string,
  expected: Pick<ExpectedPush, "event" | "added" | "modified">,
  onto?: string,
): Promise<void> {
  const { clone } = story.stage;
  const old = await clone.git("rev-parse", "main");
  const commit = await clone.commit(files, message, onto === undefined ? {} : { onto });
  const force = onto === undefined ? [] : ["--force"];
  await push(story, [...force, "main"], { ...expected, ref: "refs/heads/main", old, new: commit, commit, deleted: 0 });
}

/** Pushes for real, waits until the watcher has its end, and checks everything in between. */
async function push(story: Story, refspecs: string[], expected: ExpectedPush): Promise<void> {
  const { stage, recorder } = story;
  const before = recorder.rv;
  story.command(`git push ${stage.git.url(REPOSITORY)} ${refspecs.join(" ")}`);
  await stage.clone.git("push", "-q", stage.git.url(REPOSITORY, PUSHER), ...refspecs);
  const end = await applied(recorder, expected.ref, expected.commit, before);
  const changes = between(recorder, before, end);
  story.changes(changes);
  story.check("the push came whole and in order", checkPush(withoutLateStatus(changes), expected));
}

async function branch(story: Story): Promise<void> {
  const commit = await story.stage.clone.git("rev-parse", "main");
  const ref = "refs/heads/summer-sale";
  const nothing = { added: 0, modified: 0, deleted: 0 };
  await push(story, [`main:${ref}`], { event: "branch-created", ref, old: null, new: commit, commit, ...nothing });
  await push(story, ["--delete", "summer-sale"], {
    event: "branch-deleted",
    ref,
    old: commit,
    new: null,
    commit: null,
    ...nothing,
  });
}

async function tag(story: Story): Promise<void> {
  const { clone } = story.stage;
  const commit = await clone.git("rev-parse", "main");
  await clone.tag("stocktaking-1", commit, "As counted");
  const oid = await clone.git("rev-parse", "refs/tags/stocktaking-1");
  const ref = "refs/tags/stocktaking-1";
  const nothing = { added: 0, modified: 0, deleted: 0 };
  await push(story, ["stocktaking-1"], { event: "tag-created", ref, old: null, new: oid, commit, ...nothing });
  await push(story, ["--delete", "stocktaking-1"], {
    event: "tag-deleted",
    ref,
    old: oid,
    new: null,
    commit: null,
    ...nothing,
  });
}

/** Three files, each with a mistake of another sort, and one that is right: the push is refused as a whole. */
async function refused(story: Story): Promise<void> {
  const { stage, recorder } = story;
  const [first, second, third, fourth] = products(4).map((row) => ({ ...productFile(row, ", third edition"), row }));
  if (!first || !second || !third || !fourth) throw new Error("the catalogue has too few products");
  const files: TreeFile[] = [
    { path: first.path, text: (first.text ?? "").replace("  title:", "  titel:") },
    {
      path: second.path,
      text: (second.text ?? "").replace(/ {2}tags:\n/, '  options:\n    - name: "size"\n    - name: "size"\n  tags:\n'),
    },
    { path: third.path, text: (third.text ?? "").replace("  name: ", "  name: My ") },
    { path: fourth.path, text: fourth.text },
  ];
  const broken = files.slice(0, 3).map(({ path }) => path);
  const before = recorder.rv;
  const tip = await stage.clone.git("rev-parse", "main");
  await stage.clone.commit(files, "Edit in a hurry");
  story.command(`git push ${stage.git.url(REPOSITORY)} main`);
  const reasons = await refusal(() => stage.clone.git("push", "-q", stage.git.url(REPOSITORY, PUSHER), "main"));
  story.output(reasons.replaceAll(/ +$/gm, ""));
  const rejected = await recorder.until(
    "the refusal",
    (change) => nameOf(eventOf(change)?.type ?? "") === "push-rejected",
    before,
  );
  // Looks at the remote once more: had anything of the push come through, it would come now.
  await stage.ctl("repo", "sync", `${NAMESPACE}/${REPOSITORY}`);
  const since = recorder.changes.filter((change) => change.rv > before && change.object.kind !== "Repository");
  story.changes(since);
  const remote = await stage.clone.git("ls-remote", stage.git.url(REPOSITORY), "refs/heads/main");
  story.check("every mistake is named with its place, and nothing of the push is there", [
    ...broken
      .filter((path) => !new RegExp(`${path}:\\d+:\\d+: `).test(reasons))
      .map((path) => `the refusal does not name ${path}`),
    ...(reasons.includes(productPath(fourth.row)) ? [`the refusal names ${fourth.path}, which is right`] : []),
    ...(since.length === 1 ? [] : [`${since.length} changes came of it, not the one event push-rejected`]),
    ...(Number(eventOf(rejected)?.data.errorCount) >= broken.length
      ? []
      : ["the event push-rejected counts fewer errors than files"]),
    ...(remote.startsWith(tip) ? [] : [`the remote is at ${remote}, not at ${tip}`]),
  ]);
}

async function refusal(push: () => Promise<unknown>): Promise<string> {
  try {
    await push();
  } catch (error) {
    if (error instanceof GitFailed) return error.stderr;
    throw error;
  }
  throw new Error("the push with mistakes was not refused");
}

async function complete(story: Story): Promise<void> {
  const { stage, recorder } = story;
  const client = new Client({ server: stage.server.url, token: stage.token });
  const listed: Resource[] = [];
  for (const plural of ["products", "categorytaxonomies"]) {
    const path = { group: "catalog.gitstore.dev", version: "v1beta1", plural, namespace: NAMESPACE };
    listed.push(...(await client.list(path)).items);
  }
  const { changes } = recorder;
  story.check(`RVs 2 to ${recorder.rv}, each once, in order, without a hole`, checkStream(changes, 1));
  story.check(`what they add up to is what the server lists: ${listed.length} resources`, checkState(changes, listed));
}

/** The end of a push: the Repository's status says that its ref is applied. @param after an RV before it */
async function applied(recorder: Recorder, ref: string, oid: string | null, after: number): Promise<number> {
  const what = `${ref} applied at ${oid ?? "its deletion"}`;
  const end = await recorder.until(
    what,
    ({ object }) => {
      const refs = appliedIn(object);
      return refs !== undefined && (refs[ref] ?? null) === oid;
    },
    after,
  );
  return end.rv;
}

function between(recorder: Recorder, after: number, to: number): Change[] {
  return recorder.changes.filter(({ rv }) => rv > after && rv <= to);
}

/** What the push before left to say of the Repository (conditions, the time of the last look) belongs to no push. */
function withoutLateStatus(changes: Change[]): Change[] {
  const first = changes.findIndex(({ object }) => object.kind !== "Repository");
  return changes.slice(Math.max(0, first));
}
