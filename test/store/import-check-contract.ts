/** What each level of an import finds: a table of damages, each held against what `header`, `hashes` and `full` promise. */

import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { readFrame } from '../../ts/blob/decode.ts';
import { integrityTag } from '../../ts/envelope/integrity.ts';
import { MacKey } from '../../ts/envelope/key.ts';
import { PspError } from '../../ts/errors.ts';
import { type ImportItem, importMany, type VerifyLevel } from '../../ts/store/import.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { bytesOf, sha256, textFrom } from '../blob/fixture.ts';
import { flip, keyOf } from '../envelope/fixture.ts';
import { blobOf, sealedItem, wordOf } from './import-fixture.ts';
import { KEY, options, SECRET, sessionOf } from './store-fixture.ts';

const MAC = new MacKey('mac', new Uint8Array(32).fill(3));
const LEVELS: readonly VerifyLevel[] = ['header', 'hashes', 'full'];
const blob = await blobOf('a');
const text = await blobOf('a', 'text');
const lines = textFrom(text).split('\n');
const [cookie] = sessionOf('a').cookies;

/** The text blob with its state replaced, and the right length and hash of the new one. */
function withState(change: (state: string) => string): Uint8Array {
  const state = change(lines[1]!);
  const entry = JSON.stringify({ length: bytesOf(state).length, sha256: sha256(state) });
  return bytesOf([lines[0]!.replace(/"state":\{[^}]*\}/, `"state":${entry}`), state, ...lines.slice(2)].join('\n'));
}

async function tagged(item: ImportItem, bytes = item.bytes as Uint8Array): Promise<ImportItem> {
  return { ...item, tag: await integrityTag(bytes, MAC, { sessionId: 'a' }) };
}

/** The outcome at each level, of an import into a store with `KEY`. */
async function outcomes(item: ImportItem): Promise<readonly string[]> {
  const words: string[] = [];
  for (const verify of LEVELS) words.push(await wordOf(importMany(sessionStore(memory(), options()), [item], { verify, macKey: MAC })));
  return words;
}

const ALL = 'created';
const clear = (bytes: Uint8Array): ImportItem => ({ name: 'a', bytes });

/** Declares the tests, for a file that says which threads imports have. */
export function importCheckContract(): void {
  describe('a clear blob', () => {
    test.each<[string, () => ImportItem | Promise<ImportItem>, header: string, hashes: string, full: string]>([
      ['that is whole', () => clear(blob), ALL, ALL, ALL],
      ['that is whole, as text', () => clear(text), ALL, ALL, ALL],
      ['that is none', () => clear(bytesOf('no blob')), 'BLOB_NOT_A_BLOB', 'BLOB_NOT_A_BLOB', 'BLOB_NOT_A_BLOB'],
      ['without its last byte', () => clear(blob.subarray(0, -1)), 'BLOB_TRUNCATED', 'BLOB_TRUNCATED', 'BLOB_TRUNCATED'],
      [
        'with a header that the schema refuses',
        () => clear(bytesOf(textFrom(text).replace('"revision":0', '"revision":-1'))),
        'SESSION_INVALID',
        'SESSION_INVALID',
        'SESSION_INVALID',
      ],
      ['under another id', () => ({ ...clear(blob), id: 'b' }), 'STORE_MALFORMED', 'STORE_MALFORMED', 'STORE_MALFORMED'],
      [
        'said to be another life',
        () => ({ ...clear(blob), facts: { incarnation: 'x', revision: 0, expiresAt: null } }),
        'STORE_MALFORMED',
        'STORE_MALFORMED',
        'STORE_MALFORMED',
      ],
      ['with a byte of its state changed', () => clear(flip(blob, readFrame(blob).stateEnd - 5)), ALL, 'BLOB_MALFORMED', 'BLOB_MALFORMED'],
      [
        'with a byte of a section changed',
        () => clear(flip(blob, readFrame(blob).sectionsStart)),
        ALL,
        'BLOB_SECTION_HASH',
        'BLOB_SECTION_HASH',
      ],
      ['with the tag of other bytes', () => tagged(clear(blob), text), ALL, 'ENVELOPE_TAMPERED', 'ENVELOPE_TAMPERED'],
      [
        'with a state that the schema refuses',
        () => clear(withState((state) => state.replace('"secure":true', '"secure":"yes"'))),
        ALL,
        ALL,
        'SESSION_INVALID',
      ],
      [
        'with two cookies of one identity, which no schema can refuse',
        async () => clear(await blobOf('a', 'packed', { cookies: [cookie!, cookie!] })),
        ALL,
        ALL,
        'SESSION_INVALID',
      ],
    ])('%s', async (_, make, ...expected) => {
      expect(await outcomes(await make())).toEqual(expected);
    });
  });

  describe('a sealed blob', () => {
    const item = sealedItem('a', blob);
    const bytes = item.bytes as Uint8Array;
    const change = (changed: Uint8Array): ImportItem => ({ ...item, bytes: changed });

    test.each<[string, () => Promise<ImportItem>, header: string, hashes: string, full: string]>([
      ['that is whole', () => tagged(item), ALL, ALL, ALL],
      [
        'without its last byte',
        () => tagged(change(bytes.subarray(0, -1)), bytes),
        'ENVELOPE_TRUNCATED',
        'ENVELOPE_TRUNCATED',
        'ENVELOPE_TRUNCATED',
      ],
      ['without its id', async () => ({ name: 'a', bytes }), 'STORE_MALFORMED', 'STORE_MALFORMED', 'STORE_MALFORMED'],
      ['with a byte of its header changed', () => tagged(change(flip(bytes, 40)), bytes), ALL, 'ENVELOPE_TAMPERED', 'ENVELOPE_TAMPERED'],
      [
        'with a byte of its payload changed',
        () => tagged(change(flip(bytes, bytes.length - 20)), bytes),
        ALL,
        'ENVELOPE_TAMPERED',
        'ENVELOPE_TAMPERED',
      ],
      [
        'with a tag of another session',
        async () => ({ ...(await tagged(item)), tag: await integrityTag(bytes, MAC, { sessionId: 'b' }) }),
        ALL,
        'ENVELOPE_TAMPERED',
        'ENVELOPE_TAMPERED',
      ],
      ['without a tag', async () => item, ALL, 'STORE_MALFORMED', ALL],
      ['without its facts', () => tagged({ name: 'a', id: 'a', bytes }), 'STORE_MALFORMED', 'STORE_MALFORMED', ALL],
      ['for another session', () => tagged(sealedItem('a', blob, KEY, { sessionId: 'b' })), ALL, ALL, 'ENVELOPE_CONTEXT'],
      ['for another key', () => tagged(sealedItem('a', blob, keyOf('other', 9))), ALL, ALL, 'KEY_UNKNOWN'],
      ['of another key of the same name', () => tagged(sealedItem('a', blob, keyOf('store', 9))), ALL, ALL, 'KEY_WRONG'],
      ['with another session in it', async () => tagged(sealedItem('a', await blobOf('b'))), ALL, ALL, 'STORE_MALFORMED'],
      [
        'with a damaged blob in it',
        () => tagged(sealedItem('a', flip(blob, readFrame(blob).sectionsStart))),
        ALL,
        ALL,
        'BLOB_SECTION_HASH',
      ],
      [
        'with facts that are not so',
        () => tagged({ ...item, facts: { incarnation: 'first-life', revision: 7, expiresAt: null } }),
        ALL,
        ALL,
        'STORE_MALFORMED',
      ],
      [
        'of a loose file, which says so',
        async () => ({ ...sealedItem('a', blob, KEY, {}), context: {} }),
        'ENVELOPE_CONTEXT',
        'ENVELOPE_CONTEXT',
        ALL,
      ],
    ])('%s', async (_, make, ...expected) => {
      expect(await outcomes(await make())).toEqual(expected);
    });

    test('facts that nobody has proven are found out by who reads the session', async () => {
      const store = sessionStore(memory(), options());
      const lie = { ...item, facts: { incarnation: 'first-life', revision: 7, expiresAt: null } };
      expect(await wordOf(importMany(store, [lie], { verify: 'header' }))).toBe('created');
      await expect(store.get('a')).rejects.toMatchObject({ code: 'STORE_MALFORMED' });
    });

    test('needs keys, and a MAC key for its tag', async () => {
      expect(await wordOf(importMany(sessionStore(memory(), options({ keys: null })), [item]))).toBe('KEY_MISSING');
      const run = importMany(sessionStore(memory(), options()), [await tagged(item)], { verify: 'hashes' });
      expect(await wordOf(run)).toBe('KEY_MISSING');
    });
  });

  test('no message of a failure has a value, an id or a key in it', async () => {
    const damages = [
      withState((state) => state.replace('"secure":true', '"secure":"yes"')),
      await blobOf('a-very-long-id', 'packed', { cookies: [cookie!, cookie!] }),
      flip(blob, readFrame(blob).sectionsStart),
      sealedItem('a', await blobOf('b'), keyOf('store', 9)).bytes as Uint8Array,
    ];
    const store = sessionStore(memory(), options());
    let failed = 0;
    for await (const result of importMany(
      store,
      damages.map((bytes) => ({ name: 'x', id: 'a-very-long-id', bytes })),
    )) {
      if (result.status === 'fulfilled') continue;
      failed++;
      expect(result.reason).toBeInstanceOf(PspError);
      const shown = `${(result.reason as Error).message} ${JSON.stringify((result.reason as PspError).details)}`;
      expect(shown).not.toContain(SECRET);
      expect(shown).not.toContain('a-very-long-id');
    }
    expect(failed).toBe(4);
  });
}
