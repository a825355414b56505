import { describe, expect, it } from "vitest";
import { decodeProtobuf } from "../../../src/http/protobuf.ts";
import { bytes, envelope, int, text, varint } from "../../worker/support/protobuf.ts";

describe("a body in protobuf", () => {
  it("of a lease is the lease's JSON", () => {
    const time = (seconds: number, nanos: number) => [...int(1, seconds), ...int(2, nanos)];
    const metadata = [
      ...text(1, "leader"),
      ...text(2, ""), // generateName: plain strings are there even when they are empty
      ...text(3, "acme"),
      ...text(4, ""),
      ...text(5, ""),
      ...text(6, "1790000000000"),
      ...int(7, 0),
      ...bytes(8, []),
      ...bytes(11, [...text(1, "app"), ...text(2, "x")]),
      ...bytes(11, [...text(1, "tier"), ...text(2, "")]),
      ...bytes(17, text(1, "manager")),
    ];
    const spec = [
      ...text(1, "pod-ä"),
      ...int(2, 15),
      ...bytes(3, time(1_767_225_600, 1_500_000)),
      ...bytes(4, time(1_767_225_602, 999_999_999)),
      ...int(5, 0),
    ];
    const body = envelope("coordination.k8s.io/v1", "Lease", [...bytes(1, metadata), ...bytes(2, spec)]);
    expect(decodeProtobuf(body)).toEqual({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        name: "leader",
        namespace: "acme",
        resourceVersion: "1790000000000",
        labels: { app: "x", tier: "" },
      },
      spec: {
        holderIdentity: "pod-ä",
        leaseDurationSeconds: 15,
        acquireTime: "2026-01-01T00:00:00.001500Z",
        renewTime: "2026-01-01T00:00:02.999999Z",
        leaseTransitions: 0,
      },
    });
  });

  it("of a lease that is given up has an empty holder, and a negative number stays one", () => {
    const body = envelope("coordination.k8s.io/v1", "Lease", bytes(2, [...text(1, ""), ...int(2, -1)]));
    expect(decodeProtobuf(body)?.spec).toEqual({ holderIdentity: "", leaseDurationSeconds: -1 });
  });

  it("of an access review is what is asked", () => {
    const attributes = ["acme", "list", "catalog.gitstore.dev", "", "products", "status", "hat"];
    const raw = bytes(
      2,
      bytes(
        1,
        attributes.flatMap((value, index) => text(index + 1, value)),
      ),
    );
    expect(decodeProtobuf(envelope("authorization.k8s.io/v1", "SelfSubjectAccessReview", raw))?.spec).toEqual({
      resourceAttributes: {
        namespace: "acme",
        verb: "list",
        group: "catalog.gitstore.dev",
        version: "",
        resource: "products",
        subresource: "status",
        name: "hat",
      },
    });
    const path = bytes(2, bytes(2, [...text(1, "/version"), ...text(2, "get")]));
    expect(decodeProtobuf(envelope("authorization.k8s.io/v1", "SelfSubjectAccessReview", path))?.spec).toEqual({
      nonResourceAttributes: { path: "/version", verb: "get" },
    });
    const rules = bytes(2, text(1, "acme"));
    expect(decodeProtobuf(envelope("authorization.k8s.io/v1", "SelfSubjectRulesReview", rules))?.spec).toEqual({
      namespace: "acme",
    });
  });

  it("of delete options has its preconditions, in the version of whatever is deleted", () => {
    const raw = [
      ...bytes(2, [...text(1, "u-1"), ...text(2, "7")]),
      ...int(3, 1),
      ...text(4, "Background"),
      ...text(5, "All"),
    ];
    expect(decodeProtobuf(envelope("coordination.k8s.io/v1", "DeleteOptions", raw))).toEqual({
      apiVersion: "coordination.k8s.io/v1",
      kind: "DeleteOptions",
      preconditions: { uid: "u-1", resourceVersion: "7" },
      propagationPolicy: "Background",
      dryRun: ["All"],
    });
  });

  it("with fields of a later version is read without them", () => {
    const later = [
      ...varint((9 << 3) | 1),
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      ...varint((10 << 3) | 5),
      1,
      2,
      3,
      4,
      ...int(99, 1),
    ];
    const body = envelope("coordination.k8s.io/v1", "Lease", [...later, ...bytes(2, text(1, "a"))]);
    expect(decodeProtobuf(body)?.spec).toEqual({ holderIdentity: "a" });
  });

  it.each<[string, Uint8Array]>([
    ["without the magic number", new Uint8Array([1, 2, 3, 4])],
    ["that is empty", new Uint8Array()],
    ["of another kind", envelope("v1", "Pod", [])],
    ["of another version", envelope("coordination.k8s.io/v1beta1", "Lease", [])],
    ["that is cut", envelope("coordination.k8s.io/v1", "Lease", bytes(2, text(1, "abc"))).subarray(0, 40)],
    ["with a length past its end", envelope("coordination.k8s.io/v1", "Lease", [...varint((2 << 3) | 2), 100])],
    ["with a varint that never ends", envelope("coordination.k8s.io/v1", "Lease", new Array(12).fill(0xff))],
    ["with a group, which nobody writes", envelope("coordination.k8s.io/v1", "Lease", [...varint((2 << 3) | 3)])],
    ["with a number where a text belongs", envelope("coordination.k8s.io/v1", "Lease", bytes(2, int(1, 5)))],
    ["with a text where a number belongs", envelope("coordination.k8s.io/v1", "Lease", bytes(2, text(2, "5")))],
    ["with a number where a time belongs", envelope("coordination.k8s.io/v1", "Lease", bytes(2, int(3, 5)))],
  ])("%s is none that is known", (_, body) => expect(decodeProtobuf(body)).toBeUndefined());
});
