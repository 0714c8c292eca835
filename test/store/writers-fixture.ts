/** What the tests of checkouts without a browser share: a session that is names and values, workers that change it, and a service that shows writes late. */
import { memory } from '../../providers/memory.ts';
import { PspError, type PspErrorCode } from '../../ts/errors.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import type { Session } from '../../ts/session/session.ts';
import { type Checkout, type Commit, type SessionStore, type SessionStoreOptions, sessionStore } from '../../ts/store/session-store.ts';
import { listAll, options, withoutConditions } from './store-fixture.ts';

export const START = 1_790_000_000_000;
export const ID = 'shop';
const KEY = { origin: 'https://shop.example', topLevelSite: null };

/** What a site keeps in localStorage. */
export type Items = Readonly<Record<string, string>>;

/** A session with these items that nothing lets expire. */
export function itemSession(items: Items, incarnation = 'first', id = ID): Session {
  return {
    ...{ id, incarnation, revision: 0, createdAt: START, updatedAt: START, source: { tool: 'test' } },
    coverage: {
      ...{ cookies: 'complete', tabs: 'complete' },
      storage: [{ key: KEY, localStorage: 'complete', indexedDB: 'complete' }],
    },
    ...{ cookies: [], tabs: [] },
    storage: [{ key: KEY, localStorage: Object.entries(items), indexedDB: [] }],
  };
}

/** The items of a session. */
export function itemsOf({ storage }: Session): Record<string, string> {
  return Object.fromEntries(storage.flatMap(({ localStorage }) => localStorage) as [string, string][]);
}

/** The items that the store shows; null where it has no session. */
export async function storedItems(store: SessionStore, id = ID): Promise<Record<string, string> | null> {
  const stored = await store.get(id);
  return stored === null ? null : itemsOf(stored.session);
}

/** Commits the session of the checkout with other items. */
export function commitItems(work: Checkout, change: (items: Record<string, string>) => Items): Promise<Commit> {
  const items = change({ ...itemsOf(work.session) });
  return work.commit({ session: { ...work.session, storage: itemSession(items).storage } });
}

/** A service without conditions, and the processes that use it. */
export interface Place {
  nowMs: number;
  readonly provider: StorageProvider;
  /** A store of another process. */
  open(over?: StorageProvider, more?: Partial<SessionStoreOptions>): SessionStore;
  /** Keys of what stands in the provider. */
  keys(): Promise<string[]>;
}

/** A place with a session of these items; null: with none. */
export async function placeWith(items: Items | null): Promise<Place> {
  const place: Place = {
    nowMs: START,
    provider: withoutConditions(memory({ now: () => place.nowMs })),
    open: (over = place.provider, more = {}) => sessionStore(over, { ...options(), random: undefined!, now: () => place.nowMs, ...more }),
    keys: async () => (await listAll(place.provider.list())).map(({ key }) => key).sort(),
  };
  if (items !== null) await place.open().put(itemSession(items));
  return place;
}

/** A change that adds an item, or gives it another value. */
export function add(name: string, value = '1'): (items: Record<string, string>) => Items {
  return (items) => ({ ...items, [name]: value });
}

/** Keys of commits to {@link ID}. */
export const OBJECT: RegExp = /^shop\/#w\/[0-9a-f]{16}\/[0-9]+$/;

/** `provider` as it is seen from far away: keys that `isHidden` names are not there yet, for listings as for reads. */
export function hiding(provider: StorageProvider, isHidden: (key: string) => boolean): StorageProvider {
  return new Proxy(provider, {
    get(target, name) {
      if (name === 'get' || name === 'head') {
        return async (key: string, options: object) => (isHidden(key) ? null : target[name](key, options));
      }
      if (name === 'getMany') {
        return async (keys: readonly string[], options: object) => {
          const settled = await target.getMany(keys, options);
          return settled.map((one, at) => (isHidden(keys[at]!) ? { status: 'fulfilled', value: null } : one));
        };
      }
      if (name === 'listPage') {
        return async (options: object) => {
          const page = await target.listPage(options);
          return { ...page, items: page.items.filter(({ key }) => !isHidden(key)) };
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** `provider`, where a put at the keys that `isRefused` names fails. */
export function failing(provider: StorageProvider, isRefused: (key: string) => boolean, code: PspErrorCode): StorageProvider {
  return new Proxy(provider, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
      return async (...args: Parameters<StorageProvider['put']>) => {
        if (isRefused(args[0])) throw new PspError(code, 'planned');
        return target.put(...args);
      };
    },
  });
}

/** `provider`, whose listings find a damaged record at `key`. */
export function damagedAt(provider: StorageProvider, key: string): StorageProvider {
  return new Proxy(provider, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'listPage') return typeof value === 'function' ? value.bind(target) : value;
      return async (...args: Parameters<StorageProvider['listPage']>) => {
        const page = await target.listPage(...args);
        return { ...page, damaged: [{ key, error: new PspError('PROVIDER_CORRUPT', 'planned') }] };
      };
    },
  });
}

/** A store of another process that does not see commits: what it deletes leaves them. */
export function far(place: Place): SessionStore {
  return place.open(hiding(place.provider, (key) => OBJECT.test(key)));
}

/** A session that expires after `livesMs`. */
export function lifeOf(place: Place, incarnation: string, livesMs = 600_000): Session {
  return { ...itemSession({ token: incarnation }, incarnation), expiresAt: place.nowMs + livesMs };
}

/** A place whose first life has ended, though a commit to it is left, and whose second one is given ten minutes. */
export async function secondLife(): Promise<Place> {
  const place = await placeWith({ token: 'a' });
  await commitItems(await place.open().checkout(ID), add('x'));
  await far(place).delete(ID);
  await far(place).put(lifeOf(place, 'second'));
  return place;
}
