/** Content negotiation: JSON is what there is. */
import { notAcceptable, StatusError } from "./status.ts";

const MEDIA_TYPE = "application/json";

/** Throws 406 where the client takes nothing that is served: Tables, protobuf and CBOR are not. */
export function requireJson(request: Request): void {
  if (request.headers.get("upgrade")) return;
  if (!acceptsJson(request.headers.get("accept"))) throw new StatusError(notAcceptable([MEDIA_TYPE]));
}

/** kubectl asks for a Table first and lists plain JSON last: then it prints what it can. */
export function acceptsJson(accept: string | null): boolean {
  if (accept === null || accept.trim() === "") return true;
  return accept.split(",").some((clause) => {
    const [type = "", ...parameters] = clause.split(";").map((part) => part.trim().toLowerCase());
    if (!["*/*", "application/*", MEDIA_TYPE].includes(type)) return false;
    if (parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) return false;
    return !parameters.some((parameter) => parameter.startsWith("as="));
  });
}
