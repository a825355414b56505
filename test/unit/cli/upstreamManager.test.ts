import { decodeJwt } from "jose";
import { expect, it } from "vitest";
import { grantsOf } from "../../../src/auth/roles.ts";
import { ctl } from "./support.ts";

it("token create --role upstream-manager makes a token over all namespaces that lasts as long as it runs", async () => {
  const { code, out } = await ctl(
    ["token", "create", "--role", "upstream-manager", "--namespace", "*", "--ttl", "300d"],
    { env: { TOKEN_SIGNING_KEY: `k1:${"a".repeat(43)}` } },
  );
  expect(code).toBe(0);
  const { grants, exp = 0, iat = 0 } = decodeJwt(out.trim());
  expect(exp - iat).toBe(300 * 86_400);
  expect(grants).toEqual(grantsOf({ role: "upstream-manager", namespaces: ["*"] }));
});
