/** Kinds that the system writes (GitEvent, Release), the API owns (Channel), or any client may write (Lease). */
import type { KindDef } from "../kind.ts";
import { column, coreKind, object, text, wideColumn } from "./define.ts";

export const gitEvent: KindDef = coreKind({
  group: "events.gitstore.dev",
  version: "v1beta1",
  kind: "GitEvent",
  plural: "gitevents",
  shortNames: ["ge"],
  owner: "system",
  printerColumns: [
    column("Type", ".spec.type"),
    column("Subject", ".spec.subject"),
    wideColumn("Time", ".spec.time", "date"),
  ],
  spec: {
    ...object(
      "A CloudEvent 1.0.",
      {
        specversion: text("The CloudEvents version."),
        id: text("The same whenever the same event is derived."),
        source: text("/namespaces/{ns}/repositories/{name}."),
        type: text("The event's type."),
        subject: text("The ref, or {kind}/{name}."),
        time: text("When it was observed.", { format: "date-time" }),
      },
      ["id", "source", "type"],
    ),
    "x-kubernetes-preserve-unknown-fields": true,
  },
});

export const release: KindDef = coreKind({
  group: "release.gitstore.dev",
  version: "v1beta1",
  kind: "Release",
  plural: "releases",
  shortNames: ["rel"],
  owner: "system",
  printerColumns: [
    column("Tag", ".spec.tag"),
    column("Phase", ".status.phase"),
    wideColumn("Repository", ".spec.repository"),
    wideColumn("Commit", ".spec.commit"),
  ],
  spec: object(
    "A release tag, pinned.",
    {
      repository: text("The repository that holds the tag."),
      tag: text("The tag's name."),
      tagObject: text("The oid that the tag's ref holds."),
      commit: text("The commit behind it."),
      tree: text("The commit's tree."),
    },
    ["repository", "tag", "commit"],
  ),
});

export const channel: KindDef = coreKind({
  group: "release.gitstore.dev",
  version: "v1beta1",
  kind: "Channel",
  plural: "channels",
  shortNames: ["chan"],
  owner: "api",
  printerColumns: [
    column("Release", ".status.release"),
    column("Repository", ".status.repository"),
    column("Epoch", ".status.epoch", "integer"),
  ],
  spec: object("A named live pointer at a snapshot; all that it holds is status.", {}),
});

export const lease: KindDef = coreKind({
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  categories: [],
  owner: "client",
  printerColumns: [column("Holder", ".spec.holderIdentity")],
  spec: object("Who leads, and until when.", {
    holderIdentity: text("Who holds the lease."),
    leaseDurationSeconds: { type: "integer", format: "int32", minimum: 1, description: "How long it holds unrenewed." },
    acquireTime: text("When the holder took it.", { format: "date-time" }),
    renewTime: text("When the holder last renewed it.", { format: "date-time" }),
    leaseTransitions: { type: "integer", format: "int32", minimum: 0, description: "How often the holder changed." },
    strategy: text("How a leader is chosen."),
    preferredHolder: text("Who should take the lease next."),
  }),
});
