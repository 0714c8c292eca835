/** Rotation of a store in memory: what is changed, what is kept, what is refused; and what happens when others write meanwhile. */

import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { secretOf } from '../../ts/envelope/key.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { open, openSealed } from '../../ts/envelope/open.ts';
import { Passphrase } from '../../ts/envelope/passphrase.ts';
import { peek } from '../../ts/envelope/peek.ts';
import { seal } from '../../ts/envelope/seal.ts';
import type { KeyWrapper } from '../../ts/envelope/wrapper.ts';
import { PspError } from '../../ts/errors.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { rotateStore } from '../../ts/store/rotate.ts';
import { codeOf, failureOf, flip, keyOf } from '../envelope/fixture.ts';
import { expectNoSecret, showingsOfError } from '../envelope/leak.ts';
import {
  contentOf,
  contextOf,
  expectAllOn,
  fill,
  filled,
  keysOf,
  NEW,
  NOW,
  OLD,
  promoted,
  revoked,
  snapshot,
  withFault,
} from './rotation-fixture.ts';
import { withoutConditions } from './store-fixture.ts';

const now = (): number => NOW;
const BOTH = ['rewrap', 'reseal'] as const;

describe.each(BOTH)('%s', (mode) => {
  test('brings every blob onto the primary key, and a second run does nothing', async () => {
    const provider = await filled(12);
    const ring = promoted();
    expect(await rotateStore(provider, ring, { mode, contextOf, now })).toEqual({
      done: 12,
      skipped: 0,
      conflicted: 0,
      failed: [],
      resumed: false,
    });
    await expectAllOn(provider, keysOf(12), NEW);
    const after = await snapshot(provider);
    expect(await rotateStore(provider, ring, { mode, contextOf, now })).toEqual({
      done: 0,
      skipped: 12,
      conflicted: 0,
      failed: [],
      resumed: false,
    });
    expect(await snapshot(provider)).toEqual(after);
  });

  test('keeps metadata, expiry and the attributes that were sealed', async () => {
    const provider = memory({ now });
    const attributes = { incarnation: 'i-1', revision: 7 };
    await provider.put('a', await seal(contentOf('a'), OLD, contextOf('a'), { attributes }), {
      metadata: { x: 'y' },
      expiresAt: NOW + 5000,
    });
    await rotateStore(provider, promoted(), { mode, contextOf, now });
    const record = await provider.get('a');
    expect(record).toMatchObject({ metadata: { x: 'y' }, expiresAt: NOW + 5000 });
    expect(await openSealed(record!.value, NEW, contextOf('a'))).toMatchObject({ attributes, kid: 'new' });
  });

  test('collapses a blob for several keys to the primary alone', async () => {
    const provider = await filled(3, [OLD, NEW]);
    expect(await rotateStore(provider, promoted(), { mode, contextOf, now })).toMatchObject({ done: 3, skipped: 0 });
    await expectAllOn(provider, keysOf(3), NEW);
  });

  test('tells a key from another of the same name: it is not skipped', async () => {
    const namesake = keyOf('new', 9);
    const provider = await filled(2, namesake);
    const result = await rotateStore(provider, { from: [namesake], to: NEW }, { mode, contextOf, now });
    expect(result).toMatchObject({ done: 2, skipped: 0 });
    await expectAllOn(provider, keysOf(2), NEW);
  });

  test('opens with a key that was revoked as retired', async () => {
    const provider = await filled(2);
    expect(await rotateStore(provider, revoked('retired'), { mode, contextOf, now })).toMatchObject({ done: 2, failed: [] });
    await expectAllOn(provider, keysOf(2), NEW);
  });

  test('one bad record stops nothing: each failure has its key and code', async () => {
    const provider = await filled(4);
    const put = async (key: string, value: Uint8Array | Promise<Uint8Array>): Promise<void> => void (await provider.put(key, await value));
    const sealed = await seal(contentOf('x'), OLD, contextOf('x'));
    await put('clear', new TextEncoder().encode('{"not":"sealed"}'));
    await put('cut', sealed.subarray(0, sealed.length - 1));
    await put('header', flip(sealed, 12));
    await put('stranger', seal(contentOf('x'), keyOf('stranger', 7), contextOf('stranger')));
    await put('elsewhere', seal(contentOf('x'), OLD, { sessionId: 'another' }));
    const before = await snapshot(provider);
    const { failed, ...counts } = await rotateStore(provider, promoted(), { mode, contextOf, now });
    expect(counts).toEqual({ done: 4, skipped: 0, conflicted: 0, resumed: false });
    expect(Object.fromEntries(failed.map(({ key, code }) => [key, code]))).toEqual({
      clear: 'ENVELOPE_NOT_SEALED',
      cut: expect.stringMatching(/^ENVELOPE_(TRUNCATED|CONTEXT)$/),
      header: 'ENVELOPE_TAMPERED',
      stranger: 'KEY_UNKNOWN',
      elsewhere: 'ENVELOPE_CONTEXT',
    });
    const after = await snapshot(provider);
    for (const { key } of failed) expect(after.get(key!)).toEqual(before.get(key!));
    for (const { error } of failed) for (const key of [OLD, NEW]) expectNoSecret(showingsOfError(error as Error), secretOf(key));
    await expectAllOn(provider, keysOf(4), NEW);
  });

  test('a dry run does everything but write', async () => {
    const provider = await filled(5);
    await provider.put('clear', contentOf('clear'));
    const before = await snapshot(provider);
    const refuse = (): never => {
      throw new Error('a dry run wrote');
    };
    const dry = withFault(provider, { put: refuse, delete: refuse });
    const result = await rotateStore(dry, promoted(), { mode, contextOf, now, dryRun: true, checkpoint: { load: refuse, save: refuse } });
    expect(result).toMatchObject({ done: 5, skipped: 0, conflicted: 0, failed: [{ key: 'clear', code: 'ENVELOPE_NOT_SEALED' }] });
    expect(await snapshot(provider)).toEqual(before);
  });

  test('a provider without conditions is refused before a record is read, also as a dry run', async () => {
    const provider = withoutConditions(await filled(3));
    const unread = withFault(provider, { capabilities: provider.capabilities, get: () => expect.fail('a record was read') });
    for (const dryRun of [false, true])
      await expect(rotateStore(unread, promoted(), { mode, contextOf, now, dryRun })).rejects.toMatchObject({
        code: 'PROVIDER_UNSUPPORTED',
      });
  });

  test('a key that is listed twice is one record', async () => {
    const provider = await filled(5);
    const twice = withFault(provider, {
      async *list(options) {
        yield* provider.list(options);
        yield* provider.list(options);
      },
    });
    expect(await rotateStore(twice, promoted(), { mode, contextOf, now })).toMatchObject({
      done: 5,
      skipped: 0,
      conflicted: 0,
      failed: [],
    });
    await expectAllOn(provider, keysOf(5), NEW);
  });

  test('a writer that is faster wins, and what it wrote is rotated in turn', async () => {
    const provider = await filled(3);
    let writes = 0;
    const raced = withFault(provider, {
      async put(key, value, options) {
        // Between the read and the write of the rotation somebody stores something newer, with the old key.
        if (key === 'blob-0001' && writes++ === 0)
          await provider.put(key, await seal(contentOf('newer'), OLD, contextOf(key)), { metadata: { of: 'newer' } });
        return provider.put(key, value, options);
      },
    });
    expect(await rotateStore(raced, promoted(), { mode, contextOf, now })).toEqual({
      done: 3,
      skipped: 0,
      conflicted: 0,
      failed: [],
      resumed: false,
    });
    const record = await provider.get('blob-0001');
    expect(record?.metadata).toEqual({ of: 'newer' });
    expect(await open(record!.value, NEW, contextOf('blob-0001'))).toEqual(contentOf('newer'));
  });

  test('a record that others never stop writing is given up after a bounded number of tries, and is whole', async () => {
    const provider = await filled(3);
    let tries = 0;
    const raced = withFault(provider, {
      async put(key, value, options) {
        if (key === 'blob-0001') {
          tries++;
          await provider.put(key, await seal(contentOf(`try ${tries}`), OLD, contextOf(key)));
        }
        return provider.put(key, value, options);
      },
    });
    expect(await rotateStore(raced, promoted(), { mode, contextOf, now })).toMatchObject({ done: 2, conflicted: 1, failed: [] });
    expect(tries).toBe(5);
    const record = await provider.get('blob-0001');
    expect(await open(record!.value, OLD, contextOf('blob-0001'))).toEqual(contentOf('try 5'));
  });

  test('a record that is deleted meanwhile stays deleted', async () => {
    const provider = await filled(2);
    const raced = withFault(provider, {
      async put(key, value, options) {
        if (key === 'blob-0000') await provider.delete(key);
        return provider.put(key, value, options);
      },
    });
    expect(await rotateStore(raced, promoted(), { mode, contextOf, now })).toMatchObject({ done: 1, skipped: 1, failed: [] });
    expect(await provider.get('blob-0000')).toBeNull();
  });

  test('what a store does not give back as it was put is replaced by the old value', async () => {
    const provider = await filled(2);
    const before = (await provider.get('blob-0000'))!.value;
    let damaged = false;
    const bad = withFault(provider, {
      put: (key, value, options) => {
        if (key !== 'blob-0000' || damaged) return provider.put(key, value, options);
        damaged = true;
        return provider.put(key, flip(value as Uint8Array, (value as Uint8Array).length - 3), options);
      },
    });
    const { done, failed } = await rotateStore(bad, promoted(), { mode, contextOf, now });
    expect({ done, codes: failed.map(({ key, code }) => [key, code]) }).toEqual({ done: 1, codes: [['blob-0000', 'PROVIDER_CORRUPT']] });
    expect((failed[0]!.error as PspError).details).toEqual({ restored: true });
    expect(await provider.get('blob-0000')).toMatchObject({ value: before, metadata: { of: 'blob-0000' } });
  });

  test('a record that is replaced between the write and the read back is looked at again', async () => {
    const provider = await filled(1);
    let puts = 0;
    const raced = withFault(provider, {
      async put(key, value, options) {
        const head = await provider.put(key, value, options);
        if (puts++ === 0) await provider.put(key, await seal(contentOf('later'), OLD, contextOf(key)), { metadata: { of: 'later' } });
        return head;
      },
    });
    expect(await rotateStore(raced, promoted(), { mode, contextOf, now })).toMatchObject({ done: 1, conflicted: 0 });
    expect(await open((await provider.get('blob-0000'))!.value, NEW, contextOf('blob-0000'))).toEqual(contentOf('later'));
  });

  test('a forged header that names the new key is a failure, not a blob that needs nothing', async () => {
    const provider = await filled(1, NEW);
    const { value } = (await provider.get('blob-0000'))!;
    await provider.put('blob-0000', flip(value, peek(value).unverified.headerBytes - 1));
    expect(await rotateStore(provider, promoted(), { mode, contextOf, now })).toMatchObject({
      done: 0,
      skipped: 0,
      failed: [{ code: 'ENVELOPE_TAMPERED' }],
    });
  });

  test('works on at most as many records at once as it was told, and tells how far it is', async () => {
    const provider = await filled(10);
    let under = 0;
    let most = 0;
    const counted = withFault(provider, {
      async put(key, value, options) {
        most = Math.max(most, ++under);
        await new Promise((resolve) => setImmediate(resolve));
        under--;
        return provider.put(key, value, options);
      },
    });
    const seen: unknown[] = [];
    await rotateStore(counted, promoted(), { mode, contextOf, now, concurrency: 3, onProgress: (progress) => void seen.push(progress) });
    expect(most).toBe(3);
    expect(seen.length).toBe(10);
    expect(seen.at(-1)).toEqual({ done: 10, skipped: 0, conflicted: 0, failed: 0, total: 10 });
  });

  test('moves to a key service and a passphrase, and knows them again', async () => {
    const kms: KeyWrapper = {
      id: 'kms',
      wrap: async (dataKey) => Uint8Array.from(dataKey, (byte) => byte ^ 0x55),
      unwrap: async (body) => Uint8Array.from(body, (byte) => byte ^ 0x55),
    };
    const provider = await filled(2);
    const keys = { from: OLD, to: [kms, new Passphrase('correct horse')] };
    expect(await rotateStore(provider, keys, { mode, contextOf, now, concurrency: 1 })).toMatchObject({ done: 2, failed: [] });
    await expectAllOn(provider, keysOf(2), kms, ['kms', 'passphrase']);
    expect(await rotateStore(provider, keys, { mode, contextOf, now })).toMatchObject({ done: 0, skipped: 2 });
  });
});

describe('a compromised key', () => {
  test('demands a reseal before anything is read', async () => {
    const provider = await filled(2);
    const unread = withFault(provider, { list: () => expect.fail('the store was listed') });
    const error = await failureOf(() => rotateStore(unread, revoked('compromised'), { mode: 'rewrap', contextOf, now }));
    expect(error.code).toBe('KEY_STATE');
    expect(error.details).toEqual({ kid: 'old', revokedFor: 'compromised' });
    expect(error.message).toContain('reseal');
  });

  test('is resealed away: new data keys, so the old headers open nothing that is there', async () => {
    const provider = await filled(3);
    const stolen = (await provider.get('blob-0000'))!.value;
    expect(await rotateStore(provider, revoked('compromised'), { mode: 'reseal', contextOf, now })).toMatchObject({ done: 3, failed: [] });
    await expectAllOn(provider, keysOf(3), NEW);
    const resealed = (await provider.get('blob-0000'))!.value;
    // What a thief of the old key and the old header can do: put that header in front of the new payload.
    const [oldHeader, newHeader] = [peek(stolen).unverified, peek(resealed).unverified];
    const spliced = new Uint8Array([...stolen.subarray(0, oldHeader.headerBytes), ...resealed.subarray(newHeader.headerBytes)]);
    expect(await codeOf(() => open(spliced, OLD, contextOf('blob-0000')))).toBe('ENVELOPE_TAMPERED');
    expect(newHeader.blobId).not.toBe(oldHeader.blobId);
  });

  test('opens the payload of a rewrapped blob by a header that was kept: what a rewrap does not help against', async () => {
    const provider = await filled(1);
    const stolen = (await provider.get('blob-0000'))!.value;
    await rotateStore(provider, promoted(), { mode: 'rewrap', contextOf, now });
    const rewrapped = (await provider.get('blob-0000'))!.value;
    const splice = (): Uint8Array =>
      new Uint8Array([
        ...stolen.subarray(0, peek(stolen).unverified.headerBytes),
        ...rewrapped.subarray(peek(rewrapped).unverified.headerBytes),
      ]);
    expect(await open(splice(), OLD, contextOf('blob-0000'))).toEqual(contentOf('blob-0000'));
  });

  test('that was rewrapped away before it was known: `all` reseals what is on the primary already', async () => {
    const provider = await filled(3);
    await rotateStore(provider, promoted(), { mode: 'rewrap', contextOf, now });
    const ring = revoked('compromised');
    const ids = async (): Promise<string[]> =>
      [...(await snapshot(provider)).values()].map((record) => peek((record as { value: Uint8Array }).value).unverified.blobId);
    const before = await ids();
    expect(await rotateStore(provider, ring, { mode: 'reseal', contextOf, now })).toMatchObject({ done: 0, skipped: 3 });
    expect(await ids()).toEqual(before);
    expect(await rotateStore(provider, ring, { mode: 'reseal', all: true, contextOf, now })).toMatchObject({ done: 3, skipped: 0 });
    const after = await ids();
    expect(after.some((id) => before.includes(id))).toBe(false);
    await expectAllOn(provider, keysOf(3), NEW);
  });

  test('that is destroyed no longer forbids a rewrap, except of a blob that it still wraps', async () => {
    const provider = await filled(1, [OLD, NEW]);
    await fill(provider, ['other'], keyOf('third', 3));
    const ring = revoked('compromised').destroy('old');
    const keys = { from: [ring, keyOf('third', 3)], to: ring };
    const { done, failed } = await rotateStore(provider, keys, { mode: 'rewrap', contextOf, now });
    expect({ done, failed: failed.map(({ key, code }) => [key, code]) }).toEqual({ done: 1, failed: [['blob-0000', 'KEY_STATE']] });
    expect(await rotateStore(provider, keys, { mode: 'reseal', contextOf, now })).toMatchObject({ done: 1, skipped: 1, failed: [] });
  });
});

describe('contexts', () => {
  test('a rewrap needs none, and keeps the one that is there', async () => {
    const provider = await filled(2);
    expect(await rotateStore(provider, promoted(), { mode: 'rewrap', now })).toMatchObject({ done: 2, failed: [] });
    await expectAllOn(provider, keysOf(2), NEW);
  });

  test('a reseal without one takes the empty one, which a record with another refuses', async () => {
    const provider = await filled(1);
    await provider.put('loose', await seal(contentOf('loose'), OLD));
    const { done, failed } = await rotateStore(provider, promoted(), { mode: 'reseal', now });
    expect({ done, codes: failed.map(({ code }) => code) }).toEqual({ done: 1, codes: ['ENVELOPE_CONTEXT'] });
  });

  test('come from the key and the metadata, also later; one that cannot be told is a failure of its record', async () => {
    const provider = await filled(3);
    const fromMetadata = async (key: string, metadata: Readonly<Record<string, string>>): Promise<{ sessionId: string }> => {
      if (key === 'blob-0001') throw new Error('no idea');
      return { sessionId: metadata['of']! };
    };
    const { done, failed } = await rotateStore(provider, promoted(), { mode: 'reseal', contextOf: fromMetadata, now });
    expect({ done, failed }).toEqual({ done: 2, failed: [{ key: 'blob-0001', code: null, error: new Error('no idea') }] });
  });
});

describe('what ends a rotation', () => {
  test.each<[string, () => Promise<unknown>, new (...args: never[]) => Error]>([
    ['another mode', async () => rotateStore(await filled(0), promoted(), { mode: 'rotate' as 'rewrap' }), TypeError],
    ['all without reseal', async () => rotateStore(await filled(0), promoted(), { mode: 'rewrap', all: true }), TypeError],
    ['no concurrency', async () => rotateStore(await filled(0), promoted(), { mode: 'rewrap', concurrency: 0 }), RangeError],
    [
      'half a record between checkpoints',
      async () => rotateStore(await filled(0), promoted(), { mode: 'rewrap', checkpointEvery: 0.5 }),
      RangeError,
    ],
    ['no keys', async () => rotateStore(await filled(0), { from: [], to: NEW }, { mode: 'rewrap' }), RangeError],
    [
      'something that is no key',
      async () => rotateStore(await filled(0), { from: OLD, to: 'key' as never }, { mode: 'rewrap' }),
      TypeError,
    ],
  ])('%s is a mistake of the caller', async (_, run, kind) => {
    await expect(run()).rejects.toBeInstanceOf(kind);
  });

  test('a primary that seals no more', async () => {
    const ring = KeyRing.of(OLD, NOW)
      .add(NEW, NOW, { notAfterMs: NOW + 10 })
      .promote('new', NOW);
    const provider = await filled(1);
    expect(await codeOf(() => rotateStore(provider, ring, { mode: 'rewrap', now: () => NOW + 10 }))).toBe('KEY_EXPIRED');
  });

  test('a listing that fails, before anything is written', async () => {
    const provider = await filled(2);
    const before = await snapshot(provider);
    const failing: StorageProvider = withFault(provider, {
      async *list() {
        yield* provider.list();
        throw new PspError('PROVIDER_UNAVAILABLE', 'list: gone');
      },
    });
    expect(await codeOf(() => rotateStore(failing, promoted(), { mode: 'rewrap', now }))).toBe('PROVIDER_UNAVAILABLE');
    expect(await snapshot(provider)).toEqual(before);
  });

  test('a prefix leaves the rest alone', async () => {
    const provider = await filled(12);
    expect(await rotateStore(provider, promoted(), { mode: 'rewrap', prefix: 'blob-001', now })).toMatchObject({ done: 2 });
    await expectAllOn(provider, keysOf(10), OLD, ['old']);
  });
});
