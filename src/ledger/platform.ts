import type { KindDef } from "../resource/kind.ts";
import type { Condition, JsonObject } from "../resource/types.ts";
import { NAMESPACE, REPOSITORY } from "./kinds.ts";

/** What admission says of the kinds that the API owns, and that upstream's controllers wait for. */
export function platformConditions(kind: KindDef, spec: JsonObject): Condition[] {
  if (kind.key === NAMESPACE) {
    return [{ type: "AdmissionAccepted", status: "True", reason: "Admitted", message: "the namespace is open" }];
  }
  if (kind.key !== REPOSITORY) return [];
  const hasRemote = typeof spec.url === "string" && spec.url !== "";
  return [
    hasRemote
      ? { type: "Bound", status: "True", reason: "RemoteConfigured", message: "spec.url names the remote it follows" }
      : {
          type: "Bound",
          status: "False",
          reason: "NoRemote",
          message: "set spec.url and spec.provider to follow a remote",
        },
  ];
}
