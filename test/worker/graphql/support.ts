import { ledgerOf } from "../../../src/config.ts";
import { controlsOf } from "../support/controls.ts";
import { type Ask, type Asked, ask, NAMESPACES_PATH, unique } from "../support/http.ts";
import { addRepository, bindings, push, type TestLedger } from "../support/ledger.ts";

export interface Told {
  message: string;
  path?: (string | number)[];
  extensions: { code: string; retryable: boolean; [key: string]: unknown };
}

export interface Answered extends Asked {
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever is there, and fails where it is not.
  data: any;
  errors: Told[] | undefined;
}

export async function gql(
  token: string | undefined,
  query: string,
  variables?: Record<string, unknown>,
  options: Ask = {},
): Promise<Answered> {
  const body = { query, ...(variables ? { variables } : {}) };
  const asked = await ask(token, "/graphql", { method: "POST", body, ...options });
  return { ...asked, data: asked.body?.data, errors: asked.body?.errors };
}

/** The data of an answer without errors. */
export async function data(
  token: string,
  query: string,
  variables?: Record<string, unknown>,
): Promise<Answered["data"]> {
  const { data, errors, status } = await gql(token, query, variables);
  if (errors || status !== 200) throw new Error(`${status} ${JSON.stringify(errors)}`);
  return data;
}

/** The one error's code. */
export async function code(token: string, query: string, variables?: Record<string, unknown>): Promise<string> {
  const { errors } = await gql(token, query, variables);
  if (errors?.length !== 1) throw new Error(`not one error: ${JSON.stringify(errors)}`);
  return errors[0]?.extensions.code ?? "";
}

/** A namespace made through the API, with a repository whose pushes the test makes itself. */
export async function shop(admin: string, prefix = "shop"): Promise<TestLedger> {
  const name = unique(prefix);
  controlsOf(name).alone = true;
  const made = await ask(admin, NAMESPACES_PATH, {
    method: "POST",
    body: { apiVersion: "gitstore.dev/v1beta1", kind: "Namespace", metadata: { name }, spec: {} },
  });
  if (made.status !== 201) throw new Error(`the namespace was not made: ${made.status} ${made.text}`);
  const stub = ledgerOf(bindings, name);
  return { name, stub, repository: await addRepository(stub, "catalog"), refs: new Map() };
}

const CATALOG = "apiVersion: catalog.gitstore.dev/v1beta1";

export function file(kind: string, name: string, spec: string, labels: Record<string, string> = {}): string {
  const lines = Object.entries(labels).map(([key, value]) => `    ${key}: ${value}\n`);
  const meta = lines.length > 0 ? `  labels:\n${lines.join("")}` : "";
  return `---\n${CATALOG}\nkind: ${kind}\nmetadata:\n  name: ${name}\n${meta}spec:\n${spec
    .split("\n")
    .map((line) => `  ${line}\n`)
    .join("")}---\n\n# ${name}\n`;
}

export const category = (name: string, parent?: string) =>
  file("CategoryTaxonomy", name, `title: ${name}${parent ? `\nparentRef: { name: ${parent} }` : ""}`);
export const product = (name: string, inCategory?: string, labels: Record<string, string> = {}) =>
  file("Product", name, `title: ${name}${inCategory ? `\ncategoryRef: { name: ${inCategory} }` : ""}`, labels);

/** Commits files in one push: `{ "shirt": product("shirt") }`. */
export async function commit(ledger: TestLedger, files: Record<string, string>): Promise<string> {
  const named = Object.fromEntries(Object.entries(files).map(([name, text]) => [`${name}.md`, text]));
  return (await push(ledger, { files: named })).rv;
}

export const productsOf = (count: number, prefix = "p") =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => {
      const name = `${prefix}${String(i).padStart(3, "0")}`;
      return [name, product(name)];
    }),
  );
