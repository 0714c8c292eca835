/**
 * Which tab of a session a page of the browser is. A driver remembers it from its first look at a page on, so that two captures call a tab by one id, and
 * a page that a restore opened is the tab that it was opened for.
 */

/** The ids of one driver's pages. `Handle` is what the driver calls a page by: an object, or a string. */
export class TabIds<Handle> {
  readonly #ids = new Map<Handle, string>();

  /** The id of a page; a new random one where it has none. */
  of(handle: Handle): string {
    const known = this.#ids.get(handle);
    if (known !== undefined) return known;
    const id = crypto.randomUUID();
    this.#ids.set(handle, id);
    return id;
  }

  /** The page is this tab. A page that was it before, by an earlier restore of the same session, is another one from now on. */
  assign(handle: Handle, id: string): void {
    for (const [other, held] of this.#ids) if (held === id) this.#ids.delete(other);
    this.#ids.set(handle, id);
  }

  /** Forgets pages that are closed; `open` are all that are not. */
  keepOnly(open: readonly Handle[]): void {
    const kept = new Set(open);
    for (const handle of this.#ids.keys()) if (!kept.has(handle)) this.#ids.delete(handle);
  }
}
