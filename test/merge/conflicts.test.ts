/** Writes `docs/conflicts.md`: every kind of entry, every pair of concurrent operations, what is shown by each policy. Fails when the page says otherwise. */
import { expect, test } from 'vitest';
import { entryKey } from '../../ts/merge/entry.ts';
import { mergeSessions, readMerge } from '../../ts/merge/merge.ts';
import type { Operation } from '../../ts/merge/operations.ts';
import type { PolicyName } from '../../ts/merge/policy.ts';
import { placesFor } from '../../ts/merge/tab-place.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { type Session, TEXT_MEDIA_TYPE } from '../../ts/session/session.ts';
import {
  bodyOf,
  cookieOf,
  databaseOf,
  KEY,
  merged,
  NOON,
  ORIGIN,
  recordKey,
  sessionOf,
  storageOf,
  storeOf,
  tabOf,
  work,
} from './worker.ts';

const POLICIES: readonly PolicyName[] = [
  'last-writer',
  'first-writer',
  'longest-lived',
  'prefer-fresh-token',
  'union',
  'json',
  'text',
  'keep-both',
];

type Value = NonNullable<Operation['value']>;

/** An entry of a kind: where it stands, its value before, and the values that two workers give it. `around`: a session that has what it stands in. */
interface Sample {
  readonly kind: Operation['kind'];
  readonly path: readonly string[];
  readonly label?: string;
  readonly around: Session;
  readonly values: readonly [Value, Value, Value];
  readonly pairs?: readonly (readonly [earlier: Deed, later: Deed])[];
}

type Deed = 'created' | 'changed' | 'deleted';

const response = (status: number) =>
  ({ url: `${ORIGIN}/a`, method: 'GET', requestHeaders: [], status, statusText: '', type: 'basic', responseHeaders: [] }) as const;
const worker = (script: string) =>
  ({ scope: `${ORIGIN}/`, scriptUrl: `${ORIGIN}/${script}.js`, type: 'classic', updateViaCache: 'imports' }) as const;
const store = (name: string) => ({ name, keyPath: null, autoIncrement: false, indexes: [] });
const record = (of: string): Value => encodeValue(of).bytes;
const passkey = (userHandle: string) =>
  ({ credentialId: 'AAEC', rpId: 'app.example', isResidentCredential: true, userHandle, privateKey: bodyOf('key') }) as const;
const values = (make: (of: string) => unknown): Sample['values'] => ['before', 'earlier', 'later'].map(make) as unknown as Sample['values'];
/** The place of `t` in this order of tabs. */
const placeOf = (order: string): string => placesFor([...order], placesFor(['t', 'u', 'v'], new Map(), ''), '').get('t') as string;
const oneTab = sessionOf({ tabs: [tabOf('t', { sessionStorage: [{ key: { origin: ORIGIN, topLevelSite: null }, items: [] }] })] });

const SAMPLES: readonly Sample[] = [
  { kind: 'header', path: ['name'], around: sessionOf(), values: values((of) => of) },
  { kind: 'cookie', path: ['app.example', '/', 'c', 'host-only', ''], around: sessionOf(), values: values((of) => cookieOf('c', of)) },
  {
    kind: 'origin',
    label: 'bucket policy',
    path: [JSON.stringify([ORIGIN, null, false, 'b'])],
    around: sessionOf(),
    values: values((of) => ({
      bucketPolicy: { persisted: of === 'later', durability: of === 'earlier' ? 'strict' : 'relaxed', expiresAt: null },
    })),
  },
  { kind: 'localStorage', path: [KEY, 'i'], around: storageOf({}), values: values((of) => of) },
  {
    kind: 'database',
    label: 'database, one version',
    path: [KEY, 'db'],
    around: storageOf({}),
    values: values((of) => ({ version: 1, stores: [store(of)] })),
  },
  {
    kind: 'database',
    label: 'database, the earlier with the higher version',
    path: [KEY, 'db'],
    around: storageOf({}),
    values: values((of) => ({ version: of === 'earlier' ? 3 : 2, stores: [store(of)] })),
  },
  {
    kind: 'record',
    path: [KEY, 'db', 's', recordKey(1)],
    around: storageOf({ indexedDB: [databaseOf([storeOf('s', [])])] }),
    values: values(record),
  },
  { kind: 'cache', path: [KEY, 'c'], around: storageOf({}), values: [{}, {}, {}] },
  {
    kind: 'cacheEntry',
    path: [KEY, 'c', 'GET', `${ORIGIN}/a`, ''],
    around: storageOf({ caches: [{ name: 'c', entries: [] }] }),
    values: [response(200), response(201), response(202)],
  },
  { kind: 'serviceWorker', path: [KEY, `${ORIGIN}/`], around: storageOf({}), values: values(worker) },
  { kind: 'file', path: [KEY, 'f'], around: storageOf({}), values: values((of) => ({ path: 'f', kind: 'file', body: bodyOf(of) })) },
  {
    kind: 'tab',
    label: 'tab: address and history',
    path: ['t'],
    around: sessionOf(),
    values: values((of) => ({ url: `${ORIGIN}/${of}` })),
  },
  {
    kind: 'tabPlace',
    label: 'tab: its place among the others',
    path: ['t'],
    around: sessionOf({ tabs: ['t', 'u', 'v'].map((id) => tabOf(id)) }),
    values: [placeOf('tuv'), placeOf('utv'), placeOf('uvt')],
    pairs: [['changed', 'changed']],
  },
  { kind: 'tab', label: 'tab: window name', path: ['t', 'windowName'], around: oneTab, values: values((of) => of) },
  { kind: 'sessionStorage', path: ['t', KEY, 'i'], around: oneTab, values: values((of) => of) },
  {
    kind: 'permission',
    path: [ORIGIN, 'geolocation'],
    around: sessionOf(),
    values: ['prompt', 'denied', 'granted'].map((state) => ({ origin: ORIGIN, name: 'geolocation', state })) as unknown as Sample['values'],
  },
  { kind: 'credential', path: ['app.example', 'AAEC'], around: sessionOf(), values: values(passkey) },
  {
    kind: 'ttl',
    path: ['session'],
    around: sessionOf(),
    values: [1, 2, 3].map((days) => ({ idleMs: days * 86_400_000 })) as unknown as Sample['values'],
  },
];

const PAIRS: readonly (readonly [earlier: Deed, later: Deed])[] = [
  ['created', 'created'],
  ['changed', 'changed'],
  ['changed', 'deleted'],
  ['deleted', 'changed'],
  ['deleted', 'deleted'],
];

/** What is shown of an entry, in words. */
async function outcome(
  { kind, path, around, values: [before, earlier, later] }: Sample,
  pair: readonly [Deed, Deed],
  policy: PolicyName,
): Promise<string> {
  const empty = await merged(around);
  const base = pair[0] === 'created' ? empty : await work(empty, [[kind, path, before]], NOON + 1);
  const deed = (what: Deed, value: Value): Parameters<typeof work>[1] => [what === 'deleted' ? [kind, path] : [kind, path, value]];
  const one = await work(base, deed(pair[0], earlier), NOON + 2);
  const other = await work(base, deed(pair[1], later), NOON + 3);
  const results = await Promise.all(
    [
      [one, other],
      [other, one],
    ].map((sessions) => mergeSessions(sessions, { policies: [{ policy }] })),
  );
  const [a, b] = results as [(typeof results)[number], (typeof results)[number]];
  const shown = await valueIn(a.session, kind, path);
  expect(await valueIn(b.session, kind, path)).toBe(shown);
  const alone = { earlier: await valueIn(one, kind, path), later: await valueIn(other, kind, path) };
  const said = a.conflicts.length > 0 ? ', surfaced' : '';
  if (shown === null) return `gone${said}`;
  if (alone.earlier === alone.later) return `there${said}`;
  if (shown === alone.later) return `later${said}`;
  return `${shown === alone.earlier ? 'earlier' : 'both'}${said}`;
}

async function valueIn(session: Session, kind: Operation['kind'], path: readonly string[]): Promise<string | null> {
  const { flat } = await readMerge(session);
  if (kind === 'tabPlace') return flat.tabs.join();
  const found = flat.entries.find(({ key }) => key === entryKey(kind, path));
  if (found === undefined) return null;
  const file = found.value as { readonly body?: { bytes(): Promise<Uint8Array>; readonly mediaType: string } };
  const body = file.body === undefined ? '' : `${file.body.mediaType === TEXT_MEDIA_TYPE}${await file.body.bytes()}`;
  return JSON.stringify(found.value instanceof Uint8Array ? [...found.value] : found.value) + body;
}

test('docs/conflicts.md says what merging does', async () => {
  const lines = [
    '# What concurrent operations come to',
    '',
    'Written by `test/merge/conflicts.test.ts`, from merges that it runs: two workers who had seen the same state did one thing each to one entry, the one',
    'earlier than the other by their stamps. **later** and **earlier** say whose value is shown, **gone** that nothing is, **both** that a value was made of the',
    'two, **there** that both did the same. *surfaced*: the application is told (`conflicts`). What is not shown stays in the state until somebody who has seen it',
    'writes the entry anew. Not in the table: operations that do not meet (all are kept), JSON and text that was changed at different places (`json` and `text` keep',
    'both changes), custom policies, groups (conflicts of one site’s credentials go to one writer), and facts that only grow.',
    '',
    `| entry | earlier, later | ${POLICIES.map((name) => `\`${name}\``).join(' | ')} |`,
    `| --- | --- | ${POLICIES.map(() => '---').join(' | ')} |`,
  ];
  for (const sample of SAMPLES) {
    for (const pair of sample.pairs ?? PAIRS) {
      const cells: string[] = [];
      for (const policy of POLICIES) cells.push(await outcome(sample, pair, policy));
      lines.push(`| ${sample.label ?? sample.kind} | ${pair.join(', ')} | ${cells.join(' | ')} |`);
    }
  }
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('../../docs/conflicts.md');
});
