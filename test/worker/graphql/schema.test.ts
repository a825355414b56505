import {
  buildSchema,
  GraphQLInputObjectType,
  GraphQLObjectType,
  getNamedType,
  lexicographicSortSchema,
  printSchema,
} from "graphql";
import { describe, expect, it } from "vitest";
import { executableSchema } from "../../../src/graphql/build.ts";
import { schemaText } from "../../../src/graphql/schema/index.ts";
import { ask, tokenFor } from "../support/http.ts";

const fieldsOf = (type: string) => {
  const found = executableSchema().getType(type);
  if (!(found instanceof GraphQLObjectType)) throw new Error(`no type ${type}`);
  return Object.keys(found.getFields());
};

describe("the schema", () => {
  it("that runs is the one that is written down and served", async () => {
    const printed = printSchema(lexicographicSortSchema(executableSchema()));
    expect(printed).toBe(printSchema(lexicographicSortSchema(buildSchema(schemaText))));
    const served = await ask(await tokenFor({ grants: [] }), "/graphql/schema.graphql");
    expect(printSchema(lexicographicSortSchema(buildSchema(served.text)))).toBe(printed);
  });

  it("has the names that it shares with upstream", () => {
    expect(fieldsOf("Query")).toEqual(
      expect.arrayContaining([
        ...["node", "nodes", "namespace", "namespaces", "repository", "repositories", "product", "products"],
        ...["productVariant", "productVariants", "category", "categories", "collection", "collections"],
      ]),
    );
    expect(fieldsOf("Subscription").sort()).toEqual(["watchCategories", "watchProducts", "watchResources"]);
    expect(fieldsOf("Mutation")).toEqual(
      expect.arrayContaining([
        ...["updateResourceStatus", "updateCategoryStatus", "updateProductStatus"],
        ...["createNamespace", "deleteNamespace", "createRepository", "deleteRepository"],
      ]),
    );
    expect(fieldsOf("WatchEvent")).toEqual(["type", "kind", "namespace", "name", "resourceVersion", "object"]);
    expect(fieldsOf("ObjectMeta")).toEqual(
      expect.arrayContaining([
        "uid",
        "resourceVersion",
        "generation",
        "finalizers",
        "deletionTimestamp",
        "ownerReferences",
      ]),
    );
  });

  it("has an optional idempotencyKey in the input of every mutation", () => {
    const { Mutation } = executableSchema().getTypeMap();
    if (!(Mutation instanceof GraphQLObjectType)) throw new Error("no mutations");
    for (const { name, args } of Object.values(Mutation.getFields())) {
      const input = args[0] && getNamedType(args[0].type);
      if (!(input instanceof GraphQLInputObjectType)) throw new Error(`${name} has no input`);
      expect(String(input.getFields().idempotencyKey?.type), name).toBe("String");
    }
  });

  it("leaves out what comes with releases and controllers", () => {
    for (const later of ["releases", "channel", "diffReleases", "controllers", "storefront"])
      expect(fieldsOf("Query")).not.toContain(later);
  });
});
