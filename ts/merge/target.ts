/**
 * Targets of TTL rules by identity: a pointer leads to a place in a list, which another replica has elsewhere (law M15). Here pointers become paths of entries,
 * and paths become pointers again, in the session at hand.
 */
import { listMembers } from '../session/member.ts';
import type { Session, TtlKind, TtlTarget } from '../session/session.ts';
import { cookiePath, credentialPath, type Path, parseJson, permissionPath, storageKeyText } from './path.ts';

const POINTED = 'entry';
const BY_KIND = 'kind';
const WHOLE = 'session';

/** The path of each target, or null for a pointer to nothing that can expire. O(members) when there is a pointer. */
export function targetPaths(session: Session, targets: readonly TtlTarget[]): (Path | null)[] {
  const pointed = targets.flatMap((target) => ('pointer' in target ? [target.pointer] : []));
  const wanted = new Set(pointed);
  const found = new Map<string, Path>([['', [WHOLE]]]);
  if (pointed.some((pointer) => pointer !== '')) {
    for (const { pointer } of listMembers(session))
      if (pointer !== '' && wanted.has(pointer)) found.set(pointer, pointedPath(session, pointer));
  }
  return targets.map((target) => {
    if ('pointer' in target) return found.get(target.pointer) ?? null;
    return [BY_KIND, JSON.stringify([target.kind, target.origin ?? null, target.name ?? null])];
  });
}

/** The target of each path in `session`; null where it leads to nothing that the session shows. O(members) when there is a pointer. */
export function targetsOf(session: Session, paths: readonly Path[]): (TtlTarget | null)[] {
  const pointers = new Map<string, string>();
  if (paths.some(([first]) => first === POINTED)) {
    for (const { pointer } of listMembers(session))
      if (pointer !== '') pointers.set(JSON.stringify(pointedPath(session, pointer)), pointer);
  }
  return paths.map((path) => {
    if (path[0] === BY_KIND) return kindTarget(path[1] ?? '');
    const pointer = path[0] === WHOLE ? '' : pointers.get(JSON.stringify(path));
    return pointer === undefined ? null : { pointer };
  });
}

function kindTarget(text: string): TtlTarget | null {
  const parts = parseJson(text);
  if (!Array.isArray(parts) || typeof parts[0] !== 'string') return null;
  const [kind, origin, name] = parts as [TtlKind, unknown, unknown];
  return { kind, ...(typeof origin === 'string' ? { origin } : {}), ...(typeof name === 'string' ? { name } : {}) };
}

/** The path of the member at a pointer that `listMembers` gave: there is something at each step. */
function pointedPath(session: Session, pointer: string): Path {
  const [list, first, member, second, , third] = pointer.split('/').slice(1);
  const i = Number(first);
  switch (list) {
    case 'cookies':
      return [POINTED, 'cookie', ...cookiePath(at(session.cookies, i))];
    case 'storage':
      return storagePath(session, i, member, Number(second));
    case 'permissions':
      return [POINTED, 'permission', ...permissionPath(at(session.permissions, i))];
    case 'credentials':
      return [POINTED, 'credential', ...credentialPath(at(session.credentials, i))];
    default:
      return tabPath(session, i, second, third);
  }
}

function storagePath(session: Session, i: number, member: string | undefined, j: number): Path {
  const storage = at(session.storage, i);
  const storageKey = storageKeyText(storage.key);
  switch (member) {
    case undefined:
      return [POINTED, 'origin', storageKey];
    case 'localStorage':
      return [POINTED, member, storageKey, at(storage.localStorage, j)[0]];
    case 'indexedDB':
      return [POINTED, 'database', storageKey, at(storage.indexedDB, j).name];
    case 'caches':
      return [POINTED, 'cache', storageKey, at(storage.caches, j).name];
    case 'serviceWorkers':
      return [POINTED, 'serviceWorker', storageKey, at(storage.serviceWorkers, j).scope];
    default:
      return [POINTED, 'file', storageKey, at(storage.files, j).path];
  }
}

function tabPath(session: Session, i: number, area: string | undefined, item: string | undefined): Path {
  const tab = at(session.tabs, i);
  if (area === undefined) return [POINTED, 'tab', tab.id];
  const { key, items } = at(tab.sessionStorage, Number(area));
  const storageKey = storageKeyText(key);
  if (item === undefined) return [POINTED, 'sessionStorage', tab.id, storageKey];
  return [POINTED, 'sessionStorage', tab.id, storageKey, at(items, Number(item))[0]];
}

function at<Item>(list: readonly Item[] | undefined, index: number): Item {
  return (list as readonly Item[])[index] as Item;
}
