/** One operation of a socket: parsed, validated and executed as over HTTP, its results as messages. */
import { type ExecutionResult, type FormattedExecutionResult, GraphQLError, getOperationAST } from "graphql";
import type { GraphContext } from "../context.ts";
import { badInput, tidiedResult } from "../errors.ts";
import { tidiedStream, yoga } from "../yoga.ts";
import type { Subscribe } from "./messages.ts";

export type Started =
  /** Refused before it was executed. */
  | { is: "error"; errors: NonNullable<FormattedExecutionResult["errors"]> }
  | { is: "result"; result: FormattedExecutionResult }
  | { is: "stream"; stream: AsyncIterableIterator<FormattedExecutionResult> };

export async function startOperation(graph: GraphContext, payload: Subscribe["payload"]): Promise<Started> {
  const refuse = (errors: readonly GraphQLError[]): Started => {
    return { is: "error", errors: tidiedResult({ errors }, graph).errors ?? [] };
  };
  const params = { query: payload.query, variables: payload.variables ?? {} };
  const { schema, parse, validate, execute, subscribe, contextFactory } = yoga().getEnveloped({ ...graph, params });
  let document: ReturnType<typeof parse>;
  try {
    document = parse(payload.query);
  } catch (error) {
    if (error instanceof GraphQLError) return refuse([error]);
    throw error;
  }
  const invalid = validate(schema, document);
  if (invalid.length > 0) return refuse(invalid);
  const operation = getOperationAST(document, payload.operationName ?? undefined);
  if (!operation) return refuse([badInput("payload.operationName names no operation of payload.query")]);
  const args = {
    schema,
    document,
    operationName: payload.operationName,
    variableValues: payload.variables ?? undefined,
    contextValue: await contextFactory(),
  };
  const result = await (operation.operation === "subscription" ? subscribe(args) : execute(args));
  if (typeof result === "object" && result !== null && Symbol.asyncIterator in result)
    return { is: "stream", stream: tidiedStream(result as AsyncIterable<never>, graph) };
  return { is: "result", result: tidiedResult(result as ExecutionResult, graph) };
}
