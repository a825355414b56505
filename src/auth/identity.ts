import type { Grant } from "./grants.ts";

/** Who a request comes from, once its token holds. */
export interface Identity {
  /** `user:alice`, `serviceaccount:acme:inventory`; of an issuer's token `https://issuer.example#` before what it says. */
  sub: string;
  /** Absent where the issuer gives none: such a token is revoked by its subject only. */
  jti?: string;
  grants: Grant[];
  /** Seconds since 1970. */
  exp: number;
  /** Absent: signed with a key of this installation. */
  issuer?: string;
}

/** Claims of the tokens of this installation. */
export const AUDIENCE = "gitstore-edge";

export type Verified = { ok: true; identity: Identity } | { ok: false; reason: string };
