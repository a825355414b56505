/** Schema parts that several kinds use. */
import type { Schema } from "../kind.ts";
import { list, object, text } from "./define.ts";

/** An ObjectReference; `kind` and `apiVersion`, where given, must be those of what is referred to. */
export function reference(description: string, to: { apiVersion: string; kind: string }, required: string[]): Schema {
  return object(
    description,
    {
      apiVersion: text("The group and version of the referred object.", { enum: [to.apiVersion] }),
      kind: text("The kind of the referred object.", { enum: [to.kind] }),
      name: text("The name of the referred object.", { minLength: 1, maxLength: 253 }),
      namespace: text("Its namespace; only the referring object's own is allowed."),
      uid: text("Its uid; not followed."),
      resourceVersion: text("Its resourceVersion; not followed."),
      fieldPath: text("A part of the referred object; not followed."),
    },
    required,
  );
}

export const CATALOG_API = "catalog.gitstore.dev/v1beta1";
export const STORAGE_API = "storage.gitstore.dev/v1beta1";

const fileReference = reference("The File that holds the media.", { apiVersion: STORAGE_API, kind: "File" }, [
  "name",
  "kind",
]);

/** `media[]` of every catalogue kind. */
export const media: Schema = list(
  "Media that belong to the object, in order.",
  object(
    "One medium.",
    {
      fileRef: {
        ...fileReference,
        properties: {
          ...fileReference.properties,
          optional: { type: "boolean", description: "Whether the File may be missing without a condition." },
        },
      },
    },
    ["fileRef"],
  ),
);
