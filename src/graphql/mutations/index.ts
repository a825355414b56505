/** Every mutation, by name. */
import { failure } from "../errors.ts";
import { wholeObject } from "../object.ts";
import type { Fields, Resolver } from "../resolvers/read.ts";
import { createNamespace, deleteNamespaceByName } from "./namespaces.ts";
import { createRepository, deleteRepositoryById, registerRepository, updateRepository } from "./repositories.ts";
import { type StatusInput, updateStatus } from "./status.ts";

// Inputs were validated by the schema, whose types these are.
const input = (args: Record<string, unknown>) => args.input as never;

const later = (what: string): Resolver => {
  return () => {
    throw failure("NOT_IMPLEMENTED", `${what} is not served yet: write the resource's file, and push it`);
  };
};

/** @param as what the payload calls the object */
const statusOf =
  (kind: string, as: string, mode?: "product"): Resolver =>
  async (_, args, graph) => {
    const { completeDeletion, decoupleProducts, removeOwnerUID, ...rest } = args.input as StatusInput &
      Record<string, unknown>;
    if (completeDeletion === true || decoupleProducts === true || typeof removeOwnerUID === "string")
      throw failure("NOT_IMPLEMENTED", "deletion is immediate: there is nothing to complete or to decouple yet");
    const { resource, conflict } = await updateStatus(graph, kind, rest, mode);
    return { [as]: resource, conflict, hasMoreProductDependents: false };
  };

export const mutations: Fields = {
  createNamespace: (_, args, graph) => createNamespace(graph, input(args)),
  deleteNamespace: (_, args, graph) => deleteNamespaceByName(graph, input(args)),
  registerRepository: (_, args, graph) => registerRepository(graph, input(args)),
  createRepository: (_, args, graph) => createRepository(graph, input(args)),
  updateRepository: (_, args, graph) => updateRepository(graph, input(args)),
  deleteRepository: (_, args, graph) => deleteRepositoryById(graph, input(args)),
  applyResource: later("applyResource"),
  deleteResource: later("deleteResource"),
  updateResourceStatus: async (_, args, graph) => {
    const { kind, ...rest } = args.input as StatusInput & { kind: string };
    const { resource, conflict } = await updateStatus(graph, kind, rest);
    return { object: resource && wholeObject(resource), conflict };
  },
  updateCategoryStatus: statusOf("CategoryTaxonomy", "category"),
  updateProductStatus: statusOf("Product", "product", "product"),
  updateProductVariantStatus: statusOf("ProductVariant", "productVariant"),
  updateCollectionStatus: statusOf("Collection", "collection"),
  updateNamespaceStatus: statusOf("Namespace", "namespace"),
  updateRepositoryStatus: statusOf("Repository", "repository"),
};
