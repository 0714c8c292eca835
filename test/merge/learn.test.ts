import { describe, expect, test } from 'vitest';
import { bytesIfKnown, knownHash } from '../../ts/merge/content.ts';
import { learnConflicts } from '../../ts/merge/policy/learn.ts';
import type { PolicyRule } from '../../ts/merge/policy.ts';
import { resolve } from '../../ts/merge/resolve.ts';
import { type Section, TEXT_MEDIA_TYPE } from '../../ts/session/session.ts';
import { item, token, write } from './policy-fixture.ts';

/** A section that counts how often it was read. */
function counting(text: string, mediaType: string = TEXT_MEDIA_TYPE): Section & { reads: number } {
  const units = Uint16Array.from(text, (_, i) => text.charCodeAt(i));
  const bytes = new Uint8Array(units.buffer);
  return {
    mediaType,
    length: bytes.length,
    reads: 0,
    async bytes() {
      this.reads++;
      return bytes;
    },
  };
}

const json: PolicyRule[] = [{ policy: 'json' }];
const long = 'x'.repeat(200_000);

describe('what is read before entries are resolved', () => {
  test('nothing of entries with one candidate, whatever their policy', async () => {
    const alone = counting('[]');
    await learnConflicts([item('k', write('a', 1, alone))], json);
    expect(alone.reads).toBe(0);
  });

  test('only the hash of what nobody looks into, and not even that where it is told', async () => {
    const [binary, text, told] = [counting('x', 'image/png'), counting(long), counting(long)];
    const entry = item('k', write('a', 1, binary), write('b', 2, { body: [text] }), write('c', 3, told));
    await learnConflicts([entry], [], (section) => (section === told ? 'ab'.repeat(32) : undefined));
    expect([binary.reads, text.reads, told.reads]).toEqual([1, 1, 0]);
    expect([binary, text, told].map(bytesIfKnown)).toEqual([null, null, null]);
    expect(knownHash(told)).toBe('ab'.repeat(32));
  });

  test('all of what a policy looks into, once', async () => {
    const text = counting(`["${long}"]`);
    const entry = item('k', write('a', 1, text), write('b', 2, '[2]'));
    await learnConflicts([entry], json);
    await learnConflicts([entry], json);
    expect(resolve([entry], { policies: json }).shown[0]?.value).toBe(`["${long}",2]`);
    expect(text.reads).toBe(1);
  });

  test('a short text, in which a token may stand', async () => {
    const fresh = counting(token({ iat: 9 }));
    const entry = item('k', write('a', 1, fresh), write('b', 2, token({ iat: 5 })));
    await learnConflicts([entry], []);
    expect(resolve([entry], { policies: [{ policy: 'prefer-fresh-token' }] }).shown[0]?.value).toBe(fresh);
  });
});

test('a text in a section and the same string are no conflict', async () => {
  const entry = item('k', write('a', 1, counting('same')), write('b', 2, 'same'));
  await learnConflicts([entry]);
  expect(resolve([entry])).toMatchObject({ losses: [], conflicts: [] });
});
