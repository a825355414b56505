/** The demo's catalogue of real products, which the tests share. */
export {
  type CategoryRow,
  catalogFiles,
  categories,
  dnsName,
  type ProductRow,
  productFile,
  productPath,
  products,
  type TreeFile,
} from "../../../src/cli/demo/catalog.ts";
