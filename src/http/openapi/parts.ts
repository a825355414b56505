/** Small parts that every OpenAPI document here is made of. */

export type Node = Record<string, unknown>;

export function ref(name: string): Node {
  return { $ref: `#/components/schemas/${name}` };
}

export function query(name: string, description: string, type = "string"): Node {
  return { name, in: "query", description, schema: { type } };
}

export function path(name: string): Node {
  return { name, in: "path", required: true, schema: { type: "string" } };
}

export function answer(description: string, schema: Node): Node {
  return { description, content: { "application/json": { schema } } };
}

export const STATUS = {
  description: "What is wrong, as a Kubernetes Status.",
  content: { "application/json": { schema: ref("Status") } },
};

export const FAILURES = Object.fromEntries(
  ["400", "401", "403", "404", "410", "422", "503", "504"].map((code) => [code, STATUS]),
);
