/** The demo's Git server and repositories, which the tests share. */
export { GitServer, type GitServerOptions, type ServedRequest } from "../../../src/cli/demo/gitServer.ts";
export { GIT_ENV, GitFailed, Repository } from "../../../src/cli/demo/repository.ts";
