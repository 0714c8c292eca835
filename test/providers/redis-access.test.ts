/** The Redis provider over TLS, and as a user who may run few commands on few keys; and what a refusal tells of either. */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type RedisConnectionOptions, redis } from '../../providers/redis.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { bytes, expectCode, expectSilent, keysOf, present } from '../contract/provider/observe.ts';
import { type CertificateFiles, hasOpenssl, makeCertificate } from '../servers/certificate.ts';
import { hasRedis, type RedisServer, startRedis, startTlsRedis } from '../servers/redis.ts';

const GROUP = 'Redis over TLS and under access control';
const hasServer = hasRedis(GROUP);

function make(url: string, options: RedisConnectionOptions = {}, keyPrefix = 'app:'): StorageProvider {
  const provider = redis({ url, options, keyPrefix, timeoutMs: 2_000 });
  onTestFinished(() => provider.close());
  return provider;
}

/** Every kind of command that the provider has. */
async function useAll(provider: StorageProvider): Promise<void> {
  const { version } = await provider.put('key', bytes(1, 2, 3), { ifNoneMatch: '*' });
  const second = await provider.put('key', bytes(4, 5, 6), { ifMatch: version });
  await expectCode(provider.put('key', bytes(7), { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT');
  expect((await present(provider, 'key')).value).toEqual(bytes(4, 5, 6));
  expect((await provider.get('key', { range: [1, 2] }))?.value).toEqual(bytes(5));
  const touched = await provider.touch('key', Date.now() + 60_000, { ifMatch: second.version });
  const forever = await provider.touch('key', null);
  expect([touched === null, (await provider.head('key'))?.version]).toEqual([false, forever?.version]);
  await provider.put('other', bytes(1), { expiresAt: Date.now() + 60_000 });
  expect((await keysOf(provider)).sort()).toEqual(['key', 'other']);
  expect(await provider.health()).toMatchObject({ ok: true, error: null });
  expect(await provider.delete('key', { ifMatch: forever!.version })).toBe(true);
  expect(await provider.delete('other')).toBe(true);
}

describe.runIf(hasServer && hasOpenssl(GROUP))('redis over TLS', () => {
  type TlsServer = Awaited<ReturnType<typeof startTlsRedis>>;
  let files: CertificateFiles & { remove(): void };
  let ca: Buffer;
  let server: TlsServer;
  let strict: TlsServer;

  beforeAll(async () => {
    files = makeCertificate();
    ca = readFileSync(files.certificate);
    [server, strict] = await Promise.all([startTlsRedis(files), startTlsRedis(files, { asksClients: true })]);
  });
  afterAll(async () => {
    await Promise.all([server?.stop(), strict?.stop()]);
    files?.remove();
  });

  const tlsUrl = ({ tlsPort }: TlsServer, host = '127.0.0.1', scheme = 'rediss'): string => `${scheme}://${host}:${tlsPort}`;

  test('all works, by the scheme of the URL or by the option', async () => {
    await useAll(make(tlsUrl(server), { tls: { ca } }));
    await useAll(make(tlsUrl(server, 'localhost', 'redis'), { tls: { ca } }));
  });

  test('a certificate that nobody vouches for is refused, unless it is told not to look', async () => {
    const failure = await expectCode(make(tlsUrl(server)).get('key'), 'PROVIDER_UNAVAILABLE');
    expect(failure.details).toEqual({ redisCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    await expect(make(tlsUrl(server), { tls: { rejectUnauthorized: false } }).get('key')).resolves.toBeNull();
  });

  test('a certificate of another name is refused', async () => {
    const failure = await expectCode(make(tlsUrl(server), { tls: { ca, servername: 'elsewhere' } }).get('key'), 'PROVIDER_UNAVAILABLE');
    expect(failure.details).toEqual({ redisCode: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  test('a server that asks for a certificate gets the one of the options, and refuses who has none', async () => {
    const { certificate, key } = { certificate: ca, key: readFileSync(files.key) };
    await useAll(make(tlsUrl(strict), { tls: { ca, cert: certificate, key } }));
    await expectCode(make(tlsUrl(strict), { tls: { ca } }).get('key'), 'PROVIDER_UNAVAILABLE');
  });

  test('TLS to a server that speaks none, and none to one that asks for it, end within the limit of time', async () => {
    await expectCode(make(`rediss://127.0.0.1:${server.port}`, { tls: { ca } }).get('key'), ['PROVIDER_UNAVAILABLE', 'PROVIDER_TIMEOUT']);
    await expectCode(make(tlsUrl(server, '127.0.0.1', 'redis')).get('key'), ['PROVIDER_UNAVAILABLE', 'PROVIDER_TIMEOUT']);
  });
});

describe.runIf(hasServer)('redis as a user of few rights', () => {
  const PASSWORD = 'PASSWORDSECRET-1';
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
    const reads = ['get', 'getrange', 'type', 'exists', 'scan', 'info', 'ping'];
    const writes = ['set', 'setrange', 'unlink', 'pexpire', 'persist', 'eval', 'evalsha'];
    const rights = [...reads, ...writes].map((name) => `+${name}`);
    await server.ask('acl', 'setuser', 'app', 'on', `>${PASSWORD}`, '~app:*', ...rights);
    await server.ask('acl', 'setuser', 'reader', 'on', `>${PASSWORD}`, '~app:*', ...reads.map((name) => `+${name}`));
  });
  afterAll(() => server?.stop());

  test('the commands that the documentation names are enough, with keys of the prefix only', async () => {
    const warned = vi.spyOn(console, 'warn');
    await useAll(make(server.url, { username: 'app', password: PASSWORD }));
    await useAll(make(`redis://app:${PASSWORD}@127.0.0.1:${server.port}`));
    expect(warned).not.toHaveBeenCalled();
  });

  test('keys of another prefix, and writes of who may only read, are refused', async () => {
    const elsewhere = make(server.url, { username: 'app', password: PASSWORD }, 'others:');
    const reader = make(server.url, { username: 'reader', password: PASSWORD });
    expect(await reader.get('key')).toBeNull();
    const failures = [
      await expectCode(elsewhere.put('KEYSECRET', bytes(1)), 'PROVIDER_UNAVAILABLE'),
      await expectCode(elsewhere.get('KEYSECRET'), 'PROVIDER_UNAVAILABLE'),
      await expectCode(reader.put('KEYSECRET', bytes(1)), 'PROVIDER_UNAVAILABLE'),
      await expectCode(reader.delete('KEYSECRET'), 'PROVIDER_UNAVAILABLE'),
      (await elsewhere.health()).error!,
    ];
    for (const failure of failures) {
      expect(failure.details).toEqual({ redisCode: 'NOPERM' });
      expectSilent(failure, ['PASSWORDSECRET', 'KEYSECRET']);
    }
  });

  test('a wrong password and a user that is none are one coded failure, which tells neither', async () => {
    for (const options of [
      { username: 'app', password: 'PASSWORDSECRET-2' },
      { username: 'USERSECRET', password: PASSWORD },
    ]) {
      const failure = await expectCode(make(server.url, options).get('key'), 'PROVIDER_UNAVAILABLE');
      expect(failure.details).toEqual({ redisCode: 'WRONGPASS' });
      expectSilent(failure, ['PASSWORDSECRET', 'USERSECRET']);
    }
  });
});
