/** Content negotiation: JSON is what there is, as the object itself, as a Table, or as its metadata alone. */
import { badRequest, notAcceptable, StatusError } from "./status.ts";

const MEDIA_TYPE = "application/json";
const META_GROUP = "meta.k8s.io";
const META_VERSIONS = ["v1", "v1beta1"] as const;
const INCLUDES = ["None", "Metadata", "Object"] as const;

export type MetaVersion = (typeof META_VERSIONS)[number];

/** What the objects of a response are shown as. */
export type Form =
  | { as: "object" }
  | { as: "table"; version: MetaVersion; include: (typeof INCLUDES)[number] }
  | { as: "metadata"; version: MetaVersion };

/** One clause of an Accept header, with its parameters in lower-case names. */
export interface MediaRange {
  type: string;
  parameters: Record<string, string>;
}

/** The clauses in the order of preference; those with `q=0` are left out. No header accepts everything. */
export function rangesOf(accept: string | null): MediaRange[] {
  if (accept === null || accept.trim() === "") return [{ type: "*/*", parameters: {} }];
  return accept
    .split(",")
    .map((clause) => {
      const [type = "", ...pairs] = clause.split(";").map((part) => part.trim());
      const parameters = Object.fromEntries(
        pairs.map((pair) => [
          pair.split("=")[0]?.trim().toLowerCase() ?? "",
          pair
            .slice(pair.indexOf("=") + 1)
            .trim()
            .replace(/^"(.*)"$/, "$1"),
        ]),
      );
      const quality = Number(parameters.q ?? "1");
      return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 0 };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

export function isJson({ type }: MediaRange): boolean {
  return type === "*/*" || type === "application/*" || type === MEDIA_TYPE;
}

/** Whether a clause asks for a conversion (`as`, `g`, `v`) instead of the object itself. */
export function isConversion({ parameters }: MediaRange): boolean {
  return ["as", "g", "v"].some((name) => parameters[name] !== undefined);
}

/** Throws 406 where the client takes nothing that is served: protobuf, CBOR and YAML are not. */
export function requireJson(request: Request): void {
  if (request.headers.get("upgrade")) return;
  if (!acceptsJson(request.headers.get("accept"))) throw new StatusError(notAcceptable([MEDIA_TYPE]));
}

export function acceptsJson(accept: string | null): boolean {
  return rangesOf(accept).some((range) => isJson(range) && !isConversion(range));
}

/** What is read: one object, a list of them, or a stream; `initial`: a stream that begins with the present state. */
export type Reading = { what: "object" | "list" } | { what: "watch"; initial: boolean };

/**
 * The first clause that can be served (apiserver pkg/endpoints/handlers/negotiation). Throws 406, and 400 for a bad
 * `includeObject`. Over WebSocket there are objects only.
 */
export function formOf(request: Request, query: URLSearchParams, reading: Reading): Form {
  if (request.headers.get("upgrade")) return { as: "object" };
  for (const range of rangesOf(request.headers.get("accept"))) {
    if (!isJson(range)) continue;
    if (!isConversion(range)) return { as: "object" };
    const version = META_VERSIONS.find((known) => known === range.parameters.v);
    if (version === undefined || range.parameters.g !== META_GROUP) continue;
    // A stream that begins with the state is for informers, and its end is a bookmark that no Table can carry.
    if (range.parameters.as === "Table" && !(reading.what === "watch" && reading.initial)) {
      return { as: "table", version, include: includeOf(query) };
    }
    const wanted = reading.what === "list" ? "PartialObjectMetadataList" : "PartialObjectMetadata";
    if (range.parameters.as === wanted) return { as: "metadata", version };
    if (range.parameters.as?.startsWith("PartialObjectMetadata")) {
      const found = reading.what === "list" ? "a list" : "not a list";
      throw new StatusError(
        notAcceptable([MEDIA_TYPE], `you requested ${range.parameters.as}, but the requested object is ${found}`),
      );
    }
  }
  throw new StatusError(notAcceptable([MEDIA_TYPE]));
}

function includeOf(query: URLSearchParams): (typeof INCLUDES)[number] {
  const given = query.get("includeObject") || "Metadata";
  const known = INCLUDES.find((include) => include === given);
  if (known !== undefined) return known;
  throw new StatusError(
    badRequest(
      `includeObject: Invalid value: ${JSON.stringify(given)}: supported values: ${INCLUDES.map((one) => JSON.stringify(one)).join(", ")}`,
    ),
  );
}
