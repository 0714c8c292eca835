/**
 * What rotation promises on every provider that has conditions, whatever its service is: call {@link rotationOn} with a way to make one. Sessions are stored
 * as a store does it, sealed with the old key, and one record is damaged.
 */

import { describe, expect, test } from 'vitest';
import { open } from '../../ts/envelope/open.ts';
import { peek } from '../../ts/envelope/peek.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { type RotationResult, rotateStore } from '../../ts/store/rotate.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import type { SessionStore } from '../../ts/store/store.ts';
import { flip } from '../envelope/fixture.ts';
import { idsOf, storedIds, validSession } from '../store/import-fixture.ts';
import { checkpointOf, NEW, NOW, OLD, promoted } from '../store/rotation-fixture.ts';

/** Sealed sessions in each store. */
export const SESSION_COUNT = 120;
const DAMAGED = 'session-0037';
const DELETED = 'session-0100';
const DAY_MS = 86_400_000;

const now = (): number => NOW;
const whole: readonly string[] = idsOf(SESSION_COUNT).filter((id) => id !== DAMAGED && id !== DELETED);

/** A provider with nothing in it, and how it is left. */
export interface RotationSubject {
  readonly provider: StorageProvider;
  dispose(): Promise<unknown>;
}

/** The sessions of `provider` by a store with these keys. */
export function storeOf(provider: StorageProvider, keys: Parameters<typeof sessionStore>[1]['keys']): SessionStore {
  return sessionStore(provider, { keys, tenant: 'acme' });
}

/** Puts sessions under the old key: every tenth expires some day, one is deleted, and with `damage` one is damaged. */
export async function fillSealed(provider: StorageProvider, damage: boolean): Promise<void> {
  const store = storeOf(provider, OLD);
  const expiresAt = Date.now() + 30 * DAY_MS;
  const sessions = idsOf(SESSION_COUNT).map((id, at) => validSession(id, { name: `of ${id}`, ...(at % 10 === 0 ? { expiresAt } : {}) }));
  for (const result of await store.putMany(sessions)) if (result.status === 'rejected') throw result.reason;
  await store.delete(DELETED);
  if (!damage) return;
  const { value, metadata } = (await provider.get(DAMAGED))!;
  // In its header: a rewrap reads no further.
  await provider.put(DAMAGED, flip(value, 60), { metadata });
}

/** Asserts that each of `ids` opens with the new key alone, through a store and without one, and is what was put. */
export async function expectOnNew(provider: StorageProvider, ids: readonly string[], changed: ReadonlySet<string>): Promise<void> {
  const store = storeOf(provider, NEW);
  for (const id of ids) {
    const record = (await provider.get(id))!;
    expect(peek(record.value).unverified.wraps.map(({ kid }) => kid)).toEqual(['new']);
    await expect(open(record.value, OLD, store.contextOf(id))).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
    const stored = (await store.get(id))!;
    expect(stored.session).toMatchObject({ id, name: changed.has(id) ? 'changed meanwhile' : `of ${id}`, incarnation: 'first-life' });
    expect(stored.expiresAt === null, id).toBe(Number(id.slice(-1)) !== 0);
  }
}

/** Declares the tests. `make` is called for each. */
export function rotationOn(name: string, make: () => Promise<RotationSubject>): void {
  describe(`rotation on ${name}`, () => {
    test.each(['rewrap', 'reseal'] as const)(
      '%s: called off and gone on with, while others write: all on the new key, none lost',
      async (mode) => {
        const { provider, dispose } = await make();
        try {
          await fillSealed(provider, true);
          const { version: damagedVersion } = (await provider.get(DAMAGED))!;
          const changed = new Set<string>();
          const writer = storeOf(provider, promoted());
          async function change(id: string): Promise<void> {
            await writer.update(id, (session) => ({ ...session, name: 'changed meanwhile' }));
            changed.add(id);
          }
          const checkpoint = checkpointOf();
          const common = { mode, now, contextOf: (key: string) => writer.contextOf(key) };
          const marked = { ...common, checkpoint, checkpointEvery: 10 };

          const abort = new AbortController();
          const changes: Promise<void>[] = [];
          let seen = { done: 0, skipped: 0 };
          const first = rotateStore(provider, promoted(), {
            ...marked,
            signal: abort.signal,
            onProgress(progress) {
              seen = progress;
              // Behind the rotation, under way and before it.
              if (progress.done % 7 === 0) changes.push(change(whole[(progress.done * 2) % whole.length]!));
              if (progress.done === 50) abort.abort(new Error('enough'));
            },
          });
          await expect(first).rejects.toThrow('enough');
          await Promise.all(changes);
          expect(checkpoint.text).not.toBeNull();

          const second = await rotateStore(provider, promoted(), marked);
          expect(failuresOf(second)).toEqual([[DAMAGED, 'ENVELOPE_TAMPERED']]);
          expect(second).toMatchObject({ conflicted: 0, resumed: true });
          // What was changed with the new key needs nothing; the damaged one is looked at again.
          expect(second.done + second.skipped).toBe(SESSION_COUNT - 1 - seen.done - seen.skipped);
          expect(second.done).toBeGreaterThan(20);
          expect(checkpoint.text).toBeNull();

          expect(changed.size).toBeGreaterThan(3);
          await expectOnNew(provider, whole, changed);
          expect((await storedIds(storeOf(provider, NEW))).sort()).toEqual([...whole, DAMAGED].sort());
          expect((await provider.get(DAMAGED))!.version).toBe(damagedVersion);
          await expect(storeOf(provider, NEW).put(validSession(DELETED))).rejects.toMatchObject({ code: 'STORE_GONE' });

          // A last look without the checkpoint: there is nothing left to do.
          const last = await rotateStore(provider, promoted(), common);
          expect(last).toMatchObject({ done: 0, conflicted: 0, skipped: whole.length + 1, resumed: false });
          expect(failuresOf(last).map(([key]) => key)).toEqual([DAMAGED]);
        } finally {
          await dispose();
        }
      },
    );
  });
}

function failuresOf({ failed }: RotationResult): [string | null, string | null][] {
  return failed.map(({ key, code }) => [key, code]);
}
