/** The core kinds, in the order of the contract's table. */
import type { KindDef } from "./kind.ts";
import { categoryTaxonomy } from "./kinds/category.ts";
import { collection } from "./kinds/collection.ts";
import { customResourceDefinition } from "./kinds/definition.ts";
import { file } from "./kinds/file.ts";
import { namespace, repository } from "./kinds/platform.ts";
import { product } from "./kinds/product.ts";
import { channel, gitEvent, lease, release } from "./kinds/system.ts";
import { productVariant } from "./kinds/variant.ts";

export { kindKey } from "./kinds/define.ts";

export const CORE_KINDS: readonly KindDef[] = [
  product,
  productVariant,
  categoryTaxonomy,
  collection,
  namespace,
  repository,
  file,
  gitEvent,
  release,
  channel,
  customResourceDefinition,
  lease,
];
