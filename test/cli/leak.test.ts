/** The search for secrets is not blind: what it must find is planted in each form. */
import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { findSecrets, plantSecret } from './leak.ts';

const secret = plantSecret('unicode');
const bytes = Buffer.from(secret);

test.each<[string, string | Uint8Array, string]>([
  ['as it is', `sid=${secret};`, 'clear'],
  ['its first half', `sid=${secret.slice(0, 20)}...`, 'clear'],
  ['its middle', `...${secret.slice(10, 25)}...`, 'clear'],
  ['in JSON', JSON.stringify({ secret }), 'clear'],
  ['in a URL', encodeURIComponent(secret), 'URLs'],
  ['in a form', new URLSearchParams({ secret }).toString(), 'URLs'],
  ['in Base64', bytes.toString('base64'), 'Base64'],
  ['in Base64 behind one byte', Buffer.from(`"${secret}"`).toString('base64'), 'Base64'],
  ['in Base64 behind two bytes', Buffer.from(`""${secret}"`).toString('base64url'), 'Base64'],
  ['in hex', bytes.toString('hex'), 'hex'],
  ['in HEX', bytes.toString('hex').toUpperCase(), 'hex'],
  ['in UTF-16', Buffer.from(secret, 'utf16le'), 'UTF-16'],
  ['in UTF-16 with the other byte first', Buffer.from(secret, 'utf16le').swap16(), 'UTF-16'],
])('a secret %s is found', (_, text, form) => {
  expect(findSecrets(Buffer.from(text), { secret })).toContain(`secret in ${form}`);
});

test('secret bytes are found, and other bytes are not taken for them', () => {
  expect(findSecrets(Buffer.concat([Buffer.alloc(7), bytes]), { key: new Uint8Array(bytes) })).toEqual(['key in bytes']);
  expect(findSecrets(Buffer.from(plantSecret('ascii').slice(0, 40)), { secret, key: new Uint8Array(bytes) })).toEqual([]);
});
