import type { History, Write } from "../history.ts";
import { markOf } from "../history.ts";
import type { Change, LogModel } from "../model.ts";
import { framesOf, read } from "../reading.ts";
import { Violation } from "../violation.ts";

export const DURABLE =
  "Durable: an event is sent only after its write is durable; what was acknowledged is in the log, what was refused is not, and a write happens wholly or not at all";

export class NotDurable extends Violation {
  readonly promise = DURABLE;
}

export function durable({ connections, writes }: History, log: LogModel): NotDurable[] {
  const found: NotDurable[] = [];
  for (const connection of connections) {
    const { steps, initial } = read(connection);
    const events = steps.flatMap((step) => (step.step === "event" ? [step.event] : []));
    for (const { rv, key } of [...events, ...(initial?.events ?? [])]) {
      const change = log.at(rv);
      if (!change)
        found.push(new NotDurable(`${key} at RV ${rv} was sent, and the log has no such RV`, { connection, rv }));
      else if (change.key !== key)
        found.push(
          new NotDurable(`${key} at RV ${rv} was sent, and there the log has ${change.key}`, { connection, rv }),
        );
    }
    const head = Math.max(0, ...framesOf(connection).map((frame) => frame.head));
    if (head > log.head)
      found.push(new NotDurable(`head ${head} was told, and the log ends at ${log.head}`, { connection, rv: head }));
  }
  const marks = marksOf(log);
  return [...found, ...writes.flatMap((write) => written(write, marks, log))];
}

/** Every change by its object's mark. A later change of status keeps it, so the first one is the write's own. */
function marksOf(log: LogModel): Map<string, Change> {
  const marks = new Map<string, Change>();
  for (const change of log.changes) {
    const mark = change.type === "LOGGED" || change.type === "DELETED" ? undefined : markOf(change.object);
    if (mark !== undefined && !marks.has(mark)) marks.set(mark, change);
  }
  return marks;
}

function written(write: Write, marks: ReadonlyMap<string, Change>, log: LogModel): NotDurable[] {
  const puts = write.effects.flatMap((effect) => (effect.does === "put" ? [effect] : []));
  const there = puts.flatMap(({ key, mark }) => {
    const change = marks.get(mark);
    return change?.key === key ? [change] : [];
  });
  const { outcome } = write;
  const name = `write ${write.id}`;
  if (outcome.known === "refused")
    return there.length === 0 ? [] : [new NotDurable(`${name} was refused (${outcome.why}), and the log has it`)];
  if (outcome.known === "applied" && there.length < puts.length)
    return [
      new NotDurable(
        `${name} was acknowledged at RV ${outcome.rv}, and the log has ${there.length} of its ${puts.length} puts`,
      ),
    ];
  if (there.length !== 0 && there.length !== puts.length)
    return [new NotDurable(`${name} happened in part: ${there.length} of its ${puts.length} puts are in the log`)];
  const end = outcome.known === "applied" ? outcome.rv : there.at(-1)?.rv;
  if (end === undefined) return [];
  return [...together(name, end, there, log), ...deletions(name, write, end, log)];
}

/** One request is in one transaction. */
function together(name: string, end: number, there: readonly Change[], log: LogModel): NotDurable[] {
  const transaction = log.transaction(end);
  if (!transaction) return [];
  const outside = there.find(({ rv }) => rv < transaction.from || rv > transaction.to);
  return outside
    ? [
        new NotDurable(
          `${name} is spread over transactions: RV ${outside.rv} is not in ${transaction.from} to ${transaction.to}`,
        ),
      ]
    : [];
}

function deletions(name: string, { effects }: Write, end: number, log: LogModel): NotDurable[] {
  const transaction = log.transaction(end);
  if (!transaction) return [];
  return effects.flatMap((effect) => {
    if (effect.does !== "delete") return [];
    const versions = log.versions(effect.key);
    const before = versions.findLast(({ rv }) => rv < transaction.from);
    if (!before || before.type === "DELETED") return [];
    const gone = versions.some(({ rv, type }) => type === "DELETED" && rv >= transaction.from && rv <= transaction.to);
    return gone ? [] : new NotDurable(`${name} happened, and ${effect.key} was not deleted in it`);
  });
}
