/** Parsed documents, kept for operations that come again and again; a large one is parsed each time. */
const MAX_CHARS = 16 * 1024;
const MAX_KEPT = 500;

export class BoundedCache<T> {
  readonly #kept = new Map<string, T>();

  get(source: string): T | undefined {
    return this.#kept.get(source);
  }

  set(source: string, value: T): void {
    if (source.length > MAX_CHARS) return;
    if (this.#kept.size >= MAX_KEPT) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest);
        break;
      }
    }
    this.#kept.set(source, value);
  }
}
