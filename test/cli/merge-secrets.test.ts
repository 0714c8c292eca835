/**
 * No cookie value, storage value, record key, address of a request, header field, member name inside of a value or key reaches what `psp merge`, `psp log` and `psp show`
 * print, nor a log on disk; though the sessions are full of conflicts about them. `--names` writes names into the log, and no value.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { runLog } from '../../ts/cli/log.ts';
import { runMerge } from '../../ts/cli/merge.ts';
import { runShow } from '../../ts/cli/show.ts';
import { formatKey, generateKey } from '../../ts/envelope/key.ts';
import { PspError } from '../../ts/errors.ts';
import type { Cookie, Session } from '../../ts/session/session.ts';
import { section } from '../../ts/session/session.ts';
import { databaseOf, storeOf } from '../merge/worker.ts';
import { freshFolder, makeSession } from './fixture.ts';
import { expectNoSecret, findSecrets, plantSecret } from './leak.ts';
import { ran, writeSessions } from './merge-fixture.ts';

/** Names that people or servers may have given. */
const NAMES = {
  'record key': plantSecret('unicode'),
  'address of a request': plantSecret('ascii'),
  'varied header field': plantSecret('ascii'),
  'member name': plantSecret('unicode'),
  'scope of a service worker': plantSecret('ascii'),
  'id of a passkey': Buffer.from(plantSecret('ascii')).toString('base64url'),
};
const VALUES = {
  ...{ cookie: plantSecret('ascii'), item: plantSecret('unicode'), record: plantSecret('unicode'), body: plantSecret('ascii') },
  ...{ 'tab address': plantSecret('ascii'), 'user handle': Buffer.from(plantSecret('ascii')).toString('base64url') },
};
const SECRETS = { ...NAMES, ...VALUES };
const ORIGIN = 'http://app.example';
const KEY = { origin: ORIGIN, topLevelSite: null };

/** A session with something of every kind, in which `side` stands in each value. */
function sideOf(side: string, afterMs: number): Session {
  const base = makeSession(SECRETS.cookie);
  const url = (path: string): string => `${ORIGIN}/${encodeURIComponent(path)}`;
  const bytes = (text: string) => section(new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>, 'text/plain');
  return {
    ...base,
    updatedAt: base.updatedAt + afterMs,
    cookies: [{ ...(base.cookies[0] as Cookie), value: `${SECRETS.cookie}${side}` }],
    storage: [
      {
        key: KEY,
        localStorage: [['cart', JSON.stringify({ [SECRETS['member name']]: `${SECRETS.item}${side}` })]],
        indexedDB: [
          databaseOf([
            storeOf('people', [[SECRETS['record key'], `${SECRETS.record}${side}`]]),
            storeOf('numbered', [[1, `${SECRETS.record}${side}`]], { autoIncrement: true, keyGenerator: 2 }),
          ]),
        ],
        caches: [
          {
            name: 'pages',
            entries: [
              {
                ...{ url: url(SECRETS['address of a request']), method: 'GET', status: 200, statusText: '', type: 'basic' as const },
                requestHeaders: [['accept-language', SECRETS['varied header field']]],
                responseHeaders: [['vary', 'accept-language']],
                body: bytes(`${SECRETS.body}${side}`),
              },
            ],
          },
        ],
        serviceWorkers: [
          {
            ...{ scope: url(SECRETS['scope of a service worker']), scriptUrl: `${ORIGIN}/${side}.js`, type: 'classic' as const },
            updateViaCache: 'none',
          },
        ],
      },
    ],
    tabs: [
      {
        id: 'tab',
        url: `${url(SECRETS['tab address'])}?${side}`,
        sessionStorage: [{ key: KEY, items: [['note', `${SECRETS.item}${side}`]] }],
      },
    ],
    credentials: [
      {
        ...{ credentialId: SECRETS['id of a passkey'], rpId: 'app.example', isResidentCredential: true, signCount: 1 },
        ...{ userHandle: SECRETS['user handle'], privateKey: bytes(`${SECRETS.body}${side}`) },
      },
    ],
  };
}

let folder: string;
let paths: string[];
let key: string[];
const file = (name: string): string => join(folder, name);
const keyText = formatKey(generateKey());
const secrets = { ...SECRETS, key: keyText.split('.')[2] as string };

beforeEach(async () => {
  folder = freshFolder();
  paths = await writeSessions(folder, { ours: sideOf('ours', 1000), theirs: sideOf('theirs', 2000) });
  writeFileSync(file('key'), keyText, { mode: 0o600 });
  key = ['--key-file', file('key')];
});

const merge = (...options: string[]) =>
  ran(
    runMerge,
    ...paths,
    '-o',
    file('out.psp'),
    '--log',
    file('log'),
    '--policy',
    'localStorage=union',
    '--policy',
    'tab=keep-both',
    ...key,
    ...options,
  );
const log = (): string => readFileSync(file('log'), 'utf8');

describe('no secret', () => {
  test('is in what psp merge prints, nor in the log that it writes', async () => {
    for (const options of [[], ['--json'], ['--rekey'], ['--rekey', '--json']]) {
      expectNoSecret((await merge(...options)).text, secrets, `psp merge ${options.join(' ')}`);
    }
    const lines = log();
    expectNoSecret(lines, secrets, 'the log');
    // All of it is in there, under other names.
    for (const kind of ['cookie', 'localStorage', 'record', 'cacheEntry', 'serviceWorker', 'sessionStorage', 'credential', 'tab'])
      expect(lines).toContain(`"pointer":"/${kind}/`);
    expect(lines).toMatch(/"within":"\/#[0-9a-f]{12}"/);
    expect(lines).toMatch(/"movedTo":"\/record\/.*\/#[0-9a-f]{12}"/);
  });

  test('is in what psp log and psp show print, with the key or without', async () => {
    await merge('--rekey');
    for (const options of [[], ['--json'], ['--verify', '--session', file('out.psp'), ...key]])
      expectNoSecret((await ran(runLog, file('log'), ...options)).text, secrets, `psp log ${options[0] ?? ''}`);
    for (const options of [[], key])
      expectNoSecret((await ran(runShow, file('out.psp'), ...options)).text, secrets, `psp show ${options[0] ?? ''}`);
    const { text } = await ran(runLog, file('log'));
    expect(text).toMatch(/ record +http:\/\/app\.example +db\/people #[0-9a-f]{12} +a value /);
  });

  test('is in what they say when they fail', async () => {
    const broken = [
      [...paths, '-o', file('out.psp'), '--policy', `cookie=${SECRETS.cookie}`],
      [paths[0] as string, file('cut.psp'), '-o', file('out.psp')],
      [paths[0] as string, file('other.psp'), '-o', file('out.psp')],
      [...paths, '-o', file('out.psp'), '--log', file('broken-log'), ...key],
    ];
    const text = readFileSync(paths[0] as string, 'utf8');
    writeFileSync(file('cut.psp'), text.slice(0, text.indexOf(SECRETS.cookie) + 20));
    await writeSessions(folder, { other: { ...sideOf('other', 3000), id: SECRETS.cookie } });
    writeFileSync(file('broken-log'), `{"pointer":"${SECRETS.item}`);
    for (const args of broken) {
      const failure = await ran(runMerge, ...args).then(
        () => Promise.reject(new Error('it was no failure')),
        (error: unknown) => error as Error,
      );
      expect(failure.message).not.toBe('it was no failure');
      expectNoSecret(
        `${failure.stack}${failure instanceof PspError ? JSON.stringify(failure.details) : ''}`,
        secrets,
        failure.message.slice(0, 20),
      );
    }
  });
});

describe('--names', () => {
  test('writes names into the log as they are, and no value', async () => {
    await merge('--names');
    // All planted secrets end alike, so only their beginnings tell them apart.
    for (const value of Object.values(VALUES)) expect(log()).not.toContain(value.slice(0, 20));
    const found = findSecrets(Buffer.from(log()), NAMES);
    for (const name of Object.keys(NAMES))
      expect(
        found.some((one) => one.startsWith(name)),
        name,
      ).toBe(true);
    expect((await ran(runLog, file('log'), '--verify', '--session', file('out.psp'), ...key)).text).toContain('unchanged and in order');
  });

  test('of a log that was begun without, or the other way round, adds no loss twice', async () => {
    await merge();
    const before = log();
    expect((await merge('--names')).text).toMatch(/^log: 0 lines added, /m);
    writeFileSync(file('log'), '');
    await merge('--names');
    expect((await merge()).text).toMatch(/^log: 0 lines added, /m);
    expect(log().split('\n').length).toBe(before.split('\n').length);
  });
});

test('a digest says which lines speak of one name, and is another one under another key', async () => {
  const pointers = (): string[] =>
    log()
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { pointer: string }).pointer)
      .filter((pointer) => pointer.includes('/people/'));
  await merge();
  const [one] = pointers();
  expect(one).toMatch(/#[0-9a-f]{12}$/);
  const [third] = await writeSessions(folder, { third: sideOf('third', 3000) });
  await ran(runMerge, file('out.psp'), third as string, '-o', file('out.psp'), '--log', file('log'), ...key);
  expect(pointers().length).toBeGreaterThan(1);
  expect(new Set(pointers())).toEqual(new Set([one]));
  writeFileSync(file('log'), '');
  writeFileSync(file('key'), formatKey(generateKey()), { mode: 0o600 });
  await merge();
  expect(pointers()).toEqual([expect.stringMatching(/#[0-9a-f]{12}$/)]);
  expect(pointers()).not.toEqual([one]);
});
