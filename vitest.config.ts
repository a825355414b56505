import { availableParallelism } from "node:os";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/** Tests inside workerd, of the Worker that `main` is. */
function workerd(main: string, bindings: Record<string, string> = {}): ReturnType<typeof cloudflareTest> {
  return cloudflareTest(async () => ({
    main,
    wrangler: { configPath: "./wrangler.toml" },
    miniflare: {
      bindings: {
        TEST_MIGRATIONS: await readD1Migrations("./migrations"),
        TOKEN_SIGNING_KEY: "test:dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXk",
        SEALING_KEY: "c2VhbGluZy1rZXktc2VhbGluZy1rZXktc2VhbGluZy0",
        ALLOW_PRIVATE_GIT: "true",
        ...bindings,
      },
    },
  }));
}

/** Packages as one module each: every file of tests has a runtime of its own, which asks for each module by itself. */
const bundled = {
  optimizer: {
    ssr: {
      enabled: true,
      include: ["graphql", "graphql-yoga", "hono", "jose", "yaml", "zod/mini", "zod/v4/locales/en.js"],
    },
  },
};

export default defineConfig({
  test: {
    // Most files wait more than they compute: for a runtime that starts, for a client that comes back.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // What the Worker and the servers print is shown with the test that failed, and not 70,000 lines of it otherwise.
    silent: "passed-only",
    projects: [
      {
        // Many of them run real git; the limit is for what hangs, not for what is slow on a busy machine.
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          environment: "node",
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [workerd("./test/worker/entry.ts")],
        test: {
          testTimeout: 30_000,
          name: "worker",
          deps: bundled,
          include: ["test/worker/**/*.test.ts"],
          setupFiles: ["./test/worker/setup.ts"],
        },
      },
      {
        // The fault campaign: a few seeds here; `npm run robustness` runs 200 of them, and kills processes as well.
        plugins: [
          workerd("./test/robustness/entry.ts", {
            SEEDS: process.env.SEEDS ?? "1-10",
            TRACE: process.env.TRACE ?? "",
            REPORT: process.env.REPORT ?? "",
          }),
        ],
        test: {
          name: "robustness",
          deps: bundled,
          // Planted bugs take a minute and more to be found: `npm run robustness` looks for them.
          include: [process.env.PLANTED ? "test/robustness/bugs.test.ts" : "test/robustness/campaign.test.ts"],
          setupFiles: ["./test/worker/setup.ts"],
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          environment: "node",
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        // Programs that are not npm's: each file says why it is skipped where its program is absent.
        test: {
          name: "clients",
          include: ["test/clients/**/*.test.ts"],
          environment: "node",
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
