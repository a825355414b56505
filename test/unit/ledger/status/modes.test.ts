import { KINDS } from "../../../conformance/status/kinds.ts";
import { describeStatus } from "../../../conformance/status/suite.ts";
import { CoreWorld, MODES, type Mode } from "./world.ts";

for (const kind of KINDS) {
  for (const [mode, traits] of Object.entries(MODES)) {
    describeStatus(`the status of a ${kind.kind} in mode ${mode}`, traits, () => new CoreWorld(kind, mode as Mode));
  }
}
