/** What the tests of the session store share: sessions, a provider whose calls fail as planned, and looks at what is stored. */

import type { RandomBytes } from '../../ts/envelope/random.ts';
import { PspError, type PspErrorCode } from '../../ts/errors.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import type { Session } from '../../ts/session/session.ts';
import type { RotationCheckpoint } from '../../ts/store/checkpoint.ts';
import type { SessionStoreOptions } from '../../ts/store/store.ts';
import { keyOf } from '../envelope/fixture.ts';
import { SESSION } from '../session/ttl-fixture.ts';

export const NOW = 1_800_000_000_000;
export const KEY = keyOf('store', 7);
export { SECRET } from '../session/ttl-fixture.ts';

/** A session that nothing in it lets expire. */
export function sessionOf(id: string, changes: Partial<Session> = {}): Session {
  return { ...SESSION, id, incarnation: 'first-life', ...changes };
}

let writes = 0;

/** Zeros, so that nothing waits, but for the ids of writes: each is another. */
export function steadyRandom(): RandomBytes {
  return (byteLength) => {
    const bytes = new Uint8Array(byteLength);
    if (byteLength > 2) new DataView(bytes.buffer).setUint32(0, ++writes);
    return bytes;
  };
}

/** Options of a store whose waits take no time. */
export function options(more: Partial<SessionStoreOptions> = {}): SessionStoreOptions {
  return { keys: KEY, now: () => NOW, random: steadyRandom(), ...more };
}

/** How one call of a provider fails: before it does anything, or after it has done all of it. */
export interface Fault {
  readonly at: 'before' | 'after';
  /** `PROVIDER_UNAVAILABLE` when not given. */
  readonly code?: PspErrorCode;
  /** What happens meanwhile. */
  readonly meanwhile?: () => Promise<unknown>;
}

type FaultyCall = 'get' | 'head' | 'put' | 'putMany' | 'getMany' | 'delete' | 'listPage';

/** `provider`, of which the first calls of some operations go as `plan` says; null: as ever. `calls` counts all. */
export function faulty(
  provider: StorageProvider,
  plan: Partial<Record<FaultyCall, (Fault | null)[]>>,
): { readonly provider: StorageProvider; readonly calls: Record<string, number> } {
  const calls: Record<string, number> = {};
  const left = Object.fromEntries(Object.entries(plan).map(([name, faults]) => [name, [...faults]]));
  const proxy = new Proxy(provider, {
    get(target, name: string) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]): Promise<unknown> => {
        calls[name] = (calls[name] ?? 0) + 1;
        const fault = left[name]?.shift() ?? null;
        if (fault?.at === 'before') {
          await fault.meanwhile?.();
          throw failure(fault);
        }
        const result: unknown = await value.apply(target, args);
        if (fault === null) return result;
        await fault.meanwhile?.();
        throw failure(fault);
      };
    },
  });
  return { provider: proxy, calls };
}

function failure({ code = 'PROVIDER_UNAVAILABLE', at }: Fault): PspError {
  return new PspError(code, `planned: ${at}`);
}

/** The provider without conditions: what Cloudflare KV is like. */
export function withoutConditions(provider: StorageProvider): StorageProvider {
  return new Proxy(provider, {
    get(target, name) {
      if (name === 'capabilities') return { ...target.capabilities, conditionalPut: false, conditionalDelete: false };
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const options = args.at(-1) as { ifMatch?: unknown; ifNoneMatch?: unknown } | undefined;
        if (options?.ifMatch !== undefined || options?.ifNoneMatch !== undefined) throw new Error('a condition reached the provider');
        return value.apply(target, args);
      };
    },
  });
}

/** The code that `work` rejects with; the error itself where it has none, 'none' where it resolves. */
export async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error instanceof PspError ? error.code : error;
  }
  return 'none';
}

/** All of a listing. */
export async function listAll<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

/** A checkpoint in memory, and the text that it holds. */
export function checkpointIn(place: { text: string | null }): RotationCheckpoint {
  return {
    load: () => place.text,
    save: (text) => {
      place.text = text;
    },
  };
}
