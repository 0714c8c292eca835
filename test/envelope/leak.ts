/** Looking for secrets in what is shown: every way in which a value can be printed, and every way in which bytes look in text. */

import { inspect } from 'node:util';
import { expect } from 'vitest';

/** The texts that `value` gives when it is printed, logged, spread, cloned or turned to JSON, alone or inside something else. */
export function showings(value: object): string[] {
  return [
    String(value),
    JSON.stringify(value),
    JSON.stringify({ deep: [value] }),
    inspect(value, { showHidden: true, depth: 9 }),
    inspect({ deep: [value] }, { showHidden: true, depth: 9, compact: false }),
    inspect(new Map([[value, value]]), { showHidden: true, depth: 9 }),
    inspect(structuredClone(value), { showHidden: true, depth: 9 }),
    JSON.stringify(structuredClone(value)),
    JSON.stringify({ ...value }),
    JSON.stringify(Object.getOwnPropertyDescriptors(value)),
    inspect(Reflect.ownKeys(value)),
    new Error(`with ${value}`, { cause: value }).stack ?? '',
    inspect(new Error('with a cause', { cause: value }), { showHidden: true, depth: 9 }),
  ];
}

/** The texts that a failure gives, its causes included. */
export function showingsOfError(error: Error): string[] {
  const causes = error.cause instanceof Error ? showingsOfError(error.cause) : [];
  return [String(error), error.stack ?? '', JSON.stringify(error), inspect(error, { showHidden: true, depth: 9 }), ...causes];
}

/** Bytes 0xa7 and 0x5d, of which the keys of these tests are made: in hex, as decimal lists, in Base64. */
const KEY_BYTES = /(a7){3}|(5d){3}|167,\s*167|93,\s*93|p6en|XV1d/i;

/** Fails when `error`, however it is printed, shows `plaintext` or a key of bytes 0xa7 or 0x5d. */
export function expectKept(error: Error, plaintext: string): void {
  for (const shown of showingsOfError(error)) {
    expect(shown).not.toContain(plaintext);
    expect(shown).not.toMatch(KEY_BYTES);
  }
}

/** Fails when one of `texts` shows 4 bytes of `secret` in a row: in hex, Base64, decimal lists, or as the text that they are. */
export function expectNoSecret(texts: readonly string[], secret: Uint8Array): void {
  const bytes = Buffer.from(secret);
  for (let at = 0; at + 4 <= bytes.length; at++) {
    const four = bytes.subarray(at, at + 4);
    const spellings = [
      four.toString('hex'),
      [...four].join(','),
      [...four].join(', '),
      [...four].map((byte) => byte.toString(16)).join(' '),
    ];
    // Base64 shows whole groups of three bytes; which groups these are depends on where the secret starts, so all starts are looked for.
    const group = bytes.subarray(at, at + 6);
    if (group.length === 6) spellings.push(group.toString('base64'), group.toString('base64url'));
    if (four.every((byte) => byte >= 0x20 && byte < 0x7f)) spellings.push(four.toString('latin1'));
    for (const text of texts) {
      const found = spellings.find((spelling) => text.toLowerCase().includes(spelling.toLowerCase()));
      if (found !== undefined)
        expect.fail(`expected nothing of the secret, found bytes ${at} to ${at + 3} of it in: ${text.slice(0, 200)}`);
    }
  }
}
