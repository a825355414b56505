import { KINDS } from "../../conformance/status/kinds.ts";
import { describeStatus } from "../../conformance/status/suite.ts";
import { REST_FORMS, rest, restTraits } from "./rest.ts";
import { WorkerWorld } from "./world.ts";

for (const kind of KINDS) {
  for (const form of REST_FORMS) {
    const open = () => WorkerWorld.open(kind, (world) => rest(world, form));
    describeStatus(`the status of a ${kind.kind} by ${form}`, restTraits(form), open);
  }
}
