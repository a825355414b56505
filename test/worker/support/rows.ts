import { runInDurableObject } from "cloudflare:test";

type Cursor = ReturnType<SqlStorage["exec"]>;
type Exec = (query: string, ...bindings: unknown[]) => Cursor;

/** Rows that an object's SQLite reads and writes during `work`, by SQLite's own count, which is what is billed. */
export async function countRows(
  stub: DurableObjectStub,
  work: () => Promise<unknown>,
): Promise<{ read: number; written: number }> {
  const cursors: Cursor[] = [];
  const patch = (change: (sql: { exec: Exec }) => void) =>
    runInDurableObject(stub, (_, { storage }) => change(storage.sql as unknown as { exec: Exec }));
  let exec: Exec | undefined;
  await patch((sql) => {
    const original = sql.exec;
    exec = original;
    sql.exec = (query, ...bindings) => {
      const cursor = original.call(sql, query, ...bindings);
      cursors.push(cursor);
      return cursor;
    };
  });
  try {
    await work();
  } finally {
    await patch((sql) => {
      if (exec) sql.exec = exec;
    });
  }
  return runInDurableObject(stub, () => ({
    read: cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
    written: cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
  }));
}
