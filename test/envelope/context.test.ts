import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeContext, type SealContext } from '../../ts/envelope/context.ts';
import { toHex } from './fixture.ts';

describe('the canonical context', () => {
  it('is four zero bytes for a loose file', () => {
    expect(toHex(encodeContext({}))).toBe('00000000');
  });

  it('writes members by the bytes of their names, each with its lengths and its type', () => {
    const sessionId = `00000009${Buffer.from('sessionId').toString('hex')}010000000473e282ac`;
    const tenant = `00000006${Buffer.from('tenant').toString('hex')}0100000000`;
    expect(toHex(encodeContext({ tenant: '', sessionId: 's€' }))).toBe(`00000002${sessionId}${tenant}`);
  });

  it('tells apart what concatenation would confuse', () => {
    const all: SealContext[] = [
      {},
      { sessionId: '' },
      { tenant: '' },
      { tenant: '', sessionId: '' },
      { tenant: 's-1', sessionId: 't' },
      { tenant: 's-', sessionId: '1t' },
      { tenant: 's-1t', sessionId: '' },
      { tenant: 't', sessionId: 's-1' },
      { sessionId: 's-1' },
      { tenant: 's-1' },
      { sessionId: '\u00e9' },
      { sessionId: 'e\u0301' },
      { sessionId: '\ufeffs' },
      { sessionId: 's\0' },
    ];
    expect(new Set(all.map((context) => toHex(encodeContext(context)))).size).toBe(all.length);
  });

  it('is injective', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 6 });
    const contexts = fc.record({ tenant: text, sessionId: text }, { requiredKeys: [] });
    fc.assert(
      fc.property(contexts, contexts, (one, other) => {
        const same = one.tenant === other.tenant && one.sessionId === other.sessionId;
        expect(toHex(encodeContext(one)) === toHex(encodeContext(other))).toBe(same);
      }),
    );
  });

  it('does not depend on the order of the members, and takes undefined for absent', () => {
    const undefinedTenant = { tenant: undefined, sessionId: 'b' } as unknown as SealContext;
    expect(encodeContext({ tenant: 'a', sessionId: 'b' })).toEqual(encodeContext({ sessionId: 'b', tenant: 'a' }));
    expect(encodeContext(undefinedTenant)).toEqual(encodeContext({ sessionId: 'b' }));
  });

  it('refuses what it could not bind', () => {
    expect(() => encodeContext({ sessionId: 7 } as unknown as SealContext)).toThrow(TypeError);
    expect(() => encodeContext({ sessionId: null } as unknown as SealContext)).toThrow(TypeError);
    expect(() => encodeContext({ revision: 7 } as unknown as SealContext)).toThrow('got revision');
    expect(() => encodeContext({ sessionId: 'a\ud800' })).toThrow('lone surrogate');
    expect(() => encodeContext({ tenant: '\udc00b' })).toThrow('lone surrogate');
    expect(encodeContext({ sessionId: '\u{1f600}' }).length).toBe(4 + 4 + 9 + 1 + 4 + 4);
  });
});
