/** Where the document stands that this runs in: which storage is its own, as far as script can tell. */
import { PspError } from '../errors.ts';
import type { StorageKey } from '../session/session.ts';
import { isWeb } from './intercept.ts';

/**
 * The storage key of this document.
 *
 * @throws PspError `ADAPTER_UNSUPPORTED` where there is no document, none of the web, or it is in a frame that another origin stands around: script is not
 * told of which site that is.
 */
export function ownStorageKey(): StorageKey {
  if (globalThis.document === undefined)
    throw new PspError('ADAPTER_UNSUPPORTED', 'there is no document here: page() is for scripts of a page');
  const { origin } = globalThis;
  if (!isWeb(origin))
    throw new PspError('ADAPTER_UNSUPPORTED', 'this document has no origin of the web, and so no storage that is carried');
  for (let frame: Window = window; frame !== frame.parent; frame = frame.parent) {
    if (!isOf(frame.parent, origin)) throw new PspError('ADAPTER_UNSUPPORTED', 'this document is in a frame inside another origin');
  }
  return { origin, topLevelSite: null };
}

function isOf(frame: Window, origin: string): boolean {
  try {
    return frame.origin === origin;
  } catch (error) {
    // A window of another origin shows nothing of itself.
    if (error instanceof DOMException && error.name === 'SecurityError') return false;
    throw error;
  }
}

/** Whether a host is an IP address, which has no hosts below it. An IPv6 address stands in brackets. */
export function isAddressHost(hostname: string): boolean {
  return hostname.startsWith('[') || /^[\d.]+$/.test(hostname);
}
