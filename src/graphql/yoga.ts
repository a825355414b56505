/** graphql-yoga: parsing, validation, execution, and the HTTP forms of an answer; made once an isolate. */
import {
  type DocumentNode,
  type FormattedExecutionResult,
  type GraphQLError,
  NoSchemaIntrospectionCustomRule,
  parse,
  type ValidationRule,
} from "graphql";
import { createYoga, type Plugin, type YogaServerInstance } from "graphql-yoga";
import { requireConfig } from "../config.ts";
import { log } from "../telemetry/log.ts";
import { executableSchema } from "./build.ts";
import type { GraphContext } from "./context.ts";
import { BoundedCache } from "./documents.ts";
import { badInput, httpOf, tidiedResult } from "./errors.ts";
import { checkCost, checkDocument, MAX_TOKENS } from "./limits.ts";

export const PATH = "/graphql";

let made: YogaServerInstance<GraphContext, object> | undefined;

/** Made when it is first asked for: most isolates of this script are Durable Objects, which never do. */
export function yoga(): YogaServerInstance<GraphContext, object> {
  made ??= createYoga<GraphContext, object>({
    schema: executableSchema(),
    graphqlEndpoint: PATH,
    plugins: [limits, errors],
    // A page of ours that a browser shows: the requests it makes carry the user's own token.
    graphiql: (_, context) =>
      isDevelopment(context) && { title: "gitstore-edge", subscriptionsProtocol: "WS", defaultQuery: "" },
    landingPage: false,
    cors: false,
    multipart: false,
    batching: false,
    maskedErrors: false,
    parserAndValidationCache: {
      documentCache: new BoundedCache<DocumentNode>(),
      errorCache: { get: () => undefined, set: () => undefined },
      validationCache: true,
    },
    logging: {
      debug: () => undefined,
      info: () => undefined,
      warn: (...told) => log("warn", "graphql-yoga", { told }),
      error: (...told) => log("error", "graphql-yoga", { told }),
    },
  });
  return made;
}

function isDevelopment(context: object): boolean {
  return requireConfig((context as GraphContext).env).GRAPHQL_INTROSPECTION;
}

const limits: Plugin<GraphContext> = {
  onParse({ setParseFn }) {
    setParseFn((source: string, options: object) => parseWithin(source, options));
    return ({ result, replaceParseResult }) => {
      if (!result || result instanceof Error) return;
      const over = checkDocument(result);
      if (over) replaceParseResult(over);
    };
  },
  onValidate({ context, addValidationRule }) {
    if (!isDevelopment(context)) addValidationRule(NoSchemaIntrospectionCustomRule as ValidationRule);
  },
  onExecute({ args, setResultAndStopExecution }) {
    const over = checkCost(args);
    if (over) setResultAndStopExecution({ errors: [over] });
  },
  onSubscribe({ args, setResultAndStopExecution }) {
    const over = checkCost(args);
    if (over) setResultAndStopExecution({ errors: [over] });
  },
};

/** Both walk a document by recursion: a tower of brackets ends them before any limit does. */
function parseWithin(source: string, options: object): DocumentNode {
  try {
    return parse(source, { ...options, maxTokens: MAX_TOKENS });
  } catch (error) {
    if (error instanceof RangeError) throw badInput("the document nests too deeply to be read");
    throw error;
  }
}

interface Executed {
  errors?: readonly GraphQLError[];
}

const errors: Plugin<GraphContext> = {
  onExecutionResult({ result, setResult, context }) {
    const graph = context as unknown as GraphContext;
    if (result === undefined || Array.isArray(result)) return;
    if (Symbol.asyncIterator in result) {
      setResult(tidiedStream(result as AsyncIterable<Executed>, graph) as never);
      return;
    }
    const tidy = tidiedResult(result as Executed, graph);
    // A mutation asked for with GET is the one outcome that HTTP has its own word for.
    const wrongMethod = (result as Executed).errors?.some(({ extensions }) => isHttp(extensions?.http, 405));
    if (graph.outcome)
      Object.assign(graph.outcome, wrongMethod ? { status: 405 } : httpOf(tidy.errors), { known: true });
    setResult(tidy as never);
  },
};

function isHttp(http: unknown, status: number): boolean {
  return typeof http === "object" && http !== null && (http as { status?: unknown }).status === status;
}

/** As a generator would, but that `return` reaches the source at once, also while it waits for its next event. */
export function tidiedStream(
  source: AsyncIterable<Executed>,
  graph: GraphContext,
): AsyncIterableIterator<FormattedExecutionResult> {
  const iterator = source[Symbol.asyncIterator]();
  const finished = { done: true, value: undefined } as const;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const next = await iterator.next();
      return next.done ? finished : { done: false, value: tidiedResult(next.value, graph) };
    },
    async return() {
      await iterator.return?.();
      return finished;
    },
    async throw(error) {
      await iterator.throw?.(error);
      throw error;
    },
  };
}
