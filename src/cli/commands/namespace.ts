import { type Command, flag, text } from "../command.ts";
import { printDocument } from "../io.ts";

const NAMESPACES = { group: "gitstore.dev", version: "v1beta1", plural: "namespaces" };

export const namespaceCreate: Command = {
  name: "namespace create",
  summary: "Makes a namespace: a tenant, with an order of its own.",
  usage: "NS [options]",
  options: {
    title: { type: "string", value: "TEXT", help: "The name shown to people." },
    "public-storefront": { type: "boolean", help: "Anyone may read what is published." },
  },
  arguments: { min: 1, max: 1 },
  examples: [
    "gitstorectl namespace create acme",
    'gitstorectl namespace create acme --title "Acme Outdoor" --public-storefront',
  ],
  async run({ positionals, values, session, io, output }) {
    const [name = ""] = positionals;
    const title = text(values, "title");
    const made = await session.client.create(NAMESPACES, {
      apiVersion: "gitstore.dev/v1beta1",
      kind: "Namespace",
      metadata: { name },
      spec: {
        ...(title === undefined ? {} : { title }),
        ...(flag(values, "public-storefront") ? { storefront: { public: true } } : {}),
      },
    });
    if (output === "table") io.out(`namespace ${name} created\n`);
    else printDocument(io, output, made);
  },
};

export const namespaceDelete: Command = {
  name: "namespace delete",
  summary: "Deletes a namespace: its sockets close at once, its data goes after 7 days.",
  usage: "NS [--force]",
  options: { force: { type: "boolean", help: "With its repositories; without it, a namespace that has some stays." } },
  arguments: { min: 1, max: 1 },
  examples: ["gitstorectl namespace delete acme", "gitstorectl namespace delete acme --force"],
  async run({ positionals, values, session, io, output }) {
    const [name = ""] = positionals;
    await session.client.delete({ ...NAMESPACES, name }, flag(values, "force") ? { force: "true" } : {});
    if (output === "table") io.out(`namespace ${name} deleted\n`);
    else printDocument(io, output, { namespace: name, deleted: true });
  },
};
