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
import { mutations } from "./mutations/index.ts";
import { nodeType } from "./resolvers/envelope.ts";
import { readers } from "./resolvers/index.ts";
import type { Fields } from "./resolvers/read.ts";
import { schemaText } from "./schema/index.ts";
import { subscriptions } from "./subscriptions/fields.ts";

/** Built when it is first asked for: the script that has it also starts every Durable Object, which never does. */
export function executableSchema(): GraphQLSchema {
  built ??= build();
  return built;
}

let built: GraphQLSchema | undefined;

function build(): GraphQLSchema {
  const schema = buildSchema(schemaText);
  put(schema, "Mutation", mutations);
  for (const area of readers) for (const [type, fields] of Object.entries(area)) put(schema, type, fields);
  const roots = schema.getSubscriptionType()?.getFields() ?? {};
  for (const [name, { subscribe, resolve }] of Object.entries(subscriptions)) {
    const field = roots[name];
    if (!field) throw new Error(`the schema lacks Subscription.${name}`);
    field.subscribe = subscribe as unknown as GraphQLFieldResolver<unknown, GraphContext>;
    field.resolve = resolve as unknown as GraphQLFieldResolver<unknown, GraphContext>;
  }
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

/**
 * Controllers send conditions back as they read them in an object: `True`. And what is no status at all is for the
 * ledger to refuse, in its turn: a stale writer gets the conflict, whatever else is wrong.
 */
function acceptAnyCase(schema: GraphQLSchema): void {
  const type = schema.getType("ConditionStatus");
  if (!(type instanceof GraphQLEnumType)) throw new Error("the schema lacks enum ConditionStatus");
  const read = (text: string) => (type.getValue(text.toUpperCase()) ? text.toUpperCase() : text);
  const value = type.coerceInputValue.bind(type);
  type.coerceInputValue = (given, ...rest) => (typeof given === "string" ? read(given) : value(given, ...rest));
  const literal = type.coerceInputLiteral.bind(type);
  type.coerceInputLiteral = (node, ...rest) => (node.kind === Kind.ENUM ? read(node.value) : literal(node, ...rest));
}
