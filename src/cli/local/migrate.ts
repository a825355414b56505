import type { Migration } from "./settings.ts";

/** What this needs of a D1 database. */
export interface Database {
  prepare(sql: string): Statement;
  batch(statements: Statement[]): Promise<unknown>;
}
interface Statement {
  bind(...values: unknown[]): Statement;
  all<Row>(): Promise<{ results: Row[] }>;
}

/** As `wrangler d1 migrations apply` has it, so that both can be used on one state. */
const TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`;

/**
 * Applies the migrations that a database does not have yet, each in one transaction with its mark.
 *
 * @returns the names of those applied now
 */
export async function applyMigrations(database: Database, migrations: Migration[]): Promise<string[]> {
  await database.prepare(TABLE).all();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all<{ name: string }>();
  const applied = new Set(results.map((row) => row.name));
  const now = migrations.filter((migration) => !applied.has(migration.name));
  for (const { name, statements } of now) {
    const mark = database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name);
    await database.batch([...statements.map((sql) => database.prepare(sql)), mark]);
  }
  return now.map((migration) => migration.name);
}
