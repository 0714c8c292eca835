/** Rotation of a store that holds records which cannot be read: each is told, and none stops the others. */
import { describe, expect, test } from 'vitest';
import { generateMacKey } from '../../ts/envelope/key.ts';
import { PspError } from '../../ts/errors.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { verifyAudit } from '../../ts/store/audit.ts';
import { type RotationProgress, rotateStore } from '../../ts/store/rotate.ts';
import {
  checkpointOf,
  contentOf,
  contextOf,
  expectAllOn,
  filled,
  keysOf,
  logOf,
  NEW,
  NOW,
  promoted,
  withFault,
} from './rotation-fixture.ts';

const now = (): number => NOW;

describe('records that are damaged', () => {
  const corrupt = new PspError('PROVIDER_CORRUPT', 'a record that cannot be read');

  /** A provider whose listing also meets damaged records of these keys. */
  function damagedAt(provider: StorageProvider, keys: readonly (string | null)[]): StorageProvider {
    return withFault(provider, {
      async *list({ onDamaged, ...options } = {}) {
        for (const key of keys) onDamaged?.({ key, error: corrupt });
        yield* provider.list(options);
      },
    });
  }

  test.each(['rewrap', 'reseal'] as const)('are failures of their own, and %s brings all others onto the new key', async (mode) => {
    const provider = await filled(5);
    const log = logOf(generateMacKey('audit'));
    const seen: RotationProgress[] = [];
    const result = await rotateStore(damagedAt(provider, ['bad', null, null]), promoted(), {
      mode,
      contextOf,
      now,
      audit: log,
      onProgress: (progress) => void seen.push(progress),
    });
    expect(result).toEqual({
      done: 5,
      skipped: 0,
      conflicted: 0,
      failed: ['bad', null, null].map((key) => ({ key, code: 'PROVIDER_CORRUPT', error: corrupt })),
      resumed: false,
    });
    await expectAllOn(provider, keysOf(5), NEW);
    expect(seen.at(-1)).toEqual({ done: 5, skipped: 0, conflicted: 0, failed: 3, total: 8 });
    const entries = verifyAudit(log.lines(), log.keys).entries;
    expect(
      entries.filter(({ outcome, code, blobId }) => outcome === 'failed' && code === 'PROVIDER_CORRUPT' && blobId === null),
    ).toHaveLength(3);
    expect(entries).toHaveLength(8);
  });

  test('are told once, also one that a checkpoint remembers', async () => {
    const provider = await filled(3);
    await provider.put('bad', contentOf('clear'));
    const checkpoint = checkpointOf();
    const abort = new AbortController();
    // The first run fails on the record and is called off at its end, so the checkpoint is to look at it again.
    const first = rotateStore(provider, promoted(), {
      mode: 'rewrap',
      now,
      checkpoint,
      concurrency: 1,
      signal: abort.signal,
      onProgress: ({ done }) => void (done === 2 && abort.abort('enough')),
    });
    await expect(first).rejects.toBe('enough');
    const unreadable = withFault(damagedAt(provider, ['bad']), {
      get: (key, options) => (key === 'bad' ? Promise.reject(corrupt) : provider.get(key, options)),
    });
    const { done, failed, resumed } = await rotateStore(unreadable, promoted(), { mode: 'rewrap', now, checkpoint });
    expect({ done, failed: failed.map(({ key, code }) => [key, code]), resumed }).toEqual({
      done: 1,
      failed: [['bad', 'PROVIDER_CORRUPT']],
      resumed: true,
    });
  });
});
