/**
 * No value of a cookie, a storage entry, a database or a key, and no path of a tab, in anything that is printed or left on the disk: secrets are
 * planted in a real browser, every verb runs in every mode and fails in every way, and all that came out is searched for them in every form.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { filesystem } from '../../providers/filesystem.ts';
import { cdp } from '../../ts/adapters/cdp.ts';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { EncryptionKey, formatKey, generateKey, parseKey, secretOf } from '../../ts/envelope/key.ts';
import { open } from '../../ts/envelope/open.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { readStorageState } from '../../ts/formats/storage-state.ts';
import type { Version } from '../../ts/provider.ts';
import type { Session } from '../../ts/session/session.ts';
import { requireChromium } from '../servers/chromium.ts';
import { type Browser, makeFolder, removeFolder, startBrowser, startRelay } from './fixture.ts';
import { expectNoSecret, findSecrets, plantSecret } from './leak.ts';
import { pspHere as psp, pspAtTerminal, type Run, type RunOptions } from './run.ts';

const GROUP = 'secrets in what the psp command prints';

const KEY = generateKey();
const OTHER = generateKey();
const TWIN = new EncryptionKey(KEY.kid, secretOf(OTHER));
const SECRETS = {
  cookie: plantSecret('ascii'),
  localStorage: plantSecret('unicode'),
  sessionStorage: plantSecret('unicode'),
  IndexedDB: plantSecret('unicode'),
  query: plantSecret('unicode'),
  fragment: plantSecret('unicode'),
  path: plantSecret('unicode'),
  key: formatKey(KEY).slice(-44),
  'key bytes': secretOf(KEY),
  'other key': formatKey(OTHER).slice(-44),
};

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let site: Site;
  let source: Browser;
  let target: Browser;
  let folder: string;
  let session: Session;
  const file = (name: string): string => join(folder, name);
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(file(name), content);
    return file(name);
  };

  beforeAll(async () => {
    site = await startSite();
    folder = makeFolder();
    mkdirSync(file('tmp'));
    write('key', `${formatKey(KEY)}\n`);
    [source, target] = await Promise.all([startBrowser(), startBrowser()]);
    await plant(source, site);
    ({ session } = await cdp(source.cdpUrl).capture());
  });
  afterAll(async () => {
    await source?.close();
    await target?.close();
    await site?.close();
    if (folder !== undefined) removeFolder(folder);
  });

  /** Runs `psp`, and asserts that it ended as expected and printed no secret. */
  async function quiet(status: 0 | 1, args: readonly string[], options: RunOptions = { env: { PSP_KEY: formatKey(KEY) } }): Promise<Run> {
    const result = await psp(args, { ...options, cwd: folder, env: { ...options.env, TMPDIR: file('tmp') } });
    const what = args.slice(0, 2).join(' ').slice(0, 40);
    expectNoSecret(result.stdout, SECRETS, `standard output of ${what}`);
    expectNoSecret(result.stderr, SECRETS, `standard error of ${what}`);
    expect({ status: result.status, stderr: result.stderr }).toEqual({
      status,
      stderr: status === 0 ? '' : expect.stringMatching(/^psp: [A-Z_]+: .+\n$/),
    });
    return result;
  }

  test('what was planted is really there, and the search sees it', async () => {
    const blob = await encodeSession(session);
    const sections = await Promise.all(
      session.storage.flatMap(({ indexedDB }) => indexedDB.flatMap(({ stores }) => stores.map(({ records }) => records?.bytes()))),
    );
    const found = findSecrets(Buffer.concat([blob, ...sections.filter((bytes) => bytes !== undefined)]), SECRETS);
    for (const name of ['cookie', 'localStorage', 'sessionStorage', 'IndexedDB']) expect(found).toContain(`${name} in clear`);
    for (const name of ['query', 'fragment', 'path']) expect(found).toContain(`${name} in URLs`);
    expect(findSecrets(readFileSync(file('key')), SECRETS)).toContain('key in clear');
  });

  test('every verb that succeeds prints none, as text and as JSON', async () => {
    await quiet(0, ['key', 'new', '-o', file('new-key')], {});
    for (const json of [[], ['--json']]) {
      await quiet(0, ['capture', '--cdp', source.cdpUrl, '-o', file('sealed.psp'), ...json]);
      await quiet(0, ['capture', '--cdp', source.cdpUrl, '-o', file('sealed.psp'), '--key-file', file('key'), ...json], {});
      await quiet(0, ['inspect', file('sealed.psp'), ...json], {});
      await quiet(0, ['inspect', file('sealed.psp'), ...json]);
      await quiet(0, ['restore', file('sealed.psp'), '--cdp', target.cdpUrl, ...json]);
      const { stdout } = await quiet(0, ['restore', file('sealed.psp'), '--playwright-state', file('state.json'), ...json]);
      if (json.length === 0) expect(stdout).toContain('it is not sealed, whoever reads it is logged in');
      expect(findSecrets(readFileSync(file('state.json')), SECRETS)).toContain('cookie in clear');
      await quiet(0, ['capture', '--playwright-state', file('state.json'), '-o', file('imported.psp'), ...json]);
    }
    await quiet(0, ['restore', file('sealed.psp'), '--cdp', target.cdpUrl, '--open']);
    const typed = await pspAtTerminal(['inspect', file('sealed.psp'), '--prompt'], `${formatKey(KEY)}\r`);
    expectNoSecret(typed.stdout, SECRETS, 'the terminal');
    expect(typed.status).toBe(0);
  });

  test('merging, its log and the lines for git diff show none', async () => {
    const sides = await Promise.all(
      ['one', 'two'].map(async (name) => {
        const cookies = session.cookies.map((cookie) => ({ ...cookie, value: `${cookie.value}${name}` }));
        return write(`${name}.psp`, await seal(await encodeSession({ ...session, cookies }), KEY));
      }),
    );
    for (const json of [[], ['--json']]) {
      await quiet(0, ['merge', ...sides, '-o', file('merged.psp'), '--log', file('merge-log'), ...json]);
      await quiet(0, ['log', file('merge-log'), ...json]);
      await quiet(0, ['log', file('merge-log'), '--verify', '--session', file('merged.psp'), ...json]);
    }
    for (const env of [{}, { PSP_KEY: formatKey(KEY) }]) await quiet(0, ['show', file('merged.psp')], { env });
    for (const one of sides) rmSync(one);
  });

  test('a clear blob shows none when it is inspected, though it is not sealed', async () => {
    const clear = write('clear.psp', await encodeSession(session));
    await quiet(0, ['inspect', clear], {});
    await quiet(0, ['inspect', clear, '--json'], {});
    rmSync(clear);
  });

  test('a file or a key that is refused is refused without showing any', async () => {
    const blob = await encodeSession(session);
    const sealed = await seal(blob, KEY);
    const text = new TextDecoder().decode(blob);
    const damaged: Record<string, Uint8Array | string> = {
      'cut in its header': sealed.subarray(0, 100),
      'cut in its middle': sealed.subarray(0, sealed.length / 2),
      altered: sealed.map((byte, at) => (at === 400 ? byte ^ 1 : byte)),
      'clear and cut': blob.subarray(0, blob.length / 2),
      'clear and cut in a value': text.slice(0, text.indexOf(SECRETS.cookie) + 20),
      'clear with another value': text.replace(SECRETS.cookie, SECRETS.cookie.slice(0, -1)),
      'clear with a broken header': text.replace('"incarnation"', `"${SECRETS.query}`),
      'clear with a strange version': text.replace('"psp":"', `"psp":"${SECRETS.cookie}`),
      'clear with a strange time': text.replace(/"createdAt":"[^"]+"/, `"createdAt":${JSON.stringify(SECRETS.localStorage)}`),
      'not ours': JSON.stringify(SECRETS),
    };
    for (const [what, content] of Object.entries(damaged)) {
      const damagedFile = write('damaged.psp', content);
      for (const args of [
        ['inspect', damagedFile, '--json'],
        ['restore', damagedFile, '--cdp', target.cdpUrl],
      ]) {
        await quiet(1, args).catch((error: unknown) => {
          throw new Error(what, { cause: error });
        });
      }
    }
    rmSync(file('damaged.psp'));
    const good = write('good.psp', sealed);
    for (const key of [formatKey(OTHER), formatKey(TWIN), formatKey(KEY).slice(0, -3), SECRETS.key, `${formatKey(KEY)}${SECRETS.key}`]) {
      await quiet(1, ['inspect', good], { env: { PSP_KEY: key } });
      const keyFile = write('bad-key', key);
      await quiet(1, ['restore', good, '--cdp', target.cdpUrl, '--key-file', keyFile], {});
      const typed = await pspAtTerminal(['restore', good, '--cdp', target.cdpUrl], `${key}\r`);
      expectNoSecret(typed.stdout, SECRETS, 'the terminal');
      expect(typed.status).toBe(1);
    }
    rmSync(file('bad-key'));
    await quiet(1, ['restore', good, '--cdp', target.cdpUrl], {});
  });

  test('a storage state that is refused is refused without showing any', async () => {
    const cookie = { name: 'sid', value: SECRETS.cookie, domain: 'a.example', path: '/' };
    const states: unknown[] = [
      { cookies: [{ ...cookie, value: [SECRETS.cookie] }] },
      { cookies: [{ ...cookie, path: `no slash ${SECRETS.path}` }] },
      { cookies: [{ ...cookie, domain: `..${SECRETS.cookie}` }] },
      { cookies: [{ ...cookie, sameSite: SECRETS.cookie }] },
      { cookies: [{ ...cookie, expires: SECRETS.cookie }] },
      { cookies: SECRETS.cookie },
      { origins: [{ origin: SECRETS.query, localStorage: [] }] },
      { origins: [{ origin: 'https://a.example', localStorage: [{ name: 'token', value: { [SECRETS.localStorage]: 1 } }] }] },
      { origins: [{ origin: 'https://a.example', localStorage: [SECRETS.localStorage] }] },
    ];
    const texts = states.map((state) => JSON.stringify(state));
    for (const text of [...texts, SECRETS.cookie, `{"cookies":[{"value":"${SECRETS.cookie}`, `{"cookies": ${SECRETS.cookie}}`]) {
      await quiet(1, ['capture', '--playwright-state', write('refused.json', text), '-o', file('refused.psp')]);
    }
    rmSync(file('refused.json'));
    expect(readdirSync(folder)).not.toContain('refused.psp');
  });

  test('arguments in wrong places are not repeated', async () => {
    const key = formatKey(KEY);
    for (const args of [
      ['--key', key],
      ['inspect', 'sealed.psp', '--key', key],
      ['inspect', 'sealed.psp', `--key=${key}`],
      ['inspect', key],
      ['inspect', 'sealed.psp', '--key-file', key],
      ['capture', '--cdp', source.cdpUrl, '-o', key],
      ['key', 'new', '-o', key],
      ['key', key],
      [key],
      ['inspect', 'sealed.psp', SECRETS.cookie],
      ['inspect', `--${SECRETS.cookie}`],
      ['inspect', 'sealed.psp', `--prompt=${SECRETS.key}`],
      ['capture', '--cdp', `http://user:${SECRETS.cookie}@`, '-o', 'out.psp'],
      ['capture', '--cdp', `http://user:${encodeURIComponent(SECRETS.cookie)}@127.0.0.1:9/?token=${SECRETS.cookie}`, '-o', 'out.psp'],
      ['capture', '--cdp', `ws://127.0.0.1:9/${SECRETS.cookie}`, '-o', 'out.psp'],
      ['capture', '--cdp', source.cdpUrl, '-o', 'out.psp', '--origin', `https://a.example/${SECRETS.path}`],
      ['capture', '--cdp', source.cdpUrl, '-o', 'out.psp', '--timeout', SECRETS.cookie],
    ]) {
      await quiet(1, args);
    }
  });

  test('a browser that goes away in the middle, or refuses, shows none', async () => {
    const sealed = write('good.psp', await seal(await encodeSession(session), KEY));
    for (const method of ['Runtime.callFunctionOn', 'Page.navigate', 'Storage.getCookies', 'Storage.setCookies', 'Page.reload']) {
      const relay = await startRelay(target.cdpUrl, (command) => {
        if (command === method) relay.cut();
      });
      onTestFinished(() => relay.close());
      await quiet(1, ['restore', sealed, '--cdp', relay.url, '--open']);
    }
    const [sid] = session.cookies;
    const [area] = session.storage;
    const refused: Session = {
      ...session,
      cookies: [
        { ...sid!, name: '__Host-refused', path: '/deep', secure: false },
        { ...sid!, name: 'expired', expiresAt: 1 },
        { ...sid!, name: 'too long', value: SECRETS.cookie.repeat(200) },
      ],
      // More than a browser's quota of five million characters.
      storage: [{ ...area!, localStorage: [['large', SECRETS.localStorage.repeat(150_000)]] }],
    };
    for (const json of [[], ['--json']]) {
      const refusedFile = write('refused.psp', await seal(await encodeSession(refused), KEY));
      const { stdout } = await quiet(1, ['restore', refusedFile, '--cdp', target.cdpUrl, ...json]);
      for (const word of ['__Host-refused', 'expired', 'too long', 'large']) expect(stdout).toContain(word);
    }
    // Its 20 MB would take the search for secrets below half a minute.
    rmSync(file('refused.psp'));
  });

  test('a page and a database that do not answer in time show none', async () => {
    const page = await source.context.newPage();
    onTestFinished(() => page.close());
    await page.goto(`${site.secondOrigin}/login?token=${encodeURIComponent(SECRETS.query)}`);
    await page.evaluate(
      (secret) =>
        new Promise<void>((resolve) => {
          localStorage.setItem('token', secret);
          const request = indexedDB.open('held', 1);
          request.onupgradeneeded = () => request.result.createObjectStore('store').put(secret, secret);
          request.onsuccess = () => {
            Object.assign(window, { held: request.result });
            indexedDB.open('held', 2);
            resolve();
          };
        }),
      SECRETS.IndexedDB,
    );
    for (const json of [[], ['--json']]) {
      const { stdout } = await quiet(1, ['capture', '--cdp', source.cdpUrl, '-o', file('rest.psp'), '--timeout', '2', ...json]);
      expect(stdout).toContain('held');
    }
  });

  test('errors, keys and reports of the library show none, however they are printed', async () => {
    const { report } = await cdp(source.cdpUrl).capture();
    const sealed = await seal(await encodeSession(session), KEY);
    const clear = await encodeSession(session);
    const text = new TextDecoder().decode(clear);
    const failures: Record<string, () => unknown> = {
      'a wrong key': () => open(sealed, TWIN),
      'an unknown key': () => open(sealed, OTHER),
      'a cut file': () => open(sealed.subarray(0, 300), KEY),
      'another context': () => open(sealed, KEY, { sessionId: SECRETS.cookie }),
      'half a key': () => parseKey(formatKey(KEY).slice(0, -2)),
      'a key of a wrong length': () => new EncryptionKey('kid', secretOf(KEY).subarray(1)),
      'a key of a wrong name': () => new EncryptionKey(formatKey(KEY), secretOf(KEY)),
      'a key that is none': () => open(sealed, formatKey(KEY) as unknown as EncryptionKey),
      'a blob that was altered': () => decodeSession(new TextEncoder().encode(text.replace(SECRETS.cookie, ''))),
      'a blob with a broken header': () => decodeSession(new TextEncoder().encode(text.replace('"incarnation"', `"${SECRETS.query}`))),
      'a state that is none': () =>
        readStorageState(
          { cookies: [{ name: 'sid', value: 1, path: SECRETS.path, domain: SECRETS.cookie }] },
          { id: '', incarnation: '', now: 0 },
        ),
      'a browser that does not answer': () => cdp(`ws://127.0.0.1:9/${SECRETS.cookie}`).capture(),
      'an origin that is none': () => cdp(source.cdpUrl).capture({ origins: [`https://a.example/?${SECRETS.query}`] }),
      'a store that is none': () => filesystem({ root: file('key') }).put('login', clear),
      'a store in conflict': () => filesystem({ root: file('store') }).put('login', clear, { ifMatch: 'v1' as Version }),
    };
    const printed: Record<string, unknown> = { report, key: KEY, 'keys in an object': { keys: [KEY, OTHER] } };
    for (const [what, fail] of Object.entries(failures)) {
      printed[what] = await Promise.resolve()
        .then(fail)
        .then(
          () => Promise.reject(new Error(`${what} was no failure`)),
          (error: unknown) => error,
        );
    }
    rmSync(file('store'), { recursive: true, force: true });
    for (const [what, value] of Object.entries(printed)) {
      if (value instanceof Error) expect(value.message, what).not.toContain('was no failure');
      for (const show of [
        (one: unknown) => inspect(one, { depth: 12, showHidden: true, maxStringLength: null, getters: true }),
        (one: unknown) => JSON.stringify(one, Object.getOwnPropertyNames(Object(one))),
        (one: unknown) => JSON.stringify(one),
        (one: unknown) => String(one),
        (one: unknown) => (one instanceof Error ? `${one.stack}` : ''),
      ]) {
        expectNoSecret(show(value) ?? '', SECRETS, what);
      }
    }
  });

  test('no file that is left holds any, nor has one in its name, but the key and the export', () => {
    const names = readdirSync(folder, { recursive: true }).map(String);
    expectNoSecret(names.join('\n'), SECRETS, 'the names of the files');
    expect(readdirSync(file('tmp'))).toEqual([]);
    const holding = names.filter((name) => statSync(file(name)).isFile() && findSecrets(readFileSync(file(name)), SECRETS).length > 0);
    expect(holding.sort()).toEqual(['key', 'state.json']);
    expect(names).toEqual(expect.arrayContaining(['sealed.psp', 'imported.psp', 'rest.psp', 'good.psp']));
  });
});

/** Puts each secret in its place: two tabs, a cookie, both web storages and a database. */
async function plant({ context }: Browser, site: Site): Promise<void> {
  const page = await context.newPage();
  const [query, fragment, path] = [SECRETS.query, SECRETS.fragment, SECRETS.path].map(encodeURIComponent);
  await page.goto(`${site.origin}/login?token=${query}#${fragment}`);
  await context.addCookies([{ name: 'sid', value: SECRETS.cookie, url: site.origin, httpOnly: true }]);
  await page.evaluate(
    ([local, session, stored]) =>
      new Promise<void>((resolve, reject) => {
        localStorage.setItem('token', local!);
        sessionStorage.setItem('nonce', session!);
        const request = indexedDB.open('app', 1);
        request.onupgradeneeded = () => {
          const store = request.result.createObjectStore('items', { autoIncrement: true });
          store.add({ secret: stored, bytes: new TextEncoder().encode(stored), list: new Map([[stored, new Set([stored])]]) });
          store.put(stored!, stored!);
        };
        request.onsuccess = () => {
          request.result.close();
          resolve();
        };
        request.onerror = () => reject(request.error);
      }),
    [SECRETS.localStorage, SECRETS.sessionStorage, SECRETS.IndexedDB],
  );
  const second = await context.newPage();
  await second.goto(`${site.origin}/${path}`);
}
