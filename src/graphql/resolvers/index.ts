/** All fields that need more than reading a property, by type. */
import { category } from "./category.ts";
import { collection } from "./collection.ts";
import { envelope } from "./envelope.ts";
import { namespace } from "./namespace.ts";
import { node } from "./node.ts";
import { operations } from "./operations.ts";
import { product } from "./product.ts";
import type { Fields } from "./read.ts";
import { repository } from "./repository.ts";
import { resourceFields } from "./resource.ts";
import { variant } from "./variant.ts";

export const readers: Record<string, Fields>[] = [
  node,
  envelope,
  namespace,
  repository,
  product,
  variant,
  category,
  collection,
  resourceFields,
  operations,
];
