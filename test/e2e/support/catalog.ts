/** The demo's catalogue of real products, which the tests share. */
export {
  catalogFiles,
  dnsName,
  productFile,
  productPath,
  products,
  type TreeFile,
} from "../../../src/cli/demo/catalog.ts";
