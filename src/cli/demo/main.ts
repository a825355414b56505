/**
 * `npm run demo`: the main job from end to end on this machine, offline, with real parts: the Worker in workerd with its
 * Durable Objects and a local D1, a real Git server over HTTP with the hooks, real pushes, a watcher over WebSocket.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { CHAPTERS, type Story } from "./chapters.ts";
import { narrate, type Paint } from "./narrate.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";

/** The whole takes a few seconds; what takes this long hangs. */
const DEADLINE_MS = 120_000;

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;
const coloured = process.stdout.isTTY === true && !process.env.NO_COLOR;
const paint: Paint = (colour, text) => (coloured ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text);
const say = (text = "") => process.stdout.write(`${text}\n`);

async function requireTools(): Promise<void> {
  const missing: string[] = [];
  for (const [tool, argument] of [
    ["git", "--version"],
    ["curl", "--version"],
    ["openssl", "version"],
  ] as const) {
    await promisify(execFile)(tool, [argument]).catch(() => missing.push(tool));
  }
  if (missing.length > 0)
    throw new Error(`The demo needs ${missing.join(", ")}: install with your system's package manager.`);
}

function storyOf(stage: Stage, recorder: Recorder): Story {
  const indented = (text: string, by: string) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => `${by}${line}`)
      .join("\n");
  return {
    stage,
    recorder,
    command: (line) => say(`  ${paint("bold", `$ ${line}`)}`),
    output: (text) => say(paint("dim", indented(text, "    "))),
    changes: (changes) => {
      for (const line of narrate(changes, paint)) say(`  ${line}`);
    },
    check: (promise, wrong) => {
      if (wrong.length > 0)
        throw new Error(
          `not so: ${promise}\n${wrong
            .slice(0, 20)
            .map((each) => `  - ${each}`)
            .join("\n")}`,
        );
      say(`  ${paint("green", "✓")} ${promise}`);
    },
  };
}

async function tell(stage: Stage, recorder: Recorder): Promise<void> {
  const story = storyOf(stage, recorder);
  for (const [place, { title, tell: tellChapter }] of CHAPTERS.entries()) {
    say(`\n${paint("bold", `${place + 1}. ${title}`)}`);
    try {
      await tellChapter(story);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`Chapter ${place + 1}, “${title}”, failed: ${why}`, { cause: error });
    }
  }
}

/** Ctrl-C, SIGTERM and the deadline end the demo as a failure does: everything it started goes too. */
function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.once(signal, () => reject(new Error(`Ended by ${signal}.`)));
    setTimeout(() => reject(new Error(`The demo was not done after ${DEADLINE_MS / 1_000} s.`)), DEADLINE_MS).unref();
  });
}

async function main(): Promise<void> {
  const began = performance.now();
  await requireTools();
  const stop = interrupted();
  say("Starting the Worker in workerd, a local D1, and a Git server over HTTP …");
  const setting = Stage.set();
  const stage = await Promise.race([
    setting,
    stop.catch(async (why: unknown) => {
      // What was about to run has to be taken down all the same.
      await (await setting).strike();
      throw why;
    }),
  ]);
  const recorder = new Recorder();
  try {
    say(`gitstore-edge on ${stage.server.url}, Git on ${stage.git.url("*").replace("/*.git", "")}`);
    await Promise.race([tell(stage, recorder), stop]);
  } catch (error) {
    process.stderr.write(`\n${paint("red", "What the server printed last:")}\n${stage.log}\n`);
    throw error;
  } finally {
    await recorder.stop();
    await stage.strike();
  }
  say(
    `\n${paint("green", "Done")}: ${recorder.changes.length.toLocaleString("en")} changes watched, in ${((performance.now() - began) / 1_000).toFixed(1)} s.`,
  );
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(
    `\n${paint("red", "The demo failed.")} ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exit(1);
}
