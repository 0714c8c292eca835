/**
 * The frames of the document this runs in that keep other storage than it does, as far as script is told: for drivers that cannot look into them, so that their
 * reports can say where they did not look. Nothing is asked of the frames, so one that hangs costs nothing.
 */

/** A frame of another origin, or one that stands inside such a frame. */
export interface FrameSeen {
  /** Serialized: for a frame of another origin that of the address which it was given. Null where script is not told. */
  readonly origin: string | null;
  /** Of the outermost frame of another origin that it stands in, which may be null as above; absent for a frame that stands in none. */
  readonly inside?: string | null;
}

/** All of them, also those in frames of this document's own origin. */
export function listFrames(): FrameSeen[] {
  const found: FrameSeen[] = [];
  const walk = (around: Window, outside: { readonly origin: string | null } | null): void => {
    for (let i = 0; i < around.length; i++) {
      const frame = around[i];
      // The page may have put a number of its own in the place of the length.
      if (frame === undefined) break;
      const own = documentOf(frame) === null ? null : frame.origin;
      const element = own === null ? elementOf(around, frame) : null;
      if (isOpaque(element, own)) continue;
      const origin = own ?? originOf(element);
      // Those of this document's own origin, with nothing else around them, have its storage.
      if (own === null || outside !== null) found.push({ origin, ...(outside === null ? {} : { inside: outside.origin }) });
      walk(frame, outside ?? (own === null ? { origin } : null));
    }
  };
  walk(window, null);
  return found;
}

/** Null for a window of another origin, which lets nobody see into it but for how many frames it has. */
function documentOf(frame: Window): Document | null {
  try {
    return frame.document;
  } catch {
    return null;
  }
}

/** What holds a frame; null where script does not see that: in a page of another origin, or in a shadow tree. */
function elementOf(around: Window, frame: Window): Holder | null {
  const elements = documentOf(around)?.querySelectorAll<Holder>('iframe, frame, object') ?? [];
  return Array.from(elements).find(({ contentWindow }) => contentWindow === frame) ?? null;
}

/** Of an `<iframe>`, `<frame>` or `<object>`. */
type Holder = HTMLElement & { readonly contentWindow: Window | null; readonly src?: string; readonly data?: string };

/** A frame whose sandbox gives it no origin keeps nothing. */
function isOpaque(element: Holder | null, own: string | null): boolean {
  const sandbox = element?.getAttribute('sandbox') ?? null;
  return own === 'null' || (sandbox !== null && !/(^|\s)allow-same-origin(\s|$)/i.test(sandbox));
}

/** An address as it was when the frame was made: where the frame has gone since is not told. */
function originOf(element: Holder | null): string | null {
  const address = element?.src ?? element?.data ?? '';
  return /^https?:/.test(address) ? new URL(address).origin : null;
}
