/**
 * Sessions with rules, for fast-check: every kind of member, times that are few and close together so that ties and boundaries occur, targets that are
 * there, that are not, and that match several members. And what the tests compare with: a slow reading of `docs/ttl.md` that shares no code with ours.
 */
import fc from 'fast-check';
import type { Session, TtlKind, TtlRule, TtlTarget } from '../../ts/session/session.ts';
import { session as anySession } from './arbitrary.ts';

/** A time near the epoch, so that two of them are often equal. */
export const shortTime: fc.Arbitrary<number> = fc.integer({ min: 0, max: 30 });

const KINDS: readonly TtlKind[] = ['cookie', 'localStorage', 'sessionStorage', 'indexedDB', 'cache', 'file', 'origin', 'tab'];

const origin = fc.constantFrom('https://app.example', 'http://localhost:3000', 'https://deep.app.example', 'https://127.0.0.1');

const pattern: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('*', '', 'a*', '*a', 'dir*', 'https://*', 'sid'),
  fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 4 }),
);

/** Few names, so that patterns match. */
const name = fc.oneof(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 }), fc.constantFrom('sid', '*', '.'));

const entries = fc.record({
  cookies: fc.array(fc.record({ name, expiresAt: fc.option(shortTime) }), { maxLength: 4 }),
  caches: fc.array(
    name.map((one) => ({ name: one, entries: [] })),
    { maxLength: 3 },
  ),
  files: fc.array(
    fc.record({
      path: fc.constantFrom('dir', 'dir/a', 'dir/sub', 'dir/sub/b', 'dir/sub/c/d', 'dir/sub/e', 'other', 'directory', 'a'),
      kind: fc.constantFrom('file' as const, 'directory' as const),
    }),
    { maxLength: 6 },
  ),
  workers: fc.integer({ min: 0, max: 2 }),
  permissions: fc.integer({ min: 0, max: 3 }),
  bucketExpiresAt: fc.option(shortTime),
  expiresAt: fc.option(shortTime, { freq: 1 }),
});

const whole: fc.Arbitrary<Session> = fc.tuple(anySession, entries).map(([base, extra]) => {
  const { expiresAt: _, ttl: __, ...session } = base;
  const [first, ...others] = session.storage;
  const [cookie] = session.cookies;
  return {
    ...session,
    ...(extra.expiresAt === null ? {} : { expiresAt: extra.expiresAt }),
    cookies: cookie === undefined ? [] : extra.cookies.map((one) => ({ ...cookie, ...one })),
    storage:
      first === undefined
        ? []
        : [
            {
              ...first,
              bucketPolicy: { persisted: false, durability: 'relaxed', expiresAt: extra.bucketExpiresAt },
              caches: extra.caches,
              files: extra.files,
              serviceWorkers: Array.from({ length: extra.workers }, () => ({
                scope: 'https://app.example/',
                scriptUrl: 'https://app.example/worker.js',
                type: 'classic' as const,
                updateViaCache: 'imports' as const,
              })),
            },
            ...others,
          ],
    permissions: Array.from({ length: extra.permissions }, () => ({
      origin: 'https://app.example',
      name: 'geolocation',
      state: 'granted' as const,
    })),
  };
});

/** A target for a rule: mostly one that something in `session` has. */
export function target(session: Session): fc.Arbitrary<TtlTarget> {
  const byKind = fc.record({ kind: fc.constantFrom(...KINDS), origin, name: pattern }, { requiredKeys: ['kind'], noNullPrototype: true });
  const there = fc.constantFrom(...pointersOf(session)).map((pointer) => ({ pointer }));
  const dangling = fc
    .constantFrom('/cookies/99', '/cookies/01', '/cookies', '/cookies/0/value', '/nothing', '/storage/0/localStorage/7000')
    .map((pointer) => ({ pointer }));
  return fc.oneof({ weight: 4, arbitrary: there }, { weight: 4, arbitrary: byKind }, { weight: 1, arbitrary: dangling });
}

function rule(session: Session): fc.Arbitrary<TtlRule> {
  return fc
    .tuple(
      target(session),
      fc.record(
        { expiresAt: shortTime, idleMs: fc.integer({ min: 1, max: 20 }), lastTouched: shortTime },
        { requiredKeys: [], noNullPrototype: true },
      ),
    )
    .map(([one, times]) => ({ target: one, ...times }));
}

/** A session with rules, and all of it frozen. */
export const sessionWithRules: fc.Arbitrary<Session> = whole
  .chain((session) => fc.array(rule(session), { maxLength: 6 }).map((ttl) => (ttl.length === 0 ? session : { ...session, ttl })))
  .map(freeze);

/** Every pointer that names a member, by walking the document. */
export function pointersOf(session: Session): string[] {
  const found = [''];
  const lists = /^\/(?:cookies|storage|tabs|permissions|credentials|storage\/\d+\/\w+|tabs\/\d+\/sessionStorage(?:\/\d+\/items)?)\/\d+$/;
  const visit = (value: unknown, pointer: string): void => {
    if (lists.test(pointer)) found.push(pointer);
    if (typeof value !== 'object' || value === null || pointer.split('/').length > 6) return;
    for (const [key, inner] of Object.entries(value)) visit(inner, `${pointer}/${key}`);
  };
  const { cookies, storage, tabs, permissions, credentials } = session;
  visit({ cookies, storage, tabs, permissions, credentials }, '');
  return found;
}

/** What `pointer` points at. */
export function resolve(session: Session, pointer: string): unknown {
  let value: unknown = session;
  for (const key of pointer.split('/').slice(1)) value = (value as Record<string, unknown>)[key];
  return value;
}

/** The effective expiry of the member at `pointer`, the slow way: all rules, all parents, a regular expression for the pattern. */
export function slowExpiry(session: Session, pointer: string): number {
  const times = [ownExpiry(session, pointer)];
  for (const one of session.ttl ?? []) {
    if (!slowMatch(session, pointer, one.target)) continue;
    times.push(one.expiresAt ?? Infinity, (one.idleMs ?? Infinity) + (one.lastTouched ?? Infinity));
  }
  for (const parent of parentsOf(session, pointer)) times.push(slowExpiry(session, parent));
  return Math.min(...times);
}

function parentsOf(session: Session, pointer: string): string[] {
  return pointersOf(session).filter(
    (parent) => parent !== pointer && (pointer.startsWith(`${parent}/`) || isDirectoryOf(session, parent, pointer)),
  );
}

function ownExpiry(session: Session, pointer: string): number {
  if (pointer === '') return session.expiresAt ?? Infinity;
  if (/^\/cookies\/\d+$/.test(pointer)) return (resolve(session, pointer) as Session['cookies'][number]).expiresAt ?? Infinity;
  if (/^\/storage\/\d+$/.test(pointer))
    return (resolve(session, pointer) as Session['storage'][number]).bucketPolicy?.expiresAt ?? Infinity;
  return Infinity;
}

/** The nearest directory above that is listed before, as rule 6 of `docs/ttl.md` says. */
function isDirectoryOf(session: Session, parent: string, pointer: string): boolean {
  const [, list, index] = /^(\/storage\/\d+\/files)\/(\d+)$/.exec(pointer) ?? [];
  if (list === undefined || !parent.startsWith(`${list}/`)) return false;
  const before = (resolve(session, list) as { path: string; kind: string }[]).slice(0, Number(index));
  const { path } = resolve(session, pointer) as { path: string };
  const above = before.filter((one) => one.kind === 'directory' && path.startsWith(`${one.path}/`));
  const longest = Math.max(...above.map((one) => one.path.length));
  const nearest = above.filter((one) => one.path.length === longest).at(-1);
  return nearest !== undefined && parent === `${list}/${before.indexOf(nearest)}`;
}

const MEMBER_KINDS: readonly [RegExp, TtlKind][] = [
  [/^\/cookies\/\d+$/, 'cookie'],
  [/^\/storage\/\d+$/, 'origin'],
  [/^\/storage\/\d+\/localStorage\/\d+$/, 'localStorage'],
  [/^\/storage\/\d+\/indexedDB\/\d+$/, 'indexedDB'],
  [/^\/storage\/\d+\/caches\/\d+$/, 'cache'],
  [/^\/storage\/\d+\/files\/\d+$/, 'file'],
  [/^\/tabs\/\d+$/, 'tab'],
  [/^\/tabs\/\d+\/sessionStorage\/\d+$/, 'origin'],
  [/^\/tabs\/\d+\/sessionStorage\/\d+\/items\/\d+$/, 'sessionStorage'],
];

function slowMatch(session: Session, pointer: string, one: TtlTarget): boolean {
  if ('pointer' in one) return one.pointer === pointer;
  const kind = MEMBER_KINDS.find(([form]) => form.test(pointer))?.[1];
  if (kind !== one.kind) return false;
  const entry = resolve(session, pointer) as Record<string, unknown> & unknown[];
  const storage = /^\/storage\/\d+|^\/tabs\/\d+\/sessionStorage\/\d+/.exec(pointer)?.[0];
  const place = storage === undefined ? null : (resolve(session, storage) as { key: { origin: string } }).key.origin;
  const address = kind === 'tab' ? tabName(entry['url'] as string) : null;
  const names = { origin: place, tab: address, file: entry['path'], localStorage: entry[0], sessionStorage: entry[0] } as Record<
    string,
    unknown
  >;
  if (one.name !== undefined && !slowPattern(one.name).test((names[kind] ?? entry['name']) as string)) return false;
  if (one.origin === undefined) return true;
  if (kind !== 'cookie') return one.origin === (place ?? address);
  const { hostname } = new URL(one.origin);
  const domain = entry['domain'] as string;
  return hostname === domain || (!entry['hostOnly'] && hostname.endsWith(`.${domain}`));
}

/** The pattern as a regular expression. */
export function slowPattern(text: string): RegExp {
  const pieces = text.split('*').map((piece) => piece.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  return new RegExp(`^${pieces.join('[^]*')}$`);
}

function tabName(url: string): string {
  try {
    const { origin: own, protocol } = new URL(url);
    return own === 'null' ? protocol : own;
  } catch {
    return '';
  }
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
