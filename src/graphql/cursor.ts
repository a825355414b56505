/** Cursors of connections: where a page ends, and the one state that all pages of a list are of. */

export interface PageCursor {
  /** The first page's resourceVersion. */
  rv: string;
  /** The object the cursor stands on. */
  name: string;
}

export function encodeCursor({ rv, name }: PageCursor): string {
  return btoa(`${rv} ${name}`);
}

/** Undefined for what no list of ours gave. */
export function decodeCursor(cursor: string): PageCursor | undefined {
  let text: string;
  try {
    text = atob(cursor);
  } catch {
    return undefined;
  }
  const [, rv, name] = /^([1-9][0-9]{0,15}) ([\x21-\x7e]{1,512})$/.exec(text) ?? [];
  if (rv === undefined || name === undefined || !Number.isSafeInteger(Number(rv))) return undefined;
  return { rv, name };
}
