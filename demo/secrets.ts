/**
 * Secrets of the demo site: random ones, passwords, and comparing either without telling by the time it takes how much was right.
 * Only the site uses this. It is what any careful web server does, not part of the library.
 */
import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Uint8Array, number, Buffer>(scrypt);

/** A password as the site keeps it: never itself, only what scrypt made of it. */
export interface PasswordRecord {
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** A fresh secret of 256 bits in base64url, 43 characters. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** SHA-256 of text (as UTF-8) or bytes, 64 lower-case hex digits. */
export function sha256Hex(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Whether two secrets are the same, in a time that does not depend on where they differ. Both are hashed first, which makes the lengths equal. */
export function sameSecret(left: string, right: string): boolean {
  return timingSafeEqual(createHash('sha256').update(left).digest(), createHash('sha256').update(right).digest());
}

/** What to keep of a password (scrypt with the defaults of Node: N = 16384, r = 8, p = 1). */
export async function hashPassword(password: string): Promise<PasswordRecord> {
  const salt = randomBytes(16);
  return { salt, hash: await derive(password, salt, 32) };
}

/** Whether a password is the one that a record was made of. */
export async function checkPassword(password: string, record: PasswordRecord): Promise<boolean> {
  return timingSafeEqual(await derive(password, record.salt, record.hash.length), record.hash);
}
