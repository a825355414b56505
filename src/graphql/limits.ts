/**
 * What one operation may ask for, judged before anything is executed. Depth and aliases are counted on the document as
 * it was parsed, so that validation, whose cost grows with the square of equal fields, never sees a hostile one; the
 * cost needs the variables, and is counted when they are known.
 */
import {
  type ConstDirectiveNode,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from "graphql";
import { DEFAULT_PAGE } from "./connection.ts";
import { badInput } from "./errors.ts";

export const MAX_DEPTH = 12;
export const MAX_ALIASES = 30;
export const MAX_COST = 10_000;
export const MAX_BODY_BYTES = 1024 * 1024;
/** Introspection, the largest document in use, has 600. */
export const MAX_TOKENS = 5_000;

type Fragments = Map<string, FragmentDefinitionNode>;

function fragmentsOf(document: DocumentNode): Fragments {
  const fragments: Fragments = new Map();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  return fragments;
}

/** Undefined where it is within the limits. Introspection is no deeper than itself, so it counts like the rest. */
export function checkDocument(document: DocumentNode): GraphQLError | undefined {
  const fragments = fragmentsOf(document);
  const known = new Map<string, Shape>();
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const { depth, aliases } = shapeOf(definition.selectionSet, fragments, known);
    if (aliases > MAX_ALIASES) return badInput(`the operation has ${aliases} aliases: at most ${MAX_ALIASES}`);
    if (depth > MAX_DEPTH && !isIntrospection(definition))
      return badInput(`the operation is ${depth} levels deep: at most ${MAX_DEPTH}`);
  }
  return undefined;
}

/** graphql-js's own introspection query is 15 deep; it is refused elsewhere, where it is not wanted. */
function isIntrospection({ selectionSet }: OperationDefinitionNode): boolean {
  return selectionSet.selections.every(
    (selection) => selection.kind === Kind.FIELD && selection.name.value.startsWith("__"),
  );
}

interface Shape {
  depth: number;
  aliases: number;
}

/** Each fragment is measured once: spread in a tower of others it would otherwise be walked exponentially often. */
function shapeOf(set: SelectionSetNode, fragments: Fragments, known: Map<string, Shape>): Shape {
  let depth = 0;
  let aliases = 0;
  for (const selection of set.selections) {
    let inner: Shape = { depth: 0, aliases: 0 };
    if (selection.kind === Kind.FRAGMENT_SPREAD) inner = fragmentShape(selection.name.value, fragments, known);
    else if (selection.selectionSet) inner = shapeOf(selection.selectionSet, fragments, known);
    const isField = selection.kind === Kind.FIELD;
    depth = Math.max(depth, inner.depth + (isField ? 1 : 0));
    aliases += inner.aliases + (isField && selection.alias ? 1 : 0);
  }
  return { depth, aliases };
}

function fragmentShape(name: string, fragments: Fragments, known: Map<string, Shape>): Shape {
  const found = known.get(name);
  if (found) return found;
  // In a cycle, which validation refuses, the fragment counts nothing inside itself.
  known.set(name, { depth: 0, aliases: 0 });
  const fragment = fragments.get(name);
  const shape = fragment ? shapeOf(fragment.selectionSet, fragments, known) : { depth: 0, aliases: 0 };
  known.set(name, shape);
  return shape;
}

export interface Operation {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Undefined where it is within the limit. The document is valid. */
export function checkCost(operation: Operation): GraphQLError | undefined {
  const chosen = chosenOperation(operation);
  if (!chosen) return undefined;
  const cost = costOf(operation, chosen);
  if (cost <= MAX_COST) return undefined;
  return badInput(
    `the operation costs ${cost}: at most ${MAX_COST}, where each object counts one and \`first\` or \`last\` ` +
      `(${DEFAULT_PAGE} where neither is given) multiply what is inside: ask for smaller pages`,
    { cost, maximumCost: MAX_COST },
  );
}

function chosenOperation({ document, operationName }: Operation): OperationDefinitionNode | undefined {
  const all = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  return operationName ? all.find(({ name }) => name?.value === operationName) : all[0];
}

/** One for each object: pages multiply, lists inside an object count once. */
export function costOf(operation: Operation, chosen: OperationDefinitionNode): number {
  const { schema, document, variableValues } = operation;
  const root = schema.getRootType(chosen.operation);
  if (!root) return 0;
  const variables = { ...defaultsOf(chosen), ...variableValues };
  const costs = new Costs(schema, fragmentsOf(document), variables);
  return costs.of(chosen.selectionSet, root);
}

/** Defaults of variables are literals. */
function defaultsOf({ variableDefinitions }: OperationDefinitionNode): Record<string, unknown> {
  const defaults: Record<string, unknown> = {};
  for (const { variable, defaultValue } of variableDefinitions ?? []) {
    if (defaultValue?.kind === Kind.INT) defaults[variable.name.value] = Number(defaultValue.value);
  }
  return defaults;
}

class Costs {
  readonly #schema: GraphQLSchema;
  readonly #fragments: Fragments;
  readonly #variables: Readonly<Record<string, unknown>>;
  readonly #known = new Map<string, number>();

  constructor(schema: GraphQLSchema, fragments: Fragments, variables: Readonly<Record<string, unknown>>) {
    this.#schema = schema;
    this.#fragments = fragments;
    this.#variables = variables;
  }

  /** @param size of the page that `parent` is, where it is a connection: its lists have so many objects. */
  of(set: SelectionSetNode, parent: unknown, size = 1): number {
    let cost = 0;
    for (const selection of set.selections) {
      if (this.#isLeftOut(selection.directives)) continue;
      if (selection.kind === Kind.FIELD) cost += this.#field(selection, parent, size);
      else if (selection.kind === Kind.INLINE_FRAGMENT)
        cost += this.of(selection.selectionSet, this.#typed(selection.typeCondition?.name.value) ?? parent, size);
      else cost += this.#fragment(selection.name.value, size);
    }
    return cost;
  }

  #fragment(name: string, size: number): number {
    const key = `${name} ${size}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const fragment = this.#fragments.get(name);
    const cost = fragment ? this.of(fragment.selectionSet, this.#typed(fragment.typeCondition.name.value), size) : 0;
    this.#known.set(key, cost);
    return cost;
  }

  #typed(name: string | undefined): unknown {
    return name === undefined ? undefined : this.#schema.getType(name);
  }

  #field(node: FieldNode, parent: unknown, size: number): number {
    if (!node.selectionSet || !(isObjectType(parent) || isInterfaceType(parent))) return 0;
    const field = (parent as GraphQLObjectType).getFields()[node.name.value];
    if (!field) return 0; // introspection
    const type = getNamedType(field.type);
    if (!isCompositeType(type)) return 0;
    const asked = this.#asked(node, new Set(field.args.map(({ name }) => name)));
    if (type.name.endsWith("Connection")) return 1 + this.of(node.selectionSet, type, asked);
    const isPage = size !== 1 && isListType(getNullableType(field.type));
    return (1 + this.of(node.selectionSet, type)) * (isPage ? size : asked);
  }

  /** A page's size where the field is one, the number of `ids` where it takes these. */
  #asked({ arguments: given }: FieldNode, args: ReadonlySet<string>): number {
    const value = (name: string) => {
      const argument = given?.find((one) => one.name.value === name);
      return argument && this.#value(argument.value);
    };
    if (args.has("ids")) {
      const ids = value("ids");
      return Array.isArray(ids) ? Math.max(1, ids.length) : 1;
    }
    if (!args.has("first")) return 1;
    const size = value("first") ?? value("last") ?? DEFAULT_PAGE;
    return typeof size === "number" && size >= 0 ? size : 1;
  }

  #value(node: ValueNode): unknown {
    if (node.kind === Kind.VARIABLE) return this.#variables[node.name.value];
    if (node.kind === Kind.INT) return Number(node.value);
    if (node.kind === Kind.LIST) return node.values;
    return undefined;
  }

  /** `@skip` and `@include` with what they are decided by. */
  #isLeftOut(directives: readonly (DirectiveNode | ConstDirectiveNode)[] | undefined): boolean {
    for (const { name, arguments: given } of directives ?? []) {
      const node = given?.find((one) => one.name.value === "if")?.value;
      const condition =
        node?.kind === Kind.VARIABLE
          ? this.#variables[node.name.value]
          : node?.kind === Kind.BOOLEAN
            ? node.value
            : undefined;
      if (name.value === "skip" && condition === true) return true;
      if (name.value === "include" && condition === false) return true;
    }
    return false;
  }
}
