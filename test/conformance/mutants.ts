/**
 * Broken providers, each with one mistake that somebody made or nearly made, and the case of the conformance suite that has to find it. They are
 * wrappers over a sound one in memory; `delay` is a moment in which others run.
 */

import { PspError } from '../../ts/errors.ts';
import type { Capabilities, ListPage, PutOptions, RecordHead, StorageProvider, StoredRecord, Version } from '../../ts/provider.ts';

/** A way to break a provider. */
export interface Mutant {
  readonly mistake: string;
  readonly caughtBy: string;
  /** What is different from `inner`, which reads the clock `now`. */
  readonly change: (inner: StorageProvider, now: () => number) => Partial<StorageProvider>;
}

const delay = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The mistakes. */
export const MUTANTS: readonly Mutant[] = [
  {
    mistake: 'ignores ifMatch',
    caughtBy: 'ifmatch-stale-fails-and-value-unchanged',
    change: (inner) => ({ put: (key, value, options = {}) => inner.put(key, value, without(options, 'ifMatch')) }),
  },
  {
    mistake: 'ignores ifNoneMatch',
    caughtBy: 'create-only-second-fails',
    change: (inner) => ({ put: (key, value, options = {}) => inner.put(key, value, without(options, 'ifNoneMatch')) }),
  },
  {
    mistake: 'creates where ifMatch finds nothing',
    caughtBy: 'ifmatch-missing-fails',
    change: (inner) => ({
      put: async (key, value, options = {}) =>
        inner.put(key, value, (await inner.head(key)) === null ? without(options, 'ifMatch') : options),
    }),
  },
  {
    mistake: 'looks at the version and then writes',
    caughtBy: 'race-replace-16-one-winner',
    change: (inner) => ({ put: (key, value, options = {}) => lookThenPut(inner, key, value, options) }),
  },
  {
    mistake: 'loses updates of a counter',
    caughtBy: 'counter-64x50-no-lost-update',
    change: (inner) => ({ put: (key, value, options = {}) => lookThenPut(inner, key, value, options) }),
  },
  {
    mistake: 'ignores ifMatch of delete',
    caughtBy: 'delete-ifmatch-stale',
    change: (inner) => ({ delete: (key, options = {}) => inner.delete(key, without(options, 'ifMatch')) }),
  },
  {
    mistake: 'gives the same version to the same bytes',
    caughtBy: 'same-bytes-new-version',
    change: (inner) => ({
      put: async (key, value, options) => {
        const head = await inner.put(key, value, options);
        return { ...head, version: `of ${Buffer.from(value as Uint8Array).toString('hex')}` as Version };
      },
    }),
  },
  {
    mistake: 'finds a version again that was there before (ABA)',
    caughtBy: 'ABA-detected',
    change: (inner) => {
      const first = new Map<string, Version>();
      const named = async (key: string, version: Version): Promise<Version> => {
        const record = await inner.get(key);
        const bytes = Buffer.from(record?.value ?? []).toString('hex');
        return first.get(bytes) === version ? (record?.version ?? version) : version;
      };
      return {
        put: async (key, value, options = {}) => {
          const bytes = Buffer.from(value as Uint8Array).toString('hex');
          const condition = options.ifMatch === undefined ? {} : { ifMatch: await named(key, options.ifMatch) };
          const head = await inner.put(key, value, { ...options, ...condition });
          if (!first.has(bytes)) first.set(bytes, head.version);
          return { ...head, version: first.get(bytes)! };
        },
      };
    },
  },
  {
    mistake: 'forgets the expiry',
    caughtBy: 'expires-on-read',
    change: (inner) => ({ put: (key, value, options = {}) => inner.put(key, value, without(options, 'expiresAt')) }),
  },
  {
    mistake: 'keeps the old expiry when a put names none',
    caughtBy: 'overwrite-clears-ttl',
    change: (inner) => ({
      put: async (key, value, options = {}) => {
        const expiresAt = options.expiresAt ?? (await inner.head(key))?.expiresAt ?? null;
        return inner.put(key, value, expiresAt === null ? options : { ...options, expiresAt });
      },
    }),
  },
  {
    mistake: 'rounds expiries up to seconds',
    caughtBy: 'ttl-below-native-minimum-still-exact',
    change: (inner) => ({
      put: async (key, value, options = {}) => {
        const { expiresAt } = options;
        if (expiresAt === undefined) return inner.put(key, value, options);
        return { ...(await inner.put(key, value, { ...options, expiresAt: Math.ceil(expiresAt / 1000) * 1000 })), expiresAt };
      },
    }),
  },
  {
    mistake: 'lists what has expired',
    caughtBy: 'expires-in-list',
    change: (inner) => {
      const heads = new Map<string, RecordHead>();
      return {
        put: async (key, value, options) => {
          const head = await inner.put(key, value, options);
          heads.set(key, head);
          return head;
        },
        async *list() {
          yield* heads.values();
        },
      };
    },
  },
  {
    mistake: 'puts in two steps (a torn write)',
    caughtBy: 'reads-during-overwrite-whole',
    change: (inner) => ({
      put: async (key, value, options) => {
        if (value instanceof Uint8Array) await inner.put(key, value.slice(0, value.length / 2), options);
        await delay();
        return inner.put(key, value, options === undefined ? {} : without(options, 'ifMatch', 'ifNoneMatch'));
      },
    }),
  },
  {
    mistake: 'leaves out the last key of a page that is not the last',
    caughtBy: 'cursor-walk-10k-each-once',
    change: (inner) => ({
      listPage: async (options) => {
        const page = await inner.listPage(options);
        return page.cursor === null ? page : { ...page, items: page.items.slice(0, -1) };
      },
    }),
  },
  {
    mistake: 'gives the first key of a page on the page before, too',
    caughtBy: 'limit-1',
    change: (inner) => {
      let last: readonly RecordHead[] = [];
      return {
        listPage: async (options = {}) => {
          const page = await inner.listPage(options);
          const items = options.cursor === undefined ? page.items : [...last.slice(-1), ...page.items].slice(0, options.limit ?? 256);
          last = page.items;
          return { ...page, items };
        },
      };
    },
  },
  {
    mistake: 'counts pages instead of keeping its place',
    caughtBy: 'delete-while-walking',
    change: (inner) => ({
      listPage: async (options = {}): Promise<ListPage> => {
        const heads: RecordHead[] = [];
        for await (const head of inner.list(options.prefix === undefined ? {} : { prefix: options.prefix })) heads.push(head);
        const [from, limit] = [Number(options.cursor ?? 0), options.limit ?? 256];
        return { items: heads.slice(from, from + limit), damaged: [], cursor: from + limit < heads.length ? `${from + limit}` : null };
      },
    }),
  },
  {
    mistake: 'takes any text for a cursor',
    caughtBy: 'bad-cursor-error',
    change: (inner) => ({
      listPage: (options = {}) =>
        inner.listPage(options).catch((error: unknown) => {
          if (error instanceof PspError && error.code === 'PROVIDER_CURSOR') return { items: [], damaged: [], cursor: null };
          throw error;
        }),
    }),
  },
  {
    mistake: 'lists a prefix as a pattern that may be anywhere, in any case',
    caughtBy: 'no-prefix-bleed',
    change: (inner) => ({
      async *list(options = {}) {
        const wanted = (options.prefix ?? '').toLowerCase();
        for await (const head of inner.list(without(options, 'prefix'))) if (head.key.toLowerCase().includes(wanted)) yield head;
      },
    }),
  },
  {
    mistake: 'takes * in a prefix for a pattern',
    caughtBy: 'exact-prefix',
    change: (inner) => ({
      async *list(options = {}) {
        const pattern = (options.prefix ?? '').split('*').map((part) => part.replace(/[^a-z0-9]/gi, '\\$&'));
        const matcher = new RegExp(`^${pattern.join('.*')}`);
        for await (const head of inner.list(without(options, 'prefix'))) if (matcher.test(head.key)) yield head;
      },
    }),
  },
  {
    mistake: "keeps the caller's array",
    caughtBy: 'input-buffer-not-retained',
    change: (inner) => {
      const values = new Map<Version, Uint8Array>();
      return {
        put: async (key, value, options) => {
          const head = await inner.put(key, value, options);
          values.set(head.version, value as Uint8Array);
          return head;
        },
        get: async (key, options) => {
          const record = await inner.get(key, options);
          return record === null ? null : { ...record, value: new Uint8Array(values.get(record.version) ?? record.value) };
        },
      };
    },
  },
  {
    mistake: 'hands out its own array',
    caughtBy: 'returned-buffer-is-private',
    change: (inner) => {
      const records = new Map<Version, StoredRecord>();
      return {
        get: async (key, options) => {
          const record = await inner.get(key, options);
          if (record === null || options?.range !== undefined) return record;
          if (!records.has(record.version)) records.set(record.version, record);
          return records.get(record.version)!;
        },
      };
    },
  },
  {
    mistake: 'hands out a view of a larger array',
    caughtBy: 'returned-buffer-is-private',
    change: (inner) => ({
      get: async (key, options) => {
        const record = await inner.get(key, options);
        if (record === null) return null;
        const larger = new Uint8Array(record.value.length + 8);
        larger.set(record.value, 8);
        return { ...record, value: larger.subarray(8) };
      },
    }),
  },
  {
    mistake: 'swallows errors of a put',
    caughtBy: 'empty-rejected',
    change: (inner) => ({
      put: (key, value, options) =>
        inner
          .put(key, value, options)
          .catch(() => ({ key, version: 'fine' as Version, size: (value as Uint8Array).length, expiresAt: null, metadata: {} })),
    }),
  },
  {
    mistake: 'a touch writes the value anew, without its metadata',
    caughtBy: 'touch-extends-only',
    change: (inner) => ({
      touch: async (key, expiresAt, options = {}) => {
        const record = await inner.get(key);
        if (record === null) return inner.touch(key, expiresAt, options);
        return inner.put(key, record.value, { ...options, ...(expiresAt === null ? {} : { expiresAt }) });
      },
    }),
  },
  {
    mistake: 'a touch keeps the version',
    caughtBy: 'touch-changes-version',
    change: (inner) => {
      const older = new Map<Version, Version>();
      const rename = <T extends RecordHead>(head: T | null): T | null =>
        head === null ? null : { ...head, version: older.get(head.version) ?? head.version };
      return {
        touch: async (key, expiresAt, options) => {
          const before = rename(await inner.head(key));
          const head = await inner.touch(key, expiresAt, options);
          if (head !== null && before !== null) older.set(head.version, before.version);
          return rename(head);
        },
        get: async (key, options) => rename(await inner.get(key, options)),
      };
    },
  },
  {
    mistake: 'a touch brings back what has expired',
    caughtBy: 'touch-missing-null',
    change: (inner) => ({
      touch: async (key, expiresAt, options) =>
        (await inner.touch(key, expiresAt, options)) ?? inner.put(key, new Uint8Array(), expiresAt === null ? {} : { expiresAt }),
    }),
  },
  {
    mistake: 'a sweep removes whatever expires at some time',
    caughtBy: 'sweep-removes-only-expired',
    change: (inner) => ({
      sweep: async (options) => {
        const report = await inner.sweep(options);
        for await (const { key, expiresAt } of inner.list()) if (expiresAt !== null) await inner.delete(key);
        return report;
      },
    }),
  },
  {
    mistake: 'a delete is always true',
    caughtBy: 'delete-missing-false',
    change: (inner) => ({ delete: (key, options) => inner.delete(key, options).then(() => true) }),
  },
  {
    mistake: 'a batch stops at its first failure',
    caughtBy: 'partial-failure-per-item',
    change: (inner) => ({
      putMany: async (items) => {
        let failure: PromiseRejectedResult | null = null;
        const results: PromiseSettledResult<RecordHead>[] = [];
        for (const { key, value, ...options } of items) {
          const result: PromiseSettledResult<RecordHead> = failure ?? (await Promise.allSettled([inner.put(key, value, options)]))[0];
          if (result.status === 'rejected') failure = result;
          results.push(result);
        }
        return results;
      },
    }),
  },
  {
    mistake: 'results of a batch come in the order of the keys',
    caughtBy: 'order-preserved',
    change: (inner) => ({ getMany: (keys, options) => inner.getMany([...keys].sort(), options) }),
  },
  {
    mistake: 'of two items of one key in a batch the earlier wins',
    caughtBy: 'duplicates',
    change: (inner) => ({ putMany: async (items, options) => (await inner.putMany([...items].reverse(), options)).reverse() }),
  },
  {
    mistake: 'a put merges metadata with what was there',
    caughtBy: 'overwrite-replaces',
    change: (inner) => ({
      put: async (key, value, options = {}) =>
        inner.put(key, value, { ...options, metadata: { ...(await inner.head(key))?.metadata, ...options.metadata } }),
    }),
  },
  {
    mistake: 'a listing has no metadata',
    caughtBy: 'head-equals-get',
    change: (inner) => ({
      async *list(options) {
        for await (const head of inner.list(options)) yield { ...head, metadata: {} };
      },
    }),
  },
  {
    mistake: 'keys are normalized',
    caughtBy: 'unicode-NFC-NFD-distinct',
    change: (inner) => rekeyed(inner, (key) => key.normalize('NFC')),
  },
  {
    mistake: 'keys are lower-cased',
    caughtBy: 'case-only-difference',
    change: (inner) => rekeyed(inner, (key) => key.toLowerCase()),
  },
  {
    mistake: 'keys are resolved as paths',
    caughtBy: 'slash-dot-dotdot',
    change: (inner) => rekeyed(inner, (key) => key.replace(/\/\.?(?=\/|$)/g, '/') || '/'),
  },
  {
    mistake: 'a range ends one byte late, as in HTTP',
    caughtBy: 'ranges',
    change: (inner) => ({
      get: (key, options = {}) =>
        inner.get(key, options.range === undefined ? options : { ...options, range: [options.range[0], options.range[1] + 1] }),
    }),
  },
  {
    mistake: 'does quietly what it says that it cannot do',
    caughtBy: 'unsupported-throws',
    change: (inner) => ({ capabilities: { ...inner.capabilities, touch: false } satisfies Capabilities }),
  },
  {
    mistake: 'ignores a signal that is aborted already',
    caughtBy: 'pre-aborted',
    change: (inner) => ({ put: (key, value, options = {}) => inner.put(key, value, without(options, 'signal')) }),
  },
  {
    mistake: 'a listing goes on when it is aborted',
    caughtBy: 'abort-during-list',
    change: (inner) => ({ list: (options = {}) => inner.list(without(options, 'signal')) }),
  },
  {
    mistake: 'close does not close',
    caughtBy: 'after-close-PROVIDER_CLOSED',
    change: () => ({ close: async () => undefined }),
  },
  {
    mistake: 'a second close fails',
    caughtBy: 'double-close',
    change: (inner) => {
      let closed = false;
      return {
        close: async () => {
          if (closed) throw new Error('already closed');
          closed = true;
          await inner.close();
        },
      };
    },
  },
  {
    mistake: 'names the key in an error',
    caughtBy: 'errors-tell-nothing',
    change: (inner) => ({
      put: (key, value, options) =>
        inner.put(key, value, options).catch((error: unknown) => {
          throw error instanceof PspError ? new PspError(error.code, `${error.message} (${key})`) : error;
        }),
    }),
  },
  {
    mistake: 'shows what it keeps when it is printed',
    caughtBy: 'provider-tells-nothing',
    change: (inner) => {
      const last: { key?: string } = {};
      const changed = {
        last,
        put: (key: string, value: Uint8Array | ReadableStream<Uint8Array>, options?: PutOptions) => {
          last.key = key;
          return inner.put(key, value, options);
        },
      };
      return changed;
    },
  },
];

/** `inner` with what `change` says in place of its own. */
export function wrap(inner: StorageProvider, change: Partial<StorageProvider>): StorageProvider {
  return Object.create(inner, Object.getOwnPropertyDescriptors(change)) as StorageProvider;
}

/** `options` without some of their members. */
function without<T extends object>(options: T, ...names: (keyof T)[]): T {
  const rest = { ...options };
  for (const name of names) delete rest[name];
  return rest;
}

async function lookThenPut(
  inner: StorageProvider,
  key: string,
  value: Uint8Array | ReadableStream<Uint8Array>,
  options: PutOptions,
): Promise<RecordHead> {
  const found = await inner.head(key);
  const isMet = (options.ifMatch ?? found?.version) === found?.version && (options.ifNoneMatch === undefined || found === null);
  if (!isMet) return inner.put(key, value, options);
  await delay();
  return inner.put(key, value, without(options, 'ifMatch', 'ifNoneMatch'));
}

function rekeyed(inner: StorageProvider, change: (key: string) => string): Partial<StorageProvider> {
  return {
    get: (key, options) => inner.get(change(key), options).then((record) => (record === null ? null : { ...record, key })),
    put: (key, value, options) => inner.put(change(key), value, options).then((head) => ({ ...head, key })),
  };
}
