/**
 * Looks for secrets in text and bytes, as they are and in every form in which programs write things down: Base64 at each alignment, hex, URL and
 * JSON escapes, UTF-16. Any twelve characters in a row of a form count: half a secret is one too.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';

/** Secrets by the name that a failing test may show. */
export type Secrets = Readonly<Record<string, string | Uint8Array>>;

const WINDOW = 12;

/** A secret of 45 random characters, in which some that URLs and JSON escape always stand. `alphabet` says what the place can hold. */
export function plantSecret(alphabet: 'ascii' | 'unicode'): string {
  const text = randomBytes(30).toString('base64');
  return alphabet === 'ascii' ? `${text}+/=%` : `${text}+/=%"\\\u00e9\u65e5\ud83e\udd8a`;
}

/** Asserts that `text` holds none of `secrets` in any form; `what` says where the text is from. The message holds no secret either. */
export function expectNoSecret(text: string, secrets: Secrets, what: string): void {
  expect(findSecrets(Buffer.from(text), secrets), what).toEqual([]);
}

/** Names and forms of the secrets that are in `bytes`, such as `cookie in Base64`. */
export function findSecrets(bytes: Uint8Array, secrets: Secrets): string[] {
  // Latin-1 keeps every byte as one character, so that one search does for text and for bytes.
  const haystack = Buffer.from(bytes).toString('latin1');
  return Object.entries(secrets).flatMap(([name, secret]) =>
    Object.entries(formsOf(secret)).flatMap(([form, texts]) =>
      texts.some((text) => holdsPart(haystack, text)) ? [`${name} in ${form}`] : [],
    ),
  );
}

function formsOf(secret: string | Uint8Array): Record<string, string[]> {
  const bytes = Buffer.from(secret);
  const inBase64 = [0, 1, 2].flatMap((shift) => {
    // Behind 0, 1 or 2 other bytes the same bytes make other letters; those that also depend on neighbours are cut off.
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4)
      .replace(/..?=*$/, '');
    return [text, text.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const forms = { Base64: inBase64, hex: [bytes.toString('hex'), bytes.toString('hex').toUpperCase()] };
  if (typeof secret !== 'string') return { ...forms, bytes: [bytes.toString('latin1')] };
  const inUrls = [encodeURIComponent(secret), encodeURI(secret), new URLSearchParams({ '': secret }).toString().slice(1)];
  return {
    ...forms,
    clear: [bytes.toString('latin1'), Buffer.from(JSON.stringify(secret)).toString('latin1').slice(1, -1)],
    URLs: inUrls,
    'UTF-16': [Buffer.from(secret, 'utf16le').toString('latin1')],
  };
}

function holdsPart(haystack: string, needle: string): boolean {
  for (let at = 0; at + WINDOW <= needle.length; at++) {
    if (haystack.includes(needle.slice(at, at + WINDOW))) return true;
  }
  return false;
}
