// Run before each script that is TypeScript, by whatever `node` npm found: plain CommonJS, so that an old one can read
// it. The `node` package among the devDependencies brings a new one; where its install script was not allowed to run,
// npm falls back to the system's, whose own message ("Unknown file extension .ts") helps nobody.
// 22.18 is the first that runs TypeScript as it is; wrangler needs 22.
const NEEDED = [22, 18];

function problem(version) {
  const [major, minor] = version.split(".").map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return undefined;
  return [
    `This needs Node ${NEEDED.join(".")} or newer and runs on ${version}.`,
    "`npm ci` brings a newer Node as node_modules/node, unless install scripts are turned off (ignore-scripts=true).",
    "Run `npm rebuild node esbuild workerd` to let them run now, or put a newer Node first in PATH.",
  ].join("\n");
}

module.exports = { problem };

if (require.main === module) {
  const message = problem(process.versions.node);
  if (message !== undefined) {
    console.error(message);
    process.exit(1);
  }
}
