/** Objects as a client wants them: themselves, rows of a Table, or their metadata (apiserver handlers/response.go). */
import type { KindDef } from "../resource/kind.ts";
import { cellOf } from "../resource/printer.ts";
import type { Form, MetaVersion } from "./negotiate.ts";

/** All texts are JSON. */
export interface Presenter {
  object(text: string): string;
  /** A list up to its items, which follow joined by commas, and then `]}`. */
  listHead(metadata: Record<string, unknown>): string;
  item(text: string): string;
  /** One for each stream: takes whole lines of events and gives them back. Absent: they go out as they are. */
  events?(): (lines: string) => string;
}

interface Shown {
  metadata?: { name?: string; resourceVersion?: string };
}

export function presenterOf(kind: KindDef, form: Form, now: number): Presenter {
  switch (form.as) {
    case "object":
      return asObjects(kind);
    case "table":
      return asTable(kind, form, now);
    case "metadata":
      return asMetadata(form.version);
  }
}

export function asObjects(kind: KindDef): Presenter {
  return {
    object: (text) => text,
    listHead: (metadata) =>
      `{"kind":"${kind.kind}List","apiVersion":"${kind.group}/${kind.version}","metadata":${JSON.stringify(metadata)},"items":[`,
    item: (text) => text,
  };
}

function asMetadata(version: MetaVersion): Presenter {
  const apiVersion = `meta.k8s.io/${version}`;
  const present = (text: string) => JSON.stringify(partial(JSON.parse(text) as Shown, version));
  return {
    object: present,
    listHead: (metadata) =>
      `{"kind":"PartialObjectMetadataList","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)},"items":[`,
    item: present,
    events: () => eachEvent((object) => partial(object, version)),
  };
}

function partial({ metadata }: Shown, version: MetaVersion) {
  return { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${version}`, metadata };
}

function asTable(kind: KindDef, { version, include }: Extract<Form, { as: "table" }>, now: number): Presenter {
  const columnDefinitions = columnsOf(kind);
  const row = (object: Shown, at: number) => ({
    cells: [object.metadata?.name ?? "", ...kind.printerColumns.map((column) => cellOf(object, column, at))],
    object: include === "None" ? null : include === "Object" ? object : partial(object, version),
  });
  const head = { kind: "Table", apiVersion: `meta.k8s.io/${version}` };
  const one = (object: Shown, at: number, columns: typeof columnDefinitions | null) => ({
    ...head,
    metadata: { resourceVersion: object.metadata?.resourceVersion },
    columnDefinitions: columns,
    rows: [row(object, at)],
  });
  return {
    object: (text) => JSON.stringify(one(JSON.parse(text) as Shown, now, columnDefinitions)),
    listHead: (metadata) => `${JSON.stringify({ ...head, metadata, columnDefinitions }).slice(0, -1)},"rows":[`,
    item: (text) => JSON.stringify(row(JSON.parse(text) as Shown, now)),
    events() {
      // The first event has the columns; they cannot change while a stream is open.
      let columns: typeof columnDefinitions | null = columnDefinitions;
      return eachEvent((object) => {
        const table = one(object, Date.now(), columns);
        columns = null;
        return table;
      });
    },
  };
}

function columnsOf(kind: KindDef) {
  const name = { name: "Name", type: "string", format: "name", description: "Unique in its namespace.", priority: 0 };
  const own = kind.printerColumns.map(({ name, type, format = "", description = "", priority = 0 }) => ({
    name,
    type,
    format,
    description,
    priority,
  }));
  return [name, ...own];
}

/** An ERROR's object is a Status, and stays one. Blank lines, which keep a stream alive, pass. */
function eachEvent(present: (object: Shown) => object): (lines: string) => string {
  return (lines) =>
    lines
      .split("\n")
      .map((line) => {
        if (line === "") return line;
        const { type, object } = JSON.parse(line) as { type: string; object: Shown };
        return type === "ERROR" ? line : JSON.stringify({ type, object: present(object) });
      })
      .join("\n");
}
