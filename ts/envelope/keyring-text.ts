/**
 * A key ring as text: JSON that holds the keys themselves, so the text is a secret, and can be sealed like any other bytes. It is written on
 * request only; `JSON.stringify` of a ring gives names and states. `layout.md` has the form. Reading is strict, and no message repeats
 * anything of the text but the place of the fault.
 */

import { clean } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { EncryptionKey, isKid, KEY_BYTES, parseSecretText, secretOf, secretText } from './key.ts';
import { type HeldKey, heldKeysOf, isKeyState, type KeyRing, type KeyRingEntry, MAX_RING_KEYS, ringOf } from './keyring.ts';

const TYPE = 'psp-key-ring';
const VERSION = 1;
/** Most characters of a ring's text: some 1,000 keys, three times over. */
const MAX_TEXT_LENGTH = 1_048_576;
const KCV = /^[0-9a-f]{16}$/;

/** `ring` as JSON text with every key that it still has. The text is the secret: seal it, or keep it as you keep a key. */
export function formatKeyRing(ring: KeyRing): string {
  const keys = heldKeysOf(ring).map(({ entry, key }) => (key === null ? entry : { ...entry, key: secretText(secretOf(key)) }));
  return JSON.stringify({ type: TYPE, version: VERSION, keys });
}

/**
 * The ring that {@link formatKeyRing} wrote. TypeError for anything but a string. Otherwise:
 *
 * - `KEY_MALFORMED`: no JSON, a member too many or too few, a value that is never written, a name twice, a check value of another key, more
 *   than 1 MiB or 1,000 keys, another version; the message names the place and repeats nothing of the text;
 * - `KEY_STATE`: not exactly one primary key.
 */
export function parseKeyRing(text: string): KeyRing {
  if (typeof text !== 'string') throw new TypeError('text: expected a string');
  if (text.length > MAX_TEXT_LENGTH) throw malformed('', `at most ${MAX_TEXT_LENGTH} characters`);
  const ring = readObject('', parseJson(text), ['type', 'version', 'keys']);
  if (ring.type !== TYPE) throw malformed('type', TYPE);
  if (ring.version !== VERSION) throw malformed('version', String(VERSION));
  if (!Array.isArray(ring.keys) || ring.keys.length > MAX_RING_KEYS) throw malformed('keys', `a list of at most ${MAX_RING_KEYS} keys`);
  const held = ring.keys.map((key: unknown, at) => readKey(`keys[${at}]`, key));
  const names = new Set<string>();
  for (const [at, { entry }] of held.entries()) {
    if (names.has(entry.kid)) throw malformed(`keys[${at}].kid`, 'a name that no other key has');
    names.add(entry.kid);
  }
  return ringOf(held);
}

function readKey(place: string, value: unknown): HeldKey {
  const state = (value as { state?: unknown } | null)?.state;
  if (!isKeyState(state)) throw malformed(`${place}.state`, 'the name of a state');
  const isDestroyed = state === 'destroyed';
  const isRevoked = isDestroyed || state === 'revoked';
  const required = ['kid', 'state', 'kcv', ...(isDestroyed ? [] : ['sinceMs', 'key']), ...(isRevoked ? ['revokedFor'] : [])];
  const { kid, kcv, sinceMs, notAfterMs, revokedFor, key } = readObject(place, value, required, isDestroyed ? [] : ['notAfterMs']);

  if (!isKid(kid)) throw malformed(`${place}.kid`, 'the name of a key');
  if (typeof kcv !== 'string' || !KCV.test(kcv)) throw malformed(`${place}.kcv`, '16 hex digits');
  if (isRevoked && revokedFor !== 'compromised' && revokedFor !== 'retired')
    throw malformed(`${place}.revokedFor`, 'compromised or retired');
  const reason = isRevoked ? { revokedFor: revokedFor as NonNullable<KeyRingEntry['revokedFor']> } : {};
  if (isDestroyed) return { entry: { kid, state, kcv, ...reason }, key: null };

  if (!isTime(sinceMs)) throw malformed(`${place}.sinceMs`, 'whole milliseconds since 1970');
  if (notAfterMs !== undefined && !isTime(notAfterMs)) throw malformed(`${place}.notAfterMs`, 'whole milliseconds since 1970');
  const bytes = typeof key === 'string' ? parseSecretText(key) : null;
  if (bytes === null) throw malformed(`${place}.key`, `the Base64 of ${KEY_BYTES} bytes`);
  const limit = notAfterMs === undefined ? {} : { notAfterMs };
  const held = { entry: { kid, state, kcv, sinceMs, ...limit, ...reason }, key: new EncryptionKey(kid, bytes) };
  clean(bytes);
  return held;
}

function readObject(
  place: string,
  value: unknown,
  required: readonly string[],
  optional: readonly string[] = [],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(place, 'an object');
  const names = Object.keys(value);
  const missing = required.find((name) => !names.includes(name));
  if (missing !== undefined) throw malformed(place, `the member ${missing}`);
  // The name of a member that should not be there is the text's own, and is not repeated.
  if (names.some((name) => !required.includes(name) && !optional.includes(name))) throw malformed(place, 'no members but its own');
  return value as Readonly<Record<string, unknown>>;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not as a cause: the engine's message quotes the text, and the text is a secret.
    throw malformed('', 'JSON');
  }
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function malformed(place: string, expected: string): PspError {
  const where = place === '' ? 'key ring' : `key ring: ${place}`;
  return new PspError('KEY_MALFORMED', `${where}: expected ${expected}`);
}
