/** Policies on whole sessions: what the application asks for is what it is shown, and nothing is decided for good. */
import { expect, test } from 'vitest';
import { replicasOf } from '../../ts/merge/context.ts';
import { type MergeInput, mergeSessions, readMerge } from '../../ts/merge/merge.ts';
import { type PolicyRule, preferSource } from '../../ts/merge/policy.ts';
import type { Session } from '../../ts/session/session.ts';
import { PLAIN_COOKIE } from '../session/plain-cookie.ts';
import { token } from './policy-fixture.ts';

const origin = 'https://app.example';
const key = { origin, topLevelSite: null };

function sessionOf(updatedAt: number, sid: string, items: Readonly<Record<string, string>>): Session {
  const cookie = { ...PLAIN_COOKIE, value: sid };
  return {
    id: 'shop',
    incarnation: '0123456789abcdef0123456789abcdef',
    revision: 0,
    createdAt: 1000,
    updatedAt,
    source: { tool: 'test' },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [{ key, localStorage: 'complete', indexedDB: 'complete' }] },
    cookies: [cookie],
    storage: [{ key, localStorage: Object.entries(items), indexedDB: [] }],
    tabs: [],
  };
}

const a = sessionOf(5000, 'a', { token: token({ iat: 20 }), cart: '["pen"]', nonce: 'a', theme: 'dark' });
const b = sessionOf(6000, 'b', { token: token({ iat: 10 }), cart: '["cup"]', nonce: 'b', lang: 'de' });

const rules: PolicyRule[] = [
  { name: 'cart', policy: 'json' },
  { name: 'token', policy: 'prefer-fresh-token' },
];

function seen({ cookies, storage }: Session): object {
  return { sid: cookies.map(({ value }) => value), ...Object.fromEntries(storage[0]?.localStorage ?? []) };
}

test('M11: by default one writer wins what conflicts, and what does not is kept from both', async () => {
  const { session } = await mergeSessions([a, b]);
  expect(seen(session)).toEqual({ sid: ['b'], token: token({ iat: 10 }), cart: '["cup"]', nonce: 'b', theme: 'dark', lang: 'de' });
});

test('with rules the fresh token leads its site, and the cart holds what both put in', async () => {
  const { session, losses } = await mergeSessions([a, b], { policies: rules });
  expect(seen(session)).toEqual({ sid: ['a'], token: token({ iat: 20 }), cart: '["pen","cup"]', nonce: 'a', theme: 'dark', lang: 'de' });
  const lost = losses.map(({ kind, path, rule }) => [kind === 'cookie' ? 'sid' : path[1], rule]);
  expect(lost.sort()).toEqual([
    ['nonce', 'last-writer'],
    ['sid', 'last-writer'],
    ['token', 'prefer-fresh-token'],
  ]);
});

test('M2: who merges on with other rules has lost nothing', async () => {
  const plain = await mergeSessions([a, b]);
  const ruled = await mergeSessions([a, b], { policies: rules });
  for (const session of [plain.session, ruled.session]) {
    const again = await mergeSessions([session], { policies: rules });
    expect(seen(again.session)).toEqual(seen(ruled.session));
    expect(seen((await mergeSessions([session])).session)).toEqual(seen(plain.session));
  }
});

test('the writers of a session can be preferred', async () => {
  const [inA, inB] = [await readMerge(a), await readMerge(b)];
  const prefer = async ({ document }: MergeInput): Promise<object> => {
    const policies = [{ policy: preferSource(replicasOf(document.context)) }];
    return seen((await mergeSessions([a, b], { policies })).session);
  };
  expect(await prefer(inA)).toMatchObject({ sid: ['a'], nonce: 'a', cart: '["pen"]', lang: 'de' });
  expect(await prefer(inB)).toMatchObject({ sid: ['b'], nonce: 'b', cart: '["cup"]', theme: 'dark' });
});

test('the order of the sessions makes no difference', async () => {
  const one = await mergeSessions([a, b], { policies: rules });
  const other = await mergeSessions([b, a, b], { policies: rules });
  expect(seen(other.session)).toEqual(seen(one.session));
  expect(other.losses).toEqual(one.losses);
  expect(other.conflicts).toEqual(one.conflicts);
});
