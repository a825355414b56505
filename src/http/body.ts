/** Request bodies: read up to a limit, and of a known form. */
import { parse as parseYaml } from "yaml";
import { decodeProtobuf, PROTOBUF } from "./protobuf.ts";
import { badRequest, StatusError, tooLarge, unsupportedMediaType } from "./status.ts";

/** kube-apiserver's limit for a write. */
export const MAX_WRITE_BYTES = 3 * 1024 * 1024;

/** The bytes, or undefined as soon as there are more than `limit`; the rest is not read. */
export async function readCapped(request: Request, limit: number): Promise<Uint8Array | undefined> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > limit) return undefined;
  if (!request.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    total += value.length;
    if (total > limit) {
      await reader.cancel().catch(() => undefined);
      return undefined;
    }
    chunks.push(value);
  }
  return concat(chunks, total);
}

function concat(chunks: Uint8Array[], total: number): Uint8Array {
  const [only] = chunks;
  if (chunks.length === 1 && only) return only;
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

export function mediaTypeOf(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

async function readBytes(request: Request, limit: number): Promise<Uint8Array> {
  const bytes = await readCapped(request, limit);
  if (!bytes) throw new StatusError(tooLarge(`Request entity too large: limit is ${limit}`));
  return bytes;
}

async function readText(request: Request, limit: number): Promise<string> {
  const bytes = await readBytes(request, limit);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new StatusError(badRequest("the body of the request is not UTF-8"));
  }
}

export function parseJsonBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StatusError(
      badRequest(`the body of the request is not JSON: ${error instanceof Error ? error.message : "malformed"}`),
    );
  }
}

const OBJECT_TYPES = ["application/json", "application/yaml"];

/** An object of the API. No content type counts as JSON, as kube-apiserver has it. */
export async function readObject(request: Request): Promise<unknown> {
  const type = mediaTypeOf(request);
  if (type === PROTOBUF) return await readProtobuf(request, OBJECT_TYPES);
  if (type !== "" && !OBJECT_TYPES.includes(type)) throw new StatusError(unsupportedMediaType(OBJECT_TYPES));
  const text = await readText(request, MAX_WRITE_BYTES);
  if (text.trim() === "") throw new StatusError(badRequest("the body of the request is empty"));
  return type === "application/yaml" ? parseYamlBody(text) : parseJsonBody(text);
}

/** Of the few kinds that have to be read so; for the others it is an unknown format. */
async function readProtobuf(request: Request, accepted: string[]): Promise<Record<string, unknown>> {
  const object = decodeProtobuf(await readBytes(request, MAX_WRITE_BYTES));
  if (object) return object;
  throw new StatusError(unsupportedMediaType(accepted));
}

function parseYamlBody(text: string): unknown {
  try {
    return parseYaml(text, { maxAliasCount: 0 });
  } catch (error) {
    throw new StatusError(
      badRequest(`the body of the request is not YAML: ${error instanceof Error ? error.message : "malformed"}`),
    );
  }
}

/** A JSON object that may be left out: options of a delete or of a subresource. */
export async function readOptions(request: Request): Promise<Record<string, unknown>> {
  if (mediaTypeOf(request) === PROTOBUF) return await readProtobuf(request, ["application/json"]);
  const text = await readText(request, MAX_WRITE_BYTES);
  if (text.trim() === "") return {};
  const type = mediaTypeOf(request);
  if (type !== "" && type !== "application/json") throw new StatusError(unsupportedMediaType(["application/json"]));
  const value = parseJsonBody(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new StatusError(badRequest("the body of the request must be a JSON object"));
  }
  return value as Record<string, unknown>;
}

/** A patch and its kind. Strategic merge, kubectl's default, is refused as it is for every custom resource. */
export async function readPatch(
  request: Request,
  accepted: string[] = ["application/json-patch+json", "application/merge-patch+json"],
): Promise<{ type: string; patch: unknown }> {
  const type = mediaTypeOf(request);
  if (!accepted.includes(type)) throw new StatusError(unsupportedMediaType(accepted));
  const text = await readText(request, MAX_WRITE_BYTES);
  return { type, patch: type.endsWith("+yaml") ? parseYamlBody(text) : parseJsonBody(text) };
}
