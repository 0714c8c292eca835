import { describe, expect, it } from 'vitest';
import type { Wrap } from '../../ts/envelope/header.ts';
import { secretOf } from '../../ts/envelope/key.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { type KeySource, listKeys, unwrapDataKey, wrapDataKeys } from '../../ts/envelope/wrap.ts';
import { type KeyWrapper, WRAP_KMS } from '../../ts/envelope/wrapper.ts';
import { PspError } from '../../ts/errors.ts';
import { KINDS, only } from './engines.ts';
import { codeOf, countingRandom, failureOf, flip, keyOf, plaintextOf, secretOfByte, toHex } from './fixture.ts';
import { expectNoSecret, showingsOfError } from './leak.ts';

const DATA_KEY = secretOfByte(0xdd);
const IMMUTABLE = plaintextOf(64);
const KEY = keyOf('key-1', 1);

interface Call {
  readonly name: 'wrap' | 'unwrap';
  readonly bytes: string;
  readonly additionalData: string;
}

/** A key service for tests: it stores what it is given, and answers only for the same additional data. Not encryption of any kind. */
function serviceOf(id: string, calls: Call[] = []): KeyWrapper {
  const vault = new Map<string, { dataKey: Uint8Array; additionalData: string }>();
  return {
    id,
    async wrap(dataKey, additionalData) {
      calls.push({ name: 'wrap', bytes: toHex(dataKey), additionalData: toHex(additionalData) });
      const ticket = Uint8Array.of(0x7b, vault.size);
      vault.set(toHex(ticket), { dataKey: Uint8Array.from(dataKey), additionalData: toHex(additionalData) });
      return ticket;
    },
    async unwrap(body, additionalData) {
      calls.push({ name: 'unwrap', bytes: toHex(body), additionalData: toHex(additionalData) });
      const kept = vault.get(toHex(body));
      if (kept === undefined || kept.additionalData !== toHex(additionalData)) throw new Error('InvalidCiphertextException');
      return kept.dataKey;
    },
  };
}

const wrapAll = async (...sources: KeySource[]): Promise<Wrap[]> => wrapDataKeys(sources, DATA_KEY, IMMUTABLE, countingRandom());
const unwrapWith = async (wraps: readonly Wrap[], ...sources: KeySource[]) => unwrapDataKey(sources, wraps, IMMUTABLE);

describe('a wrap by a key service', () => {
  it('holds the bytes of the service, the id as its kid, and a check value of zero', async () => {
    const calls: Call[] = [];
    const service = serviceOf('projects/é', calls);
    const wraps = await wrapAll(service);
    expect(wraps).toEqual([{ type: WRAP_KMS, kid: 'projects/é', kcv: new Uint8Array(8), body: Uint8Array.of(0x7b, 0) }]);
    expect(await unwrapWith(wraps, service)).toEqual({ dataKey: DATA_KEY, kid: 'projects/é' });
    const additionalData = `${toHex(IMMUTABLE)}020b${Buffer.from('projects/é').toString('hex')}`;
    expect(calls).toEqual([
      { name: 'wrap', bytes: toHex(DATA_KEY), additionalData },
      { name: 'unwrap', bytes: '7b00', additionalData },
    ]);
  });

  it('gives the service copies: what it does to them changes nothing here', async () => {
    const vandal: KeyWrapper = {
      id: 'v',
      async wrap(dataKey, additionalData) {
        dataKey.fill(0);
        additionalData.fill(0);
        return Uint8Array.of(1);
      },
      async unwrap(body, additionalData) {
        body.fill(0);
        additionalData.fill(0);
        return DATA_KEY;
      },
    };
    const immutableBefore = toHex(IMMUTABLE);
    const wraps = await wrapAll(vandal, KEY);
    expect(toHex(DATA_KEY)).toBe('dd'.repeat(32));
    const { dataKey } = await unwrapWith(wraps, vandal);
    expect(dataKey).not.toBe(DATA_KEY);
    expect(wraps[0]!.body).toEqual(Uint8Array.of(1));
    expect(toHex(IMMUTABLE)).toBe(immutableBefore);
    expect((await unwrapWith(wraps, KEY)).dataKey).toEqual(DATA_KEY);
  });

  it.each<[string, () => Promise<Uint8Array>]>([
    ['rejects', () => Promise.reject(new Error('AccessDenied: throttled'))],
    [
      'throws before it gives a promise',
      () => {
        throw new Error('no credentials');
      },
    ],
    ['gives nothing', async () => undefined as unknown as Uint8Array],
    ['gives text', async () => 'secret' as unknown as Uint8Array],
    ['gives no bytes', async () => new Uint8Array(0)],
  ])('that %s is KEY_SERVICE with its error as the cause', async (_, fail) => {
    const broken: KeyWrapper = { id: 'kms', wrap: fail, unwrap: fail };
    const wraps = await wrapAll(serviceOf('kms'));
    for (const run of [() => wrapAll(KEY, broken), () => unwrapWith(wraps, broken)]) {
      const error = await failureOf(run);
      expect(error.code).toBe('KEY_SERVICE');
      expect(error.details).toEqual({ kid: 'kms' });
      expect(error.cause).toBeInstanceOf(Error);
      expect(error.message).not.toContain((error.cause as Error).message);
      expectNoSecret(showingsOfError(error), DATA_KEY);
    }
  });

  it('that gives a data key of another length is KEY_SERVICE', async () => {
    const wraps = await wrapAll(serviceOf('kms'));
    for (const length of [0, 16, 31, 33]) {
      const short: KeyWrapper = { ...serviceOf('kms'), unwrap: async () => new Uint8Array(length) };
      expect(await codeOf(() => unwrapWith(wraps, short))).toBe('KEY_SERVICE');
    }
  });

  it('that is too long for a header is ENVELOPE_LIMIT, up to the last byte', async () => {
    const long = (bytes: number): KeyWrapper => ({ ...serviceOf('kms'), wrap: async () => new Uint8Array(bytes) });
    const room = 8192 - 64 - 2 - 32 - 12 - 3;
    expect((await wrapAll(long(room)))[0]!.body.length).toBe(room);
    expect(await codeOf(() => wrapAll(long(room + 1)))).toBe('ENVELOPE_LIMIT');
    expect(await codeOf(() => wrapAll(long(70_000)))).toBe('ENVELOPE_LIMIT');
  });

  it('cannot be moved to another blob', async () => {
    const service = serviceOf('kms');
    const wraps = await wrapAll(service);
    expect(await codeOf(async () => unwrapDataKey([service], wraps, flip(IMMUTABLE, 20)))).toBe('KEY_SERVICE');
  });
});

describe('several sources', () => {
  it('are wrapped in their order, at once when all are local', async () => {
    const ring = KeyRing.of(keyOf('ring-1', 5), 0);
    const local = wrapDataKeys([KEY, ring], DATA_KEY, IMMUTABLE, countingRandom());
    expect(local.map(({ type, kid }) => [type, kid])).toEqual([
      [1, 'key-1'],
      [1, 'ring-1'],
    ]);
    expect(unwrapDataKey([ring], local, IMMUTABLE)).toEqual({ dataKey: DATA_KEY, kid: 'ring-1' });
    const mixed = wrapDataKeys([serviceOf('kms'), KEY], DATA_KEY, IMMUTABLE, countingRandom());
    expect(mixed).toBeInstanceOf(Promise);
    expect((await mixed).map(({ type }) => type)).toEqual([2, 1]);
  });

  it.each(KINDS)('are wrapped by the engine %s where it is given, to the bytes of the one that never waits', async (kind) => {
    const sources = [KEY, keyOf('key-2', 2)];
    for (const round of [1, 2]) {
      const wraps = wrapDataKeys(sources, DATA_KEY, IMMUTABLE, countingRandom(), undefined, only(kind));
      expect([round, wraps instanceof Promise]).toEqual([round, kind === 'webcrypto']);
      expect(await wraps).toEqual(wrapDataKeys(sources, DATA_KEY, IMMUTABLE, countingRandom()));
      const opened = unwrapDataKey([keyOf('key-2', 2)], await wraps, IMMUTABLE, only(kind));
      expect(opened instanceof Promise).toBe(kind === 'webcrypto');
      expect(await opened).toEqual({ dataKey: DATA_KEY, kid: 'key-2' });
      const moved = async () => unwrapDataKey([KEY], await wraps, flip(IMMUTABLE, 20), only(kind));
      expect(await codeOf(moved)).toBe('ENVELOPE_TAMPERED');
    }
  });

  it('open without a service when a key is there, and by any service that answers', async () => {
    const calls: Call[] = [];
    const [one, other] = [serviceOf('one', calls), serviceOf('other')];
    const wraps = await wrapAll(one, other, KEY);
    calls.length = 0;
    expect(unwrapDataKey([one, KEY], wraps, IMMUTABLE)).toMatchObject({ kid: 'key-1' });
    expect(calls).toEqual([]);
    const down: KeyWrapper = { ...one, unwrap: () => Promise.reject(new Error('down')) };
    expect(await unwrapWith(wraps, down, other)).toMatchObject({ kid: 'other' });
    expect(await codeOf(() => unwrapWith(wraps, down, serviceOf('stranger')))).toBe('KEY_SERVICE');
    expect(await codeOf(() => unwrapWith(wraps, serviceOf('stranger')))).toBe('KEY_UNKNOWN');
  });

  it('do not open by a kid of another type: a service is no key of its name', async () => {
    const wraps = await wrapAll(serviceOf('key-1'));
    expect(await codeOf(() => unwrapWith(wraps, KEY))).toBe('KEY_UNKNOWN');
    expect(await codeOf(() => unwrapWith([{ ...wraps[0]!, type: 1 }], serviceOf('key-1')))).toBe('KEY_UNKNOWN');
  });

  it('are at most 8, of different kids', () => {
    const nine = Array.from({ length: 9 }, (_, at) => keyOf(`k${at}`, at));
    expect(() => wrapDataKeys(nine, DATA_KEY, IMMUTABLE, countingRandom())).toThrow(RangeError);
    expect(wrapDataKeys(nine.slice(1), DATA_KEY, IMMUTABLE, countingRandom())).toHaveLength(8);
    for (const twice of [
      [KEY, keyOf('key-1', 9)],
      [KEY, serviceOf('key-1')],
      [KEY, KeyRing.of(KEY, 0)],
    ]) {
      expect(() => wrapDataKeys(twice, DATA_KEY, IMMUTABLE, countingRandom())).toThrow('one twice');
    }
  });

  it('are checked before anything else', () => {
    const wrong = [null, undefined, 'text', 7, {}, { kid: 'k' }, { id: 'k', wrap: () => 0 }, Object.create(KeyRing.prototype)];
    for (const source of wrong) expect(() => listKeys(source as KeySource)).toThrow(TypeError);
    expect(() => listKeys([])).toThrow(RangeError);
    for (const id of ['', 'k'.repeat(65), 'é'.repeat(33), 'a\ud800']) expect(() => listKeys(serviceOf(id))).toThrow(RangeError);
    const service = serviceOf('é'.repeat(32));
    expect(listKeys([KEY, service])).toEqual([KEY, service]);
    expect(listKeys(KEY)).toEqual([KEY]);
  });
});

describe('a key ring as a source', () => {
  const [OLD, NEW] = [keyOf('old', 0x11), keyOf('new', 0x22)];
  const before = KeyRing.of(OLD, 0);
  const rotated = before.add(NEW, 1).promote('new', 2);

  it('seals with its primary key, and opens with pending, primary and decrypt-only ones', async () => {
    const byOld = await wrapAll(before);
    const byNew = await wrapAll(rotated);
    expect(byNew.map(({ kid }) => kid)).toEqual(['new']);
    expect(await unwrapWith(byOld, rotated)).toMatchObject({ kid: 'old' });
    expect(await unwrapWith(byNew, before.add(NEW, 1))).toMatchObject({ kid: 'new' });
    expect(await codeOf(() => unwrapWith(byNew, before))).toBe('KEY_UNKNOWN');
  });

  it('is KEY_REVOKED for what a revoked or destroyed key sealed, unless that key is given by itself', async () => {
    const byOld = await wrapAll(before);
    const revoked = rotated.revoke('old', 'compromised', 3);
    for (const [ring, state] of [
      [revoked, 'revoked'],
      [revoked.destroy('old'), 'destroyed'],
    ] as const) {
      const error = await failureOf(() => unwrapWith(byOld, ring));
      expect(error.code).toBe('KEY_REVOKED');
      expect(error.details).toEqual({ kid: 'old', state, revokedFor: 'compromised' });
      for (const key of [OLD, NEW]) expectNoSecret(showingsOfError(error), secretOf(key));
    }
    expect(await unwrapWith(byOld, revoked, revoked.keyForReseal('old'))).toMatchObject({ kid: 'old' });
    expect(await unwrapWith(await wrapAll(OLD, NEW), revoked)).toMatchObject({ kid: 'new' });
  });

  it('is KEY_WRONG, not KEY_REVOKED, for another key of the name of a revoked one', async () => {
    const revoked = rotated.revoke('old', 'retired', 3);
    expect(await codeOf(async () => unwrapWith(await wrapAll(keyOf('old', 0x99)), revoked))).toBe('KEY_WRONG');
    expect(await codeOf(async () => unwrapWith(await wrapAll(keyOf('new', 0x99)), revoked))).toBe('KEY_WRONG');
  });

  it('is KEY_EXPIRED when its primary key seals no more, by the clock that is given', async () => {
    const ring = KeyRing.of(OLD, 0, { notAfterMs: 100 });
    const wrapAt = (nowMs: number): Wrap[] => wrapDataKeys([ring], DATA_KEY, IMMUTABLE, countingRandom(), () => nowMs);
    const wraps = wrapAt(99);
    expect(() => wrapAt(100)).toThrow(PspError);
    expect(await codeOf(() => wrapAt(100))).toBe('KEY_EXPIRED');
    expect(await codeOf(() => wrapAll(ring))).toBe('KEY_EXPIRED');
    expect(await unwrapWith(wraps, ring)).toMatchObject({ kid: 'old' });
  });
});
