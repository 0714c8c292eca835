/**
 * Passkeys of Playwright's virtual authenticator, as `storageState({ credentials: true })` writes them. A file has the public key beside the private
 * one, a Session has not: it is computed by the platform's Web Cryptography, and a passkey for which that fails (no P-256 key, or a page that is no
 * secure context) is left out.
 */
import { type Passkey, section } from '../../session/session.ts';
import { base64UrlOf, bytesOfBase64Url } from '../base64-text.ts';
import { LastOf, type Loss, lose } from '../loss.ts';
import type { Place } from '../place.ts';

/** A passkey. All but `rpId` and `signCount` are bytes in Base64url without padding. */
export interface StorageStateCredential {
  id: string;
  rpId: string;
  userHandle: string;
  /** PKCS #8. */
  privateKey: string;
  /** SubjectPublicKeyInfo. */
  publicKey: string;
  signCount: number;
}

/** Media type of a section that holds a private key (RFC 8351). */
const KEY_MEDIA_TYPE = 'application/pkcs8';
const MAX_SIGN_COUNT = 0xffff_ffff;
/** Of an id or a handle, the longest that a Session holds; of a key, one above every kind. */
const MAX_ID_LENGTH = 2048;
const MAX_KEY_LENGTH = 65_536;
const P256 = { name: 'ECDSA', namedCurve: 'P-256' };

/** Reads the passkeys. All are discoverable: to Playwright, each one that it loads is. */
export function readPasskeys(places: readonly Place[], losses: Loss[]): Passkey[] {
  const kept = new LastOf<Passkey>('passkey', losses);
  for (const place of places) {
    const credentialId = readBase64Url(place.member('id'), MAX_ID_LENGTH);
    if (credentialId === '') throw place.member('id').malformed('an id', 'an empty string');
    const rpId = place.member('rpId').string();
    if (rpId === '' || rpId.length > 255) throw place.member('rpId').malformed('a domain', 'another string');
    const userHandle = readBase64Url(place.member('userHandle'), MAX_ID_LENGTH);
    readBase64Url(place.member('publicKey'), MAX_KEY_LENGTH);
    const privateKey = bytesOfBase64Url(readBase64Url(place.member('privateKey'), MAX_KEY_LENGTH)) as Uint8Array<ArrayBuffer>;
    const passkey: Passkey = {
      credentialId,
      rpId,
      isResidentCredential: true,
      ...(userHandle === '' ? {} : { userHandle }),
      signCount: place.member('signCount').integer(0, MAX_SIGN_COUNT),
      privateKey: section(privateKey, KEY_MEDIA_TYPE),
    };
    kept.set(credentialId, passkey, place.pointer);
  }
  return kept.values();
}

function readBase64Url(place: Place, maxLength: number): string {
  const text = place.string();
  if (text.length > maxLength || bytesOfBase64Url(text) === null) throw place.malformed('Base64url', 'another string');
  return text;
}

/** Writes the passkeys. */
export async function writePasskeys(passkeys: readonly Passkey[], losses: Loss[]): Promise<StorageStateCredential[]> {
  const written: StorageStateCredential[] = [];
  for (const [index, passkey] of passkeys.entries()) {
    const pointer = `/credentials/${index}`;
    const privateKey = await passkey.privateKey.bytes();
    const publicKey = await publicKeyOf(privateKey);
    if (publicKey === null || passkey.signCount > MAX_SIGN_COUNT) {
      const reason =
        publicKey === null ? 'its key is not one of P-256 that can be read here' : 'it was used more often than Playwright can count';
      lose(losses, pointer, 'dropped', reason);
      continue;
    }
    if (!passkey.isResidentCredential) lose(losses, `${pointer}/isResidentCredential`, 'lossy', 'every passkey becomes a discoverable one');
    if (passkey.userHandle === undefined) lose(losses, `${pointer}/userHandle`, 'lossy', 'Playwright gives it a random user handle');
    const { credentialId: id, rpId, userHandle = '', signCount } = passkey;
    written.push({ id, rpId, userHandle, privateKey: base64UrlOf(privateKey), publicKey: base64UrlOf(publicKey), signCount });
  }
  return written;
}

/** SubjectPublicKeyInfo of a P-256 key in PKCS #8, or null. */
async function publicKeyOf(privateKey: Uint8Array<ArrayBuffer>): Promise<Uint8Array | null> {
  try {
    const key = await crypto.subtle.importKey('pkcs8', privateKey, P256, true, ['sign']);
    const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', key);
    const publicKey = await crypto.subtle.importKey('jwk', { kty, crv, x, y } as JsonWebKey, P256, true, ['verify']);
    return new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));
  } catch {
    return null;
  }
}
