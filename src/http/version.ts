/** What this is: Kubernetes' `version.Info`, with our fields added. */

/** Equal to package.json's; a test holds them together, so that the bundle need not carry that file. */
export const VERSION = "0.1.0";

/** The API machinery that clients may expect: kubectl warns when it is more than one minor version away. */
const KUBERNETES = { major: "1", minor: "35" };

export function versionInfo(): Record<string, string> {
  return {
    ...KUBERNETES,
    gitVersion: `v${KUBERNETES.major}.${KUBERNETES.minor}.0+gitstore-edge.${VERSION}`,
    gitCommit: "",
    gitTreeState: "",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: "",
    compiler: "workerd",
    platform: "cloudflare/workers",
    name: "gitstore-edge",
    version: VERSION,
    watchProtocol: "gitstore.watch.v1",
  };
}
