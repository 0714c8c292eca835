/** Rotation on Workers KV, which has no conditions: refused before anything is read, and done by a transfer into a store with other keys. */

import { afterAll, expect, test } from 'vitest';
import { rotateStore } from '../../ts/store/rotate.ts';
import { transferAll } from '../../ts/store/transfer.ts';
import { newPrefix, restKv } from '../providers/cloudflare-kv-subject.ts';
import { requireMiniflare, startKv } from '../servers/miniflare.ts';
import { idsOf, storedIds } from '../store/import-fixture.ts';
import { NEW, OLD, promoted } from '../store/rotation-fixture.ts';
import { expectOnNew, fillSealed, SESSION_COUNT, storeOf } from './rotation.ts';

const GROUP = 'rotation on cloudflare-kv';

if (requireMiniflare(GROUP) !== null) {
  const server = await startKv();
  afterAll(() => server.stop());

  test(`${GROUP} is refused, also as a dry run, and a transfer brings the sessions onto the new key, beside the old ones`, async () => {
    const [from, to] = [restKv(server, { prefix: newPrefix() }), restKv(server, { prefix: newPrefix() })];
    await fillSealed(from, false);
    for (const dryRun of [false, true]) {
      const onProgress = (): never => expect.fail('a record was looked at');
      const rotated = rotateStore(from, promoted(), { mode: 'rewrap', dryRun, onProgress });
      await expect(rotated).rejects.toMatchObject({ code: 'PROVIDER_UNSUPPORTED' });
    }
    const sessions = idsOf(SESSION_COUNT).filter((id) => id !== 'session-0100');
    expect(await storedIds(storeOf(from, OLD))).toEqual(sessions);
    const moved = await transferAll(storeOf(from, OLD), storeOf(to, NEW), {});
    expect(moved).toMatchObject({ failed: [] });
    await expectOnNew(to, sessions, new Set());
    expect(await storedIds(storeOf(to, NEW))).toEqual(sessions);
    await from.close();
    await to.close();
  });
} else {
  test.skip(GROUP, () => undefined);
}
