/** The schema that runs: the files of `schema/` with resolvers put on. */
import {
  buildSchema,
  GraphQLEnumType,
  type GraphQLFieldResolver,
  GraphQLInterfaceType,
  GraphQLObjectType,
  type GraphQLSchema,
  Kind,
} from "graphql";
import type { Resource } from "../resource/types.ts";
import type { GraphContext } from "./context.ts";
import { nodeType } from "./resolvers/envelope.ts";
import { readers } from "./resolvers/index.ts";
import type { Fields } from "./resolvers/read.ts";
import { schemaText } from "./schema/index.ts";

/** Built when it is first asked for: the script that has it also starts every Durable Object, which never does. */
export function executableSchema(): GraphQLSchema {
  built ??= build();
  return built;
}

let built: GraphQLSchema | undefined;

function build(): GraphQLSchema {
  const schema = buildSchema(schemaText);
  for (const area of readers) for (const [type, fields] of Object.entries(area)) put(schema, type, fields);
  const node = schema.getType("Node");
  if (!(node instanceof GraphQLInterfaceType)) throw new Error("the schema lacks interface Node");
  node.resolveType = (value) => nodeType(value as Resource);
  acceptAnyCase(schema);
  return schema;
}

function put(schema: GraphQLSchema, typeName: string, fields: Fields): void {
  const type = schema.getType(typeName);
  if (!(type instanceof GraphQLObjectType)) throw new Error(`the schema lacks type ${typeName}`);
  const known = type.getFields();
  for (const [name, resolve] of Object.entries(fields)) {
    const field = known[name];
    // `statusFields` serves kinds of which some lack a field.
    if (field) field.resolve = resolve as unknown as GraphQLFieldResolver<unknown, GraphContext>;
    else if (!OPTIONAL.has(name)) throw new Error(`the schema lacks ${typeName}.${name}`);
  }
}

/** Parts that kinds share, of which not every type shows all. */
const OPTIONAL = new Set(["phase", "published", "admissionFailure", "resolved", "body", "lastSync"]);

/** Controllers send conditions back as they read them in an object: `True`. */
function acceptAnyCase(schema: GraphQLSchema): void {
  const type = schema.getType("ConditionStatus");
  if (!(type instanceof GraphQLEnumType)) throw new Error("the schema lacks enum ConditionStatus");
  const value = type.coerceInputValue.bind(type);
  type.coerceInputValue = (given, ...rest) => value(typeof given === "string" ? given.toUpperCase() : given, ...rest);
  const literal = type.coerceInputLiteral.bind(type);
  type.coerceInputLiteral = (node, ...rest) =>
    literal(node.kind === Kind.ENUM ? { ...node, value: node.value.toUpperCase() } : node, ...rest);
}
