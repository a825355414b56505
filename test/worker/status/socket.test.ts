import { KINDS } from "../../conformance/status/kinds.ts";
import { describeStatus } from "../../conformance/status/suite.ts";
import { SOCKET_TRAITS, socket } from "./socket.ts";
import { WorkerWorld } from "./world.ts";

for (const kind of KINDS) {
  const open = () => WorkerWorld.open(kind, socket);
  describeStatus(`the status of a ${kind.kind} by socket frames`, SOCKET_TRAITS, open);
}
