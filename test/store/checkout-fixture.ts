/** A session of one origin, a browser that is a variable, and a store with that session: for the tests of checkout and commit. */
import { memory } from '../../providers/memory.ts';
import { PspError } from '../../ts/errors.ts';
import type { ObservedChange } from '../../ts/merge/operations.ts';
import type { Cookie, Coverage, Session } from '../../ts/session/session.ts';
import { type CheckoutDriver, type SessionStore, sessionStore } from '../../ts/store/session-store.ts';

export const ORIGIN = 'https://shop.example';
export const KEY = { origin: ORIGIN, topLevelSite: null };
export const NOW = 1_790_000_000_000;

const cookie = (name: string, value: string, expiresAt: number | null = null): Cookie => ({
  ...{
    name,
    value,
    domain: 'shop.example',
    hostOnly: true,
    path: '/',
    secure: true,
    httpOnly: true,
    sameSite: 'lax',
    expiresAt,
    partitionKey: null,
  },
});

/** Cookies by name, and localStorage of the one origin by name. */
export interface State {
  cookies: Record<string, string>;
  items: Record<string, string>;
}

export const COVERAGE: Coverage = {
  ...{ cookies: 'complete', tabs: 'complete' },
  storage: [{ key: KEY, localStorage: 'complete', indexedDB: 'complete' }],
};

export function sessionOf({ cookies, items }: State, coverage: Coverage = COVERAGE): Session {
  return {
    ...{ id: 'shop', incarnation: 'first', revision: 0, createdAt: NOW, updatedAt: NOW, source: { tool: 'test' }, coverage },
    cookies: Object.entries(cookies).map(([name, value]) => cookie(name, value)),
    storage: [{ key: KEY, localStorage: Object.entries(items), indexedDB: [] }],
    tabs: [],
  };
}

export function stateOf({ cookies, storage }: Session): State {
  return {
    cookies: Object.fromEntries(cookies.map(({ name, value }) => [name, value])),
    items: Object.fromEntries(storage.flatMap(({ localStorage }) => localStorage) as [string, string][]),
  };
}

/** A browser: what it holds can be changed from outside, as pages do. */
export class Browser implements CheckoutDriver<{ restored: true }> {
  state: State = { cookies: {}, items: {} };
  coverage = COVERAGE;
  /** As browsers do it with SameSite or times: what is set reads back otherwise. */
  normalizes = false;
  /** What it tells of when changes happened. */
  observed: ObservedChange[] = [];

  async restore(session: Session): Promise<{ restored: true }> {
    this.state = structuredClone(stateOf(session));
    if (this.normalizes) for (const name of Object.keys(this.state.items)) this.state.items[name] += ' ';
    return { restored: true };
  }

  async capture(): Promise<{ session: Session; observed: readonly ObservedChange[] }> {
    const session = { ...sessionOf(this.state, this.coverage), incarnation: 'of the capture', id: 'shop' };
    return { session, observed: this.observed.splice(0) };
  }
}

export async function storeWith(state: State): Promise<{ store: SessionStore; provider: ReturnType<typeof memory> }> {
  const provider = memory();
  const store = sessionStore(provider, { keys: null });
  await store.put(sessionOf(state));
  return { store, provider };
}
export const stored = async (store: SessionStore): Promise<State> => stateOf((await store.get('shop'))!.session);
export const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error) => (error instanceof PspError ? error.code : error),
  );
