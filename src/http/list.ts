/** Lists: one consistent state at one resourceVersion, in pages that clients ask for or streamed as a whole. */
import type { LedgerError, LedgerStub, ListPage, ListRequest, Result } from "../ledger/api.ts";
import type { KindDef } from "../resource/kind.ts";
import { log } from "../telemetry/log.ts";
import { encodeContinue, type ListOptions } from "./list-options.ts";
import { asObjects, type Presenter } from "./present.ts";
import {
  CONTINUE_EXPIRED,
  expired,
  kindName,
  LIST_EXPIRED,
  StatusError,
  statusOfLedgerError,
  tooLargeResourceVersion,
} from "./status.ts";

/** Objects a page while a list without `limit` is streamed: the Worker holds one page at a time. */
const STREAM_PAGE = 500;

export interface ListTarget {
  kind: KindDef;
  /** What messages call the namespace. */
  namespace: string;
  ledger: LedgerStub;
  requestId: string;
  /** What the objects are shown as; absent: themselves. */
  presenter?: Presenter;
}

export async function listResponse(target: ListTarget, options: ListOptions): Promise<Response> {
  if (options.state.at === "notOlderThan") await reach(target, options.state.rv);
  const request: ListRequest = {
    kind: target.kind.key,
    limit: options.limit === 0 ? STREAM_PAGE : options.limit,
    ...(options.state.at === "exact" ? { at: options.state.rv } : {}),
    ...(options.after === undefined ? {} : { after: options.after }),
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };
  // The first page comes before the headers, so that what is wrong with the request is still a status code.
  let result = await target.ledger.list(request);
  if (!result.ok && result.error.code === "FutureVersion" && request.at !== undefined && !options.continued) {
    await reach(target, request.at);
    result = await target.ledger.list(request);
  }
  if (!result.ok) throw new StatusError(listStatus(result.error, target, options));
  const first = result.value;
  const filtered = options.labelSelector !== undefined || options.fieldSelector !== undefined;
  if (options.limit > 0 || first.next === undefined) {
    return json(`${presenterOf(target).listHead(metadataOf(first, filtered))}${itemsOf(target, first)}]}`);
  }
  return json(streamed(target, request, first));
}

/** Waits up to 3 s for a resourceVersion that is not there yet; then 504. */
export async function reach(target: Pick<ListTarget, "ledger" | "namespace" | "kind">, rv: number): Promise<void> {
  const result = await target.ledger.reached(rv, target.kind.key);
  if (result.ok) return;
  throw new StatusError(
    statusOfLedgerError(result.error, { namespace: target.namespace, kind: kindName(target.kind) }),
  );
}

function listStatus(error: LedgerError, target: ListTarget, options: ListOptions) {
  if (error.code === "Expired") {
    const continueToken =
      options.continued && options.after ? encodeContinue({ rv: -1, after: options.after }) : undefined;
    return expired(options.continued ? CONTINUE_EXPIRED : LIST_EXPIRED, { cause: error.cause, continueToken });
  }
  if (error.code === "FutureVersion") return tooLargeResourceVersion(error.requested, error.current);
  return statusOfLedgerError(error, { namespace: target.namespace, kind: kindName(target.kind) });
}

function metadataOf(page: ListPage, filtered: boolean): Record<string, unknown> {
  if (page.next === undefined) return { resourceVersion: page.rv };
  return {
    resourceVersion: page.rv,
    continue: encodeContinue({ rv: Number(page.rv), after: page.next }),
    ...(page.remaining === undefined || filtered ? {} : { remainingItemCount: page.remaining }),
  };
}

function presenterOf({ presenter, kind }: ListTarget): Presenter {
  return presenter ?? asObjects(kind);
}

function itemsOf(target: ListTarget, { items }: ListPage): string {
  const presenter = presenterOf(target);
  return items.map((text) => presenter.item(text)).join(",");
}

/*
 * Pages follow at the first page's RV. If one cannot be had any more the response is cut, not ended: what was sent so
 * far is no JSON, so that nobody takes half a list for a whole one.
 */
function streamed(target: ListTarget, request: ListRequest, first: ListPage): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next = first.next;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const head = presenterOf(target).listHead({ resourceVersion: first.rv });
      controller.enqueue(encoder.encode(`${head}${itemsOf(target, first)}`));
    },
    async pull(controller) {
      if (next === undefined) {
        controller.enqueue(encoder.encode("]}"));
        controller.close();
        return;
      }
      const result: Result<ListPage> = await target.ledger.list({ ...request, at: Number(first.rv), after: next });
      if (!result.ok) {
        log("warn", "a streamed list was cut", {
          requestId: target.requestId,
          namespace: target.namespace,
          rv: first.rv,
          error: result.error,
        });
        controller.error(new Error(`the list was cut: ${result.error.code}`));
        return;
      }
      next = result.value.next;
      if (result.value.items.length > 0) controller.enqueue(encoder.encode(`,${itemsOf(target, result.value)}`));
    },
  });
}

function json(body: string | ReadableStream<Uint8Array>): Response {
  return new Response(body, { headers: { "content-type": "application/json" } });
}
