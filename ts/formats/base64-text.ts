/** Base64 as the strings that JSON formats hold, over the kernel in use (RFC 4648 section 4, and section 5 for the URL alphabet). */
import { decodeBase64, encodeBase64 } from '../kernel/current.ts';

/** Bytes as standard Base64 with padding. */
export function base64Of(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(encodeBase64(bytes));
}

/** The bytes of standard Base64 with padding, or null when it is none. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | null {
  // TextEncoder makes two or more bytes of what is not ASCII, none of which is in the alphabet.
  try {
    return decodeBase64(new TextEncoder().encode(text));
  } catch {
    return null;
  }
}

/** Bytes as Base64url without padding. */
export function base64UrlOf(bytes: Uint8Array): string {
  return base64Of(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The bytes of Base64url without padding, or null when it is none. */
export function bytesOfBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null;
  return bytesOfBase64(text.replaceAll('-', '+').replaceAll('_', '/') + '='.repeat((4 - (text.length % 4)) % 4));
}
