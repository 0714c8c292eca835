/** `psp import` and `psp export` over services, named by URLs: Redis, R2 and Workers KV, whose secrets come from the environment and are shown nowhere. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { formatKey } from '../../ts/envelope/key.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { formatKeyRing } from '../../ts/envelope/keyring-text.ts';
import { requireMiniflare, startKv, startR2 } from '../servers/miniflare.ts';
import { hasRedis, startRedis } from '../servers/redis.ts';
import { blobOf, idsOf } from '../store/import-fixture.ts';
import { KEY } from '../store/store-fixture.ts';
import { freshFolder } from './fixture.ts';
import { expectFailure, psp } from './run.ts';

/** Three sessions into the store, and out of it again. */
async function roundTrip(store: string, env: Readonly<Record<string, string>>, secret: string): Promise<void> {
  const folder = freshFolder();
  mkdirSync(join(folder, 'in'));
  writeFileSync(join(folder, 'key'), formatKey(KEY));
  for (const id of idsOf(3)) writeFileSync(join(folder, 'in', `${id}.pspb`), await blobOf(id));
  const keys = ['--store', store, '--key-file', 'key', '--json'];
  const imported = await psp(['import', 'in', ...keys], { cwd: folder, env });
  expect(imported).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(imported.stdout)).toMatchObject({ created: 3, failed: [] });
  const exported = await psp(['export', 'out', ...keys, '--form', 'text'], { cwd: folder, env });
  expect(JSON.parse(exported.stdout)).toMatchObject({ exported: 3, failed: [] });
  const refused = await psp(['import', 'in', ...keys], {
    cwd: folder,
    env: { ...env, REDIS_PASSWORD: `not-${secret}`, AWS_SECRET_ACCESS_KEY: `not-${secret}`, CLOUDFLARE_API_TOKEN: `not-${secret}` },
  });
  expectFailure(refused, 'PROVIDER_UNAVAILABLE');
  for (const { stdout, stderr } of [imported, exported, refused]) expect(stdout + stderr).not.toContain(secret);
}

describe.skipIf(!hasRedis('psp import into Redis'))('Redis', () => {
  test('with a password from the environment', async () => {
    const server = await startRedis({ password: 'redis-secret' });
    onTestFinished(() => server.stop());
    await roundTrip(`redis://${server.host}:${server.port}/0?prefix=cli:`, { REDIS_PASSWORD: 'redis-secret' }, 'redis-secret');
    expect(await server.ask('EXISTS', 'cli:session-0000')).toBe(1);
  });

  test('an export that cannot write its list ends, with its connection', async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const folder = freshFolder();
    for (const name of ['in', 'out', 'out/sessions.jsonl']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'key'), formatKey(KEY));
    writeFileSync(join(folder, 'in', 'one.pspb'), await blobOf('one'));
    const store = ['--store', `redis://${server.host}:${server.port}/0`];
    expect(await psp(['import', 'in', ...store, '--key-file', 'key'], { cwd: folder })).toMatchObject({ status: 0 });
    expectFailure(await psp(['export', 'out', ...store], { cwd: folder, timeoutMs: 30_000 }), 'FILE_WRITE');
  });
});

describe.skipIf(requireMiniflare('psp import into R2') === null)('R2', () => {
  test('with access keys from the environment', async () => {
    const server = await startR2();
    onTestFinished(() => server.stop());
    const store = `s3://${server.bucket}/folder?endpoint=${encodeURIComponent(server.endpoint)}&region=auto&path-style=true`;
    // The SDK says that it will leave Node 20 one day.
    const quiet = { NODE_NO_WARNINGS: '1' };
    const env = { ...quiet, AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: server.secretAccessKey };
    await roundTrip(store, env, server.secretAccessKey);
  });
});

describe.skipIf(requireMiniflare('psp import into Workers KV') === null)('Workers KV', () => {
  test('over REST, with a token from the environment; without conditions there is no rotation', async () => {
    const server = await startKv();
    onTestFinished(() => server.stop());
    const store = `cloudflare-kv://any/${server.namespaceId}?prefix=cli/&endpoint=${encodeURIComponent(server.frontUrl)}`;
    const env = { CLOUDFLARE_API_TOKEN: server.apiToken };
    await roundTrip(store, env, server.apiToken);
    const folder = freshFolder();
    writeFileSync(join(folder, 'ring'), formatKeyRing(KeyRing.of(KEY, 0)));
    const rotated = await psp(['rotate', '--store', store, '--key-file', 'ring'], { cwd: folder, env });
    expectFailure(rotated, 'PROVIDER_UNSUPPORTED');
  });
});
