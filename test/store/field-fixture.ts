/** What the tests of sealed fields share: a small session, keys, and ways to change a file as an attacker would, or as a holder of its key could. */

import type { SealContext } from '../../ts/envelope/context.ts';
import { type EncryptionKey, generateKey } from '../../ts/envelope/envelope.ts';
import { openFieldCipher } from '../../ts/envelope/field.ts';
import { readFieldFile, writeFieldFile } from '../../ts/envelope/field-text.ts';
import type { Cookie, Session } from '../../ts/session/session.ts';
import { bytesOf } from '../blob/fixture.ts';

export const CONTEXT: SealContext = { tenant: 'acme', sessionId: 'small' };
export const KEY: EncryptionKey = generateKey('work');

/** A cookie of which only what a test is about is said. */
export function cookieOf(name: string, value: string, more: Partial<Cookie> = {}): Cookie {
  return {
    ...{ name, value, domain: 'app.example', hostOnly: true, path: '/', secure: true, httpOnly: true, sameSite: 'lax' },
    ...{ expiresAt: 1_767_225_600_000, partitionKey: null },
    ...more,
  };
}

/** Two cookies, two items, one tab: a file of about 2 KB. Two values are equal. */
export const SMALL: Session = {
  ...{ id: 'small', incarnation: 'i-1', revision: 1, createdAt: 1_700_000_000_000, updatedAt: 1_700_000_000_000, source: { tool: 'test' } },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
  cookies: [cookieOf('sid', 'the-first-secret'), cookieOf('csrf', 'the-other-secret')],
  storage: [
    {
      key: { origin: 'https://app.example', topLevelSite: null },
      localStorage: [
        ['token', 'the-first-secret'],
        ['theme', 'dark'],
      ],
      indexedDB: [],
    },
  ],
  tabs: [{ id: 't1', url: 'https://app.example/inbox?q=private', sessionStorage: [] }],
};

export function textOfFile(file: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(file);
}

/** The lines of a file without their ends. */
export function linesOf(file: Uint8Array): string[] {
  return textOfFile(file).split('\n');
}

/** The file after a change that leaves its manifest as it is. Fails when nothing changes. */
export function edited(file: Uint8Array, edit: (text: string) => string): Uint8Array<ArrayBuffer> {
  const text = textOfFile(file);
  const after = edit(text);
  if (after === text) throw new Error('the edit changed nothing');
  return bytesOf(after);
}

/** The file with other lines between header and manifest, which a holder of the key made authentic. */
export async function reauthenticated(
  file: Uint8Array,
  edit: (lines: string) => string,
  key: EncryptionKey = KEY,
): Promise<Uint8Array<ArrayBuffer>> {
  const frame = readFieldFile(file);
  const { cipher } = await openFieldCipher([key], null, frame);
  const before = new TextDecoder().decode(frame.lines);
  const after = edit(before);
  if (after === before) throw new Error('the edit changed nothing');
  const changed = await writeFieldFile(cipher, frame.header, bytesOf(after));
  cipher.wipe();
  return changed;
}
