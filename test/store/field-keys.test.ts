/** Sealed fields and their keys: every kind of source, wraps that stay and wraps that are made anew, rotation, and engines. */

import { afterEach, describe, expect, it } from 'vitest';
import { useEngine } from '../../ts/envelope/engine.ts';
import { EncryptionKey, generateKey } from '../../ts/envelope/envelope.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { Passphrase } from '../../ts/envelope/passphrase.ts';
import type { KeySource } from '../../ts/envelope/wrap.ts';
import type { KeyWrapper } from '../../ts/envelope/wrapper.ts';
import { openFields, rewrapFields, sealFields, sealFieldsWith } from '../../ts/store/field-file.ts';
import { compareFields, peekFields } from '../../ts/store/field-peek.ts';
import { FULL_SESSION, resolve } from '../blob/fixture.ts';
import { KINDS } from '../envelope/engines.ts';
import { codeOf, countingRandom, failureOf, keyOf, secretOfByte } from '../envelope/fixture.ts';
import { CONTEXT, cookieOf, linesOf, SMALL } from './field-fixture.ts';

const [A, B, C] = [keyOf('a', 0xa1), keyOf('b', 0xb2), keyOf('c', 0xc3)] as const;
const CHANGED = { ...SMALL, cookies: [cookieOf('sid', 'changed'), SMALL.cookies[1]!] };

const phrase = (text: string): Passphrase => new Passphrase(text, { kdf: { kdf: 'pbkdf2-sha256', iterations: 600_000 } });

/** A key service that remembers, and counts what it is asked. */
function serviceOf(id: string): KeyWrapper & { wraps: number; unwraps: number } {
  const vault: { dataKey: Uint8Array; additionalData: Uint8Array }[] = [];
  return {
    ...{ id, wraps: 0, unwraps: 0 },
    async wrap(dataKey, additionalData) {
      this.wraps++;
      expect(additionalData).toHaveLength(66 + id.length);
      return Uint8Array.of(vault.push({ dataKey: Uint8Array.from(dataKey), additionalData: Uint8Array.from(additionalData) }) - 1);
    },
    async unwrap(body, additionalData) {
      this.unwraps++;
      const kept = vault[body[0]!];
      if (kept === undefined || !Buffer.from(kept.additionalData).equals(additionalData)) throw new Error('not mine');
      return kept.dataKey;
    },
  };
}

const wrapsOf = (file: Uint8Array): string[] => peekFields(file).unverified.wraps.map(({ type, kid }) => `${type} ${kid}`);
const opens = async (file: Uint8Array, key: KeySource): Promise<void> => {
  expect(await resolve(await openFields(file, key, CONTEXT))).toEqual(await resolve(SMALL));
};

describe('every kind of key', () => {
  it('opens by itself what was sealed for all of them, and keeps its wrap when the file is sealed again', async () => {
    const service = serviceOf('kms');
    const ring = KeyRing.of(B, 1);
    const keys: KeySource[] = [A, ring, service, phrase('open sesame')];
    const file = await sealFields(SMALL, keys, CONTEXT);
    expect(wrapsOf(file)).toEqual(['1 a', '1 b', '2 kms', '3 passphrase']);
    for (const key of keys) await opens(file, key);
    const again = await sealFields(CHANGED, keys, CONTEXT, { previous: file });
    expect(linesOf(again)[0]).toBe(linesOf(file)[0]);
    expect(service.wraps).toBe(1);
  });

  it('fails as it does for sealed blobs', async () => {
    const file = await sealFields(SMALL, A, CONTEXT);
    expect(await codeOf(() => openFields(file, B, CONTEXT))).toBe('KEY_UNKNOWN');
    expect(await codeOf(() => openFields(file, new EncryptionKey('a', secretOfByte(1)), CONTEXT))).toBe('KEY_WRONG');
    const revoked = KeyRing.of(A, 1).add(B, 2).promote('b', 3).revoke('a', 'retired', 4);
    expect(await codeOf(() => openFields(file, revoked, CONTEXT))).toBe('KEY_REVOKED');
    const locked = await sealFields(SMALL, phrase('one'), CONTEXT);
    expect(await codeOf(() => openFields(locked, phrase('other'), CONTEXT))).toBe('KEY_WRONG');
    const service = serviceOf('kms');
    const served = await sealFields(SMALL, service, CONTEXT);
    expect(await codeOf(() => openFields(served, serviceOf('kms'), CONTEXT))).toBe('KEY_SERVICE');
    const expired = KeyRing.of(A, 1, { notAfterMs: 2 });
    expect(await codeOf(() => sealFields(SMALL, expired, CONTEXT))).toBe('KEY_EXPIRED');
  });

  it.each<[string, () => KeySource | KeySource[]]>([
    ['none', () => []],
    ['two of one name', () => [A, keyOf('a', 7)]],
    ['nine', () => Array.from({ length: 9 }, (_, i) => keyOf(`k${i}`, i))],
  ])('is a RangeError when there are %s', async (_, keys) => {
    await expect(sealFields(SMALL, keys(), CONTEXT)).rejects.toThrow(RangeError);
  });

  it('is refused twice also over a previous text', async () => {
    const previous = await sealFields(SMALL, A, CONTEXT);
    await expect(sealFields(SMALL, [A, A], CONTEXT, { previous })).rejects.toThrow(RangeError);
  });
});

describe('keys that change', () => {
  it('make new wraps, and leave every value as it is', async () => {
    const file = await sealFields(SMALL, [A, B], CONTEXT);
    const more = await sealFields(SMALL, [A, B, C], CONTEXT, { previous: file });
    expect(wrapsOf(more)).toEqual(['1 a', '1 b', '1 c']);
    const less = await sealFields(SMALL, [C], CONTEXT, { previous: more });
    expect(wrapsOf(less)).toEqual(['1 c']);
    expect(compareFields(file, less).unverified).toEqual([]);
    expect(linesOf(less).slice(1, -2)).toEqual(linesOf(file).slice(1, -2));
    await opens(less, C);
    expect(await codeOf(() => openFields(less, A, CONTEXT))).toBe('KEY_UNKNOWN');
  });

  it('follow a ring: what an older key opens gets a wrap of the primary one', async () => {
    const before = KeyRing.of(A, 1);
    const file = await sealFields(SMALL, before, CONTEXT);
    const after = before.add(B, 2).promote('b', 3);
    const next = await sealFields(SMALL, after, CONTEXT, { previous: file });
    expect(wrapsOf(next)).toEqual(['1 b']);
    expect(linesOf(await sealFields(SMALL, after, CONTEXT, { previous: next }))).toEqual(linesOf(next));
  });

  it('may have the name of the old one: a passphrase that was changed gets a wrap of its own', async () => {
    const file = await sealFields(SMALL, [A, phrase('old')], CONTEXT);
    const next = await sealFields(SMALL, [A, phrase('new')], CONTEXT, { previous: file });
    await opens(next, phrase('new'));
    expect(await codeOf(() => openFields(next, phrase('old'), CONTEXT))).toBe('KEY_WRONG');
  });

  it('are refused when one of the file is compromised: only a file that is sealed anew helps', async () => {
    const file = await sealFields(SMALL, [A, B], CONTEXT);
    const ring = KeyRing.of(A, 1).add(B, 2).promote('b', 3).revoke('a', 'compromised', 4);
    const error = await failureOf(() => sealFields(SMALL, ring, CONTEXT, { previous: file }));
    expect([error.code, error.details['kid']]).toEqual(['KEY_REVOKED', 'a']);
    expect(await codeOf(() => rewrapFields(file, B, ring))).toBe('KEY_REVOKED');
    const anew = await sealFields(await openFields(file, ring, CONTEXT), ring, CONTEXT);
    expect(peekFields(anew).unverified.fileId).not.toBe(peekFields(file).unverified.fileId);
    expect(compareFields(file, anew).unverified.every(({ change }) => change === 'changed')).toBe(true);
  });
});

describe('a rewrap', () => {
  it('changes the header line and the manifest, with or without the context', async () => {
    const file = await sealFields(FULL_SESSION, A, CONTEXT);
    for (const context of [undefined, CONTEXT]) {
      const rewrapped = await rewrapFields(file, A, [B, C], context);
      expect(wrapsOf(rewrapped)).toEqual(['1 b', '1 c']);
      expect(linesOf(rewrapped).slice(1, -2)).toEqual(linesOf(file).slice(1, -2));
      expect(await resolve(await openFields(rewrapped, C, CONTEXT))).toEqual(await resolve(await openFields(file, A, CONTEXT)));
      expect(await codeOf(() => openFields(rewrapped, A, CONTEXT))).toBe('KEY_UNKNOWN');
    }
    expect(await codeOf(() => rewrapFields(file, A, B, {}))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(() => rewrapFields(file, C, B))).toBe('KEY_UNKNOWN');
  });
});

describe('the context', () => {
  it.each([{}, { sessionId: 'small' }, { tenant: 'acme' }, { tenant: 'small', sessionId: 'acme' }, { tenant: 'acm', sessionId: 'esmall' }])(
    'is bound: not %j',
    async (context) => {
      const file = await sealFields(SMALL, A, CONTEXT);
      expect(await codeOf(() => openFields(file, A, context))).toBe('ENVELOPE_CONTEXT');
    },
  );

  it('cannot be guessed from the file: two files of one context do not show it alike', async () => {
    const [one, other] = [await sealFields(SMALL, A, CONTEXT), await sealFields(SMALL, A, CONTEXT)];
    const macOf = (file: Uint8Array): string => JSON.parse(`${linesOf(file)[0]!.slice(0, -1)}}`).pspf.context;
    expect(macOf(one)).not.toBe(macOf(other));
  });
});

describe('every engine', () => {
  afterEach(() => useEngine(null));

  it('makes the same file, and opens the others', async () => {
    const files: string[] = [];
    for (const kind of KINDS) {
      useEngine(kind);
      const file = await sealFieldsWith(countingRandom(), FULL_SESSION, [A, B], CONTEXT, { padTo: 8 });
      files.push(Buffer.from(file).toString('latin1'));
    }
    expect(new Set(files).size).toBe(1);
    for (const kind of KINDS) {
      useEngine(kind);
      const opened = await openFields(Buffer.from(files[0]!, 'latin1'), B, CONTEXT);
      expect(opened.cookies[0]?.value).toBe(FULL_SESSION.cookies[0]?.value);
      const tampered = Buffer.from(files[0]!.replace('"secure":true', '"secure":!rue'), 'latin1');
      expect(await codeOf(() => openFields(tampered, B, CONTEXT))).toBe('ENVELOPE_TAMPERED');
    }
  });
});

it('a new key opens nothing of it', async () => {
  const file = await sealFields(SMALL, A, CONTEXT);
  expect(await codeOf(() => openFields(file, generateKey('b'), CONTEXT))).toBe('KEY_UNKNOWN');
});
