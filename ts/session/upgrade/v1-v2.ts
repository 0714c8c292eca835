/**
 * The step between version 1.0 (cookies, web storage, IndexedDB, tabs) and version 2.0 (all of `session.ts`). Both versions are released or will be:
 * this file describes them as they were, and imports nothing that moves with the newest version.
 *
 * - An object loses the members that 1.0 does not know (`gained` below). An entry whose storage key 1.0 cannot say is parked whole in the object
 *   around its list: without its bucket it would be mistaken for another. `topLevelSite` has its place in both.
 * - Texts in sections come inline, and their references are parked; up, an item whose text is still that of its section is a reference again.
 *   So a text stands twice in such a 1.0 document: exact, and simple, where a hash would need digests in this layer.
 * - Sections stay as they are, and ids too. One with a codec, or kept elsewhere, would be misread by version 1.0 and cannot be put right here: it is
 *   refused, and the blob writes it plainly first. `header.state` and the layout of `header.sections` are copied; whoever writes bytes makes them.
 * - Up, a cookie or storage key that the stricter patterns of 2.0 refuse is parked and reported. An unknown member that has the name of a member
 *   of 2.0 is parked, since it means something else. What cannot be parked (an id of the form of a UUID that is none; more than 100,000 cookies,
 *   1,000,000 items or 1,000 parts of a key path) is left for the schema of 2.0 to refuse: loudly, and with nothing lost.
 * - `ttl` may point at entries by index: who edits the lists of the 1.0 document that it is parked in moves what it points at.
 */
import { invalid } from '../validate.ts';
import { isSameMajor, isVersion } from '../version.ts';
import { isObject, type Json, type JsonObject, type SessionDocuments, type Step } from './step.ts';
import { convert, type Form, type Turn, type Verdict } from './walk.ts';

const FROM = '1.0';
const TO = '2.0';

const STORAGE_KEY: Form = { gained: ['hasCrossSiteAncestor', 'bucket'] };
const STORAGE_COVERAGE: Form = { gained: ['caches', 'serviceWorkers', 'files'], objects: { key: STORAGE_KEY } };
const COVERAGE: Form = { gained: ['permissions', 'credentials'], lists: { storage: STORAGE_COVERAGE } };
const COOKIE: Form = { gained: ['createdAt'] };
const STORAGE: Form = {
  gained: ['bucketPolicy', 'caches', 'serviceWorkers', 'files'],
  objects: { key: STORAGE_KEY },
  texts: 'localStorage',
};
const TAB_STORAGE: Form = { gained: [], objects: { key: STORAGE_KEY }, texts: 'items' };
const TAB: Form = { gained: ['history', 'windowName', 'opener'], lists: { sessionStorage: TAB_STORAGE } };
const STATE: Form = {
  gained: ['permissions', 'credentials', 'ttl', 'mergeState'],
  objects: { coverage: COVERAGE },
  lists: { cookies: COOKIE, storage: STORAGE, tabs: TAB },
};
const SECTION: Form = { gained: ['codec', 'where'] };
/** `psp` is here for the minor versions that are read as this one: their own number comes back. */
const HEADER: Form = { gained: ['psp', 'tags'], lists: { sections: SECTION } };

/** The patterns of 2.0 that are stricter than those of 1.0. */
const COOKIE_NAME = /^[^;\u0000-\u0008\u000a-\u001f\u007f=]*$/u;
const COOKIE_VALUE = /^[^;\u0000-\u0008\u000a-\u001f\u007f]*$/u;
const COOKIE_DOMAIN = /^([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+\.?$|^\[[0-9a-f:.]+\]$/u;
const COOKIE_PATH = /^\/[^;\u0000-\u001f\u007f]*$/u;
const ORIGIN = /^https?:\/\/[^/?#@\s]+$/u;

/** Version 1.0 <-> version 2.0. */
export const STEP_1_2: Step = {
  from: FROM,
  to: TO,
  up: (documents, report, readText) =>
    turnBoth(documents, { from: FROM, to: TO, inlineTexts: false, report, readText, judgeMember: foreignMember, judgeEntry: judgeForV2 }),
  down: (documents, report, readText) =>
    turnBoth(documents, { from: TO, to: FROM, inlineTexts: true, report, readText, judgeMember: lostMember, judgeEntry: judgeForV1 }),
};

async function turnBoth({ header, state }: SessionDocuments, way: Omit<Turn, 'part'>): Promise<SessionDocuments> {
  const { psp, ...rest } = header;
  const turned = await convert(psp === way.from ? rest : header, HEADER, { ...way, part: 'header' }, '');
  const restored = turned['psp'] ?? way.to;
  if (!isVersion(restored) || !isSameMajor(restored, way.to)) throw invalid('header', '/x-psp-parked', `version of major ${way.to}`);
  // First, because a blob is known by it.
  return { header: { psp: restored, ...turned }, state: await convert(state, STATE, { ...way, part: 'state' }, '') };
}

/** Up: no reader of 1.0 looked at it. */
function foreignMember(): Verdict {
  return { reason: `a member that version ${FROM} does not know has a name that means something in version ${TO}`, severity: 'lossless' };
}

function judgeForV2(form: Form, entry: JsonObject): Verdict | null {
  if (form === COOKIE && !cookieFitsV2(entry)) {
    return { reason: `version ${TO} refuses such a name, value, domain, path or partition of a cookie`, severity: 'dropped' };
  }
  const key = entry['key'];
  if (!hasKey(form) || !isObject(key) || (passes(ORIGIN, key['origin']) && passes(ORIGIN, key['topLevelSite']))) return null;
  return {
    reason: `version ${TO} refuses such an origin or top-level site`,
    severity: form === STORAGE_COVERAGE ? 'defaulted' : 'dropped',
  };
}

function cookieFitsV2({ name, value, domain, path, partitionKey }: JsonObject): boolean {
  const site = isObject(partitionKey) ? partitionKey['topLevelSite'] : undefined;
  const attributes = passes(COOKIE_DOMAIN, domain) && passes(COOKIE_PATH, path) && passes(ORIGIN, site);
  return passes(COOKIE_NAME, name) && passes(COOKIE_VALUE, value) && attributes;
}

/** What is no string is none of a pattern's business. */
function passes(pattern: RegExp, value: Json | undefined): boolean {
  return typeof value !== 'string' || pattern.test(value);
}

function judgeForV1(form: Form, { key }: JsonObject): Verdict | null {
  if (!hasKey(form) || !isObject(key) || !STORAGE_KEY.gained.some((name) => Object.hasOwn(key, name))) return null;
  return {
    reason: `version ${FROM} cannot say the bucket or the cross-site ancestor of a storage key`,
    severity: form === STORAGE_COVERAGE ? 'defaulted' : 'dropped',
  };
}

function hasKey(form: Form): boolean {
  return form.objects?.['key'] === STORAGE_KEY;
}

/** Down: how much a reader of 1.0 misses. */
function lostMember(form: Form, name: string, value: Json, pointer: string): Verdict {
  if (form === SECTION && !(name === 'where' && value === 'inline')) {
    throw invalid('header', pointer, `section that version ${FROM} can read: inline, without a codec`);
  }
  const isCoverage = form === COVERAGE || form === STORAGE_COVERAGE;
  if (
    form === SECTION ||
    name === 'psp' ||
    value === '' ||
    (Array.isArray(value) && value.length === 0) ||
    (isCoverage && value === 'unvisited')
  ) {
    return { reason: `version ${FROM} has no ${name}, and this says no more than its absence`, severity: 'lossless' };
  }
  if (isCoverage) return { reason: `version ${FROM} has no ${name}: their coverage reads as unvisited`, severity: 'defaulted' };
  if (form === COOKIE) return { reason: `version ${FROM} has no ${name}: the time of the restore takes its place`, severity: 'defaulted' };
  return { reason: `version ${FROM} has no ${name}`, severity: 'dropped' };
}
