/** A watch as the HTTP layer opens one: refusals become Status objects, or, over WebSocket, a frame and a close code. */

import { type WatchRequest, watchCollection } from "../watch/http.ts";
import { isUpgrade, refuseUpgrade } from "../watch/refuse.ts";
import type { ParameterError } from "../watch/start.ts";
import { badRequest, invalidListOptions, type Status, statusResponse } from "./status.ts";

export async function openWatch(watch: WatchRequest): Promise<Response> {
  const answer = await watchCollection(watch);
  switch (answer.answer) {
    case "response":
      return answer.response;
    case "parameter":
      return refuseWatch(watch.request, statusOfParameter(answer.error));
    case "refused":
      return refuseWatch(watch.request, answer.status as Status);
  }
}

/** Before any ledger is touched. A failed upgrade shows its client neither status nor body, so it is accepted and closed. */
export function refuseWatch(request: Request, status: Status): Response {
  return isUpgrade(request) ? refuseUpgrade(request, status) : statusResponse(status);
}

function statusOfParameter({ code, field, message }: ParameterError): Status {
  if (code === 422) return invalidListOptions(field, "Invalid", message);
  return badRequest(`${field}: ${message}`);
}
