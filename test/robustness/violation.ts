import type { Connection } from "./history.ts";

/** A promise that was broken: which one, in the contract's words, where, and what was found. */
export abstract class Violation extends Error {
  abstract readonly promise: string;
  readonly connection: Connection | undefined;
  readonly rv: number | undefined;

  constructor(found: string, where: { connection?: Connection; rv?: number } = {}) {
    const { connection, rv } = where;
    const place = connection
      ? `${connection.client} (connection ${connection.id}, ${connection.transport}, ${startText(connection)}): `
      : "";
    super(`${place}${found}`);
    this.connection = connection;
    this.rv = rv;
  }
}

function startText({ start }: Connection): string {
  switch (start.from) {
    case "rv":
      return `from RV ${start.rv}`;
    case "now":
      return "from now";
    case "state":
      return "from the initial state";
    case "position":
      return `from its position, at most ${start.worked}`;
  }
}
