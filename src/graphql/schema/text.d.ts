/** wrangler and vitest load these as text: see `rules` in wrangler.toml. */
declare module "*.graphql" {
  const text: string;
  export default text;
}
