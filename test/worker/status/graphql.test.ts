import { KINDS } from "../../conformance/status/kinds.ts";
import { describeStatus } from "../../conformance/status/suite.ts";
import { GRAPHQL_TRAITS, graphql } from "./graphql.ts";
import { WorkerWorld } from "./world.ts";

for (const kind of KINDS) {
  describeStatus(`the status of a ${kind.kind} by GraphQL`, GRAPHQL_TRAITS, () => WorkerWorld.open(kind, graphql));
}
