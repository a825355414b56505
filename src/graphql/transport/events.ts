/**
 * Server-sent events, passed on by hand. workerd pumps a stream made in JavaScript to its reader, and does not cancel it
 * when the reader is gone: the subscription, and its session in a ledger, would be held for ever. A write of our own
 * does fail; graphql-yoga's comment every 12 s is one, where nothing else is.
 */
export function passedOn(events: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const reader = events.getReader();
  const writer = writable.getWriter();
  const pass = async (): Promise<void> => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) await writer.write(next.value);
    await writer.close();
  };
  pass().catch(async (error) => {
    await reader.cancel(error).catch(() => undefined);
    await writer.abort(error).catch(() => undefined);
  });
  return readable;
}
