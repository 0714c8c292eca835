import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KDF_DEFAULTS } from '../../ts/envelope/kdf.ts';
import { checkValueOf, type EncryptionKey, secretOf } from '../../ts/envelope/key.ts';
import { heldKeysOf, KeyRing, type KeyState, MAX_RING_KEYS, sealingKeyOf } from '../../ts/envelope/keyring.ts';
import { formatKeyRing, parseKeyRing } from '../../ts/envelope/keyring-text.ts';
import { open } from '../../ts/envelope/open.ts';
import { Passphrase } from '../../ts/envelope/passphrase.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { codeOf, failureOf, keyOf, toHex } from './fixture.ts';
import { expectNoSecret, showings, showingsOfError } from './leak.ts';

const [A, B, C, D] = [keyOf('a', 0xa1), keyOf('b', 0xb2), keyOf('c', 0xc3), keyOf('d', 0xd4)] as const;

/** A ring with a key in every state: a destroyed, b revoked, c decrypt-only, d primary, e pending. */
function fullRing(): KeyRing {
  return KeyRing.of(A, 10)
    .add(B, 20)
    .promote('b', 30)
    .revoke('a', 'compromised', 40)
    .destroy('a')
    .add(C, 50)
    .promote('c', 60)
    .revoke('b', 'retired', 70)
    .add(D, 80, { notAfterMs: 1000 })
    .promote('d', 90)
    .add(keyOf('e', 0xe5), 100);
}

function statesOf(ring: KeyRing): Record<string, KeyState> {
  return Object.fromEntries(ring.list().map(({ kid, state }) => [kid, state]));
}

describe('a key ring', () => {
  it('leads its keys from pending over primary, decrypt-only and revoked to destroyed', () => {
    expect(fullRing().list()).toEqual([
      { kid: 'a', state: 'destroyed', kcv: toHex(checkValueOf(A)), revokedFor: 'compromised' },
      { kid: 'b', state: 'revoked', kcv: toHex(checkValueOf(B)), sinceMs: 70, revokedFor: 'retired' },
      { kid: 'c', state: 'decrypt-only', kcv: toHex(checkValueOf(C)), sinceMs: 90 },
      { kid: 'd', state: 'primary', kcv: toHex(checkValueOf(D)), sinceMs: 90, notAfterMs: 1000 },
      { kid: 'e', state: 'pending', kcv: toHex(checkValueOf(keyOf('e', 0xe5))), sinceMs: 100 },
    ]);
    expect(fullRing().primaryKid).toBe('d');
  });

  it('never changes: each operation gives a new ring', () => {
    const ring = KeyRing.of(A, 1);
    const added = ring.add(B, 2);
    const promoted = added.promote('b', 3);
    promoted.revoke('a', 'retired', 4).destroy('a');
    expect(statesOf(ring)).toEqual({ a: 'primary' });
    expect(statesOf(added)).toEqual({ a: 'primary', b: 'pending' });
    expect(statesOf(promoted)).toEqual({ a: 'decrypt-only', b: 'primary' });
    const entry = promoted.list()[0] as { state: KeyState };
    entry.state = 'primary';
    expect(statesOf(promoted)).toEqual({ a: 'decrypt-only', b: 'primary' });
  });

  /** Which operations each state allows on a key that is not alone in its ring. */
  const ALLOWED: Readonly<Record<KeyState, { promote: boolean; revoke: boolean; destroy: boolean; keyForReseal: boolean }>> = {
    pending: { promote: true, revoke: true, destroy: false, keyForReseal: false },
    primary: { promote: false, revoke: false, destroy: false, keyForReseal: false },
    'decrypt-only': { promote: false, revoke: true, destroy: false, keyForReseal: false },
    revoked: { promote: false, revoke: false, destroy: true, keyForReseal: true },
    destroyed: { promote: false, revoke: false, destroy: false, keyForReseal: false },
  };

  it.each(Object.entries(ALLOWED))('allows for a key that is %s what it allows, and is KEY_STATE for the rest', async (state, allowed) => {
    const ring = fullRing();
    const { kid } = ring.list().find((entry) => entry.state === state)!;
    const runs = {
      promote: () => ring.promote(kid, 200),
      revoke: () => ring.revoke(kid, 'retired', 200),
      destroy: () => ring.destroy(kid),
      keyForReseal: () => ring.keyForReseal(kid),
    };
    for (const [name, run] of Object.entries(runs)) {
      if (allowed[name as keyof typeof runs]) expect(run).not.toThrow();
      else {
        const error = await failureOf(run);
        expect(`${name} ${error.code}`).toBe(`${name} KEY_STATE`);
        expect(error.details).toEqual({ kid, state });
      }
    }
  });

  it('has exactly one primary key, no name twice and no way back, whatever is done to it', () => {
    const order: readonly KeyState[] = ['pending', 'primary', 'decrypt-only', 'revoked', 'destroyed'];
    const step = fc.record({
      kid: fc.constantFrom('a', 'b', 'c', 'd'),
      run: fc.constantFrom('add', 'promote', 'retire', 'compromise', 'destroy'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let ring = KeyRing.of(A, 0);
        for (const [nowMs, { kid, run }] of steps.entries()) {
          const before = statesOf(ring);
          try {
            if (run === 'add') ring = ring.add(keyOf(kid, 1), nowMs);
            else if (run === 'promote') ring = ring.promote(kid, nowMs);
            else if (run === 'destroy') ring = ring.destroy(kid);
            else ring = ring.revoke(kid, run === 'retire' ? 'retired' : 'compromised', nowMs);
          } catch (error) {
            expect(['KEY_STATE', 'KEY_UNKNOWN']).toContain((error as { code?: string }).code);
          }
          const after = statesOf(ring);
          expect(Object.values(after).filter((state) => state === 'primary')).toHaveLength(1);
          expect(after[ring.primaryKid]).toBe('primary');
          expect(ring.list()).toHaveLength(Object.keys(after).length);
          for (const [name, state] of Object.entries(before))
            expect(order.indexOf(after[name]!)).toBeGreaterThanOrEqual(order.indexOf(state));
          expect(parseKeyRing(formatKeyRing(ring)).list()).toEqual(ring.list());
        }
      }),
      { numRuns: 60 },
    );
  });

  it('says of compromised keys that their blobs must be resealed, and of retired ones that they need not', () => {
    const ring = KeyRing.of(A, 0).add(B, 1).promote('b', 2);
    expect(ring.demandsReseal('a')).toBe(false);
    expect(ring.revoke('a', 'retired', 3).demandsReseal('a')).toBe(false);
    const worse = ring.revoke('a', 'retired', 3).revoke('a', 'compromised', 4);
    expect(worse.demandsReseal('a')).toBe(true);
    expect(worse.list()[0]).toMatchObject({ state: 'revoked', sinceMs: 4, revokedFor: 'compromised' });
    expect(worse.destroy('a').demandsReseal('a')).toBe(true);
    expect(() => worse.revoke('a', 'compromised', 5)).toThrow('revoked as compromised');
    expect(() => worse.revoke('a', 'retired', 5)).toThrow('revoked as compromised');
    expect(worse.demandsReseal('b')).toBe(false);
    expect(worse.demandsReseal('never heard of')).toBe(false);
    expect(ring.revoke('a', 'compromised', 3).keyForReseal('a')).toBe(A);
  });

  it('keeps nothing of a destroyed key but name, check value and reason', () => {
    const ring = fullRing();
    const held = heldKeysOf(ring).find(({ entry }) => entry.kid === 'a')!;
    expect(held.key).toBeNull();
    expectNoSecret([formatKeyRing(ring)], secretOf(A));
    expect(() => expectNoSecret([formatKeyRing(ring)], secretOf(B))).toThrow();
  });

  it('seals until the notAfter of its primary key, and opens after it', async () => {
    const ring = KeyRing.of(A, 100, { notAfterMs: 200 });
    expect(sealingKeyOf(ring, 199)).toBe(A);
    const error = await failureOf(() => sealingKeyOf(ring, 200));
    expect(error.code).toBe('KEY_EXPIRED');
    expect(error.details).toEqual({ kid: 'a', notAfterMs: 200, nowMs: 200 });
    expect(heldKeysOf(ring)[0]!.key).toBe(A);
    expect(await codeOf(() => KeyRing.of(A, 0).add(B, 0, { notAfterMs: 5 }).promote('b', 5))).toBe('KEY_EXPIRED');
  });

  it('is KEY_UNKNOWN for a name that it does not have, and lists those it has', async () => {
    const ring = fullRing();
    const runs = [() => ring.promote('x', 1), () => ring.revoke('x', 'retired', 1), () => ring.destroy('x'), () => ring.keyForReseal('x')];
    for (const run of runs) {
      const error = await failureOf(run);
      expect(error.code).toBe('KEY_UNKNOWN');
      expect(error.message).toContain('"a", "b", "c", "d", "e"');
    }
  });

  it('never takes a name again, not even that of a destroyed key', async () => {
    expect(await codeOf(() => fullRing().add(keyOf('a', 0x77), 200))).toBe('KEY_STATE');
    expect(await codeOf(() => fullRing().add(keyOf('e', 0x77), 200))).toBe('KEY_STATE');
  });

  it('refuses wrong arguments as such', () => {
    expect(() => KeyRing.of({ kid: 'a' } as unknown as EncryptionKey, 0)).toThrow(TypeError);
    for (const nowMs of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, undefined as unknown as number]) {
      expect(() => KeyRing.of(A, nowMs)).toThrow(RangeError);
      expect(() => KeyRing.of(A, 0).add(B, nowMs)).toThrow(RangeError);
      expect(() => KeyRing.of(A, 0).add(B, 0).promote('b', nowMs)).toThrow(RangeError);
      expect(() => KeyRing.of(A, 0).add(B, 0).revoke('b', 'retired', nowMs)).toThrow(RangeError);
    }
    expect(() => KeyRing.of(A, 100, { notAfterMs: 100 })).toThrow(RangeError);
    expect(() =>
      KeyRing.of(A, 0)
        .add(B, 0)
        .revoke('b', 'lost' as 'retired', 0),
    ).toThrow(TypeError);
    expect(() => heldKeysOf({} as KeyRing)).toThrow(TypeError);
    expect(() => heldKeysOf(Object.create(KeyRing.prototype) as KeyRing)).toThrow(TypeError);
  });

  it('shows names and states and nothing else, however it is printed', () => {
    const ring = fullRing();
    for (const key of [A, B, C, D]) expectNoSecret(showings(ring), secretOf(key));
    expect(String(ring)).toBe('KeyRing(a destroyed, b revoked, c decrypt-only, d primary, e pending)');
    expect(JSON.parse(JSON.stringify(ring))).toEqual({ keys: ring.list().map(({ kid, state }) => ({ kid, state })) });
    expect(inspect(ring)).toBe(String(ring));
    expect(Reflect.ownKeys(ring)).toEqual([]);
  });
});

describe('the text of a key ring', () => {
  const TEXT = formatKeyRing(fullRing());

  it('is JSON of a pinned form', () => {
    const ring = KeyRing.of(A, 1700000000000, { notAfterMs: 1800000000000 }).add(B, 1700000000001);
    const base64 = (key: EncryptionKey): string => Buffer.from(secretOf(key)).toString('base64');
    const first = `{"kid":"a","state":"primary","kcv":"${toHex(checkValueOf(A))}","sinceMs":1700000000000,"notAfterMs":1800000000000,"key":"${base64(A)}"}`;
    const second = `{"kid":"b","state":"pending","kcv":"${toHex(checkValueOf(B))}","sinceMs":1700000000001,"key":"${base64(B)}"}`;
    expect(formatKeyRing(ring)).toBe(`{"type":"psp-key-ring","version":1,"keys":[${first},${second}]}`);
  });

  it('parses back to the same ring, also when it was indented', () => {
    for (const text of [TEXT, `\n${JSON.stringify(JSON.parse(TEXT), null, 2)}\n`]) {
      const ring = parseKeyRing(text);
      expect(ring.list()).toEqual(fullRing().list());
      expect(formatKeyRing(ring)).toBe(TEXT);
      expect(toHex(secretOf(sealingKeyOf(ring, 500)))).toBe(toHex(secretOf(D)));
      expect(ring.promote('e', 300).primaryKid).toBe('e');
    }
  });

  it('can be sealed like any bytes: with a passphrase, and opened again', async () => {
    const passphrase = new Passphrase('correct horse battery staple', { kdf: KDF_DEFAULTS.argon2id });
    const sealed = await seal(new TextEncoder().encode(TEXT), passphrase);
    for (const key of [B, C, D]) expect(Buffer.from(sealed).includes(Buffer.from(secretOf(key)))).toBe(false);
    const ring = parseKeyRing(new TextDecoder().decode(await open(sealed, passphrase)));
    expect(formatKeyRing(ring)).toBe(TEXT);
    const blob = await seal(Uint8Array.of(1, 2, 3), KeyRing.of(A, 0));
    expect(await codeOf(() => open(blob, ring))).toBe('KEY_REVOKED');
    expect(await open(await seal(Uint8Array.of(1, 2, 3), C), ring)).toEqual(Uint8Array.of(1, 2, 3));
  });

  type Json = { type: unknown; version: unknown; keys: Record<string, unknown>[] } & Record<string, unknown>;
  const broken: readonly [string, (json: Json) => unknown, string][] = [
    ['not an object', () => [], 'key ring: expected an object'],
    ['null', () => null, 'key ring: expected an object'],
    ['another type', (json) => ({ ...json, type: 'psp-keys' }), 'type'],
    ['another version', (json) => ({ ...json, version: 2 }), 'version'],
    ['a member too many', (json) => ({ ...json, note: 'x' }), 'no members but its own'],
    ['no keys', ({ type, version }) => ({ type, version }), 'the member keys'],
    ['keys that are no list', (json) => ({ ...json, keys: {} }), 'keys'],
    ['too many keys', (json) => ({ ...json, keys: Array.from({ length: MAX_RING_KEYS + 1 }, () => json.keys[3]) }), 'keys'],
    ['a key that is null', (json) => ({ ...json, keys: [null] }), 'keys[0]'],
    ['a key that is text', (json) => ({ ...json, keys: ['primary'] }), 'keys[0]'],
    ['a name twice', (json) => ({ ...json, keys: [...json.keys, json.keys[1]] }), 'keys[5].kid'],
    ['a bad name', (json) => withKey(json, 3, { kid: 'a b' }), 'keys[3].kid'],
    ['an unknown state', (json) => withKey(json, 3, { state: 'active' }), 'keys[3].state'],
    ['a state of Object.prototype', (json) => withKey(json, 3, { state: 'constructor' }), 'keys[3].state'],
    ['a check value of another key', (json) => withKey(json, 3, { kcv: '0011223344556677' }), 'keys[3].kcv'],
    ['a check value in capitals', (json) => withKey(json, 3, { kcv: String(json.keys[3]!.kcv).toUpperCase() }), 'keys[3].kcv'],
    ['a time that is text', (json) => withKey(json, 3, { sinceMs: '90' }), 'keys[3].sinceMs'],
    ['a time below zero', (json) => withKey(json, 3, { sinceMs: -1 }), 'keys[3].sinceMs'],
    ['a limit that is no time', (json) => withKey(json, 3, { notAfterMs: null }), 'keys[3].notAfterMs'],
    ['a key that is too short', (json) => withKey(json, 3, { key: 'AAAA' }), 'keys[3].key'],
    ['a key that is not canonical', (json) => withKey(json, 3, { key: `${'A'.repeat(42)}B=` }), 'keys[3].key'],
    ['a key that is missing', (json) => without(json, 3, 'key'), 'keys[3]'],
    ['a destroyed key with its bytes', (json) => withKey(json, 0, { key: json.keys[3]!.key }), 'keys[0]'],
    ['a destroyed key with a time', (json) => withKey(json, 0, { sinceMs: 1 }), 'keys[0]'],
    ['a revoked key without a reason', (json) => without(json, 1, 'revokedFor'), 'keys[1]'],
    ['a revoked key with another reason', (json) => withKey(json, 1, { revokedFor: 'lost' }), 'keys[1].revokedFor'],
    ['a primary key with a reason', (json) => withKey(json, 3, { revokedFor: 'retired' }), 'keys[3]'],
  ];

  it.each(broken)('with %s is KEY_MALFORMED, and the message names the place', async (_, change, place) => {
    const text = JSON.stringify(change(JSON.parse(TEXT) as Json));
    const error = await failureOf(() => parseKeyRing(text));
    expect(error.code).toBe('KEY_MALFORMED');
    expect(error.message).toContain(place);
    for (const key of [B, C, D]) expectNoSecret(showingsOfError(error), secretOf(key));
  });

  it('with no primary key, or two, is KEY_STATE', async () => {
    const json = JSON.parse(TEXT) as Json;
    expect(await codeOf(() => parseKeyRing(JSON.stringify(withKey(json, 3, { state: 'pending' }))))).toBe('KEY_STATE');
    expect(await codeOf(() => parseKeyRing(JSON.stringify(withKey(json, 2, { state: 'primary' }))))).toBe('KEY_STATE');
    expect(await codeOf(() => parseKeyRing(JSON.stringify({ ...json, keys: [] })))).toBe('KEY_STATE');
  });

  it('cut anywhere is KEY_MALFORMED and shows nothing of itself, nor does one that is too long', async () => {
    for (let end = 0; end < TEXT.length; end += 7) {
      const error = await failureOf(() => parseKeyRing(TEXT.slice(0, end)));
      expect(error.code).toBe('KEY_MALFORMED');
      expect(error.cause).toBeUndefined();
      expect(error.message).not.toContain('psp-key-ring');
    }
    expect(await codeOf(() => parseKeyRing(TEXT + ' '.repeat(1_048_576)))).toBe('KEY_MALFORMED');
    expect(() => parseKeyRing(7 as unknown as string)).toThrow(TypeError);
  });

  function withKey(json: Json, at: number, change: Record<string, unknown>): Json {
    return { ...json, keys: json.keys.map((key, index) => (index === at ? { ...key, ...change } : key)) };
  }

  function without(json: Json, at: number, member: string): Json {
    return {
      ...json,
      keys: json.keys.map((key, index) =>
        index === at ? Object.fromEntries(Object.entries(key).filter(([name]) => name !== member)) : key,
      ),
    };
  }
});
