import category from "./category.graphql";
import collection from "./collection.graphql";
import meta from "./meta.graphql";
import namespace from "./namespace.graphql";
import operations from "./operations.graphql";
import product from "./product.graphql";
import query from "./query.graphql";
import repository from "./repository.graphql";
import resource from "./resource.graphql";
import scalars from "./scalars.graphql";
import status from "./status.graphql";
import variant from "./variant.graphql";
import watch from "./watch.graphql";

/** The schema, in the order it is served: what `GET /graphql/schema.graphql` answers and what the resolvers are put on. */
export const schemaText: string = [
  query,
  scalars,
  meta,
  namespace,
  repository,
  product,
  variant,
  category,
  collection,
  resource,
  operations,
  status,
  watch,
].join("\n");
