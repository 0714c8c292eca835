/**
 * What differs between two blobs: straight from their bytes, by decoding both, and what one would do without this package. Contestants agree when they
 * name the same members, by JSON Pointer.
 */
import fastJsonPatch from 'fast-json-patch';
import { readFrame } from '../ts/blob/decode.ts';
import { compareBlobs, decodeSession, diffBlobs, diffSessions, encodeSession, type SessionDiff, useKernel } from '../ts/index.ts';
import type { Session } from '../ts/session/session.ts';
import type { BenchCase, Subject } from './harness.ts';

const BASELINE = 'decode both, diffSessions';
const DECODER = new TextDecoder();

/** All cases. */
export async function subject(): Promise<Subject> {
  return {
    name: 'compare',
    baseline: BASELINE,
    note:
      'Text blobs without sections. Ours verify the hash of both states, check what they parse against the schema, and compare by identity; `JSON.parse + ' +
      'fast-json-patch` gets the two states alone, and does none of that: it compares by position, which suits these cases, where nothing moves.',
    packages: ['fast-json-patch'],
    cases: [
      await caseOf('100 cookies, 5 changed', cookies(100, 0), cookies(100, 5)),
      await caseOf('10,000 cookies, 100 changed', cookies(10_000, 0), cookies(10_000, 100)),
      await caseOf('100 items of localStorage, 5 changed', items(100, 0), items(100, 5)),
      await caseOf('10,000 items of localStorage, 100 changed', items(10_000, 0), items(10_000, 100)),
      await equality('10,000 cookies, equal but for the header', cookies(10_000, 0)),
    ],
  };
}

async function caseOf(name: string, before: Session, after: Session): Promise<BenchCase> {
  const [a, b] = [await encodeSession(before), await encodeSession(after)];
  const [stateA, stateB] = [stateOf(a), stateOf(b)];
  const withKernel = (kind: 'portable' | 'wasm-simd'): Promise<SessionDiff> => {
    useKernel(kind);
    return diffBlobs(a, b);
  };
  return {
    name,
    inputBytes: a.length + b.length,
    agree: (first, other) => placesOf(first).join() === placesOf(other).join(),
    contestants: [
      { name: 'diffBlobs, wasm-simd', run: () => withKernel('wasm-simd') },
      { name: 'diffBlobs, portable', run: () => withKernel('portable') },
      { name: BASELINE, run: async () => diffSessions(await decodeSession(a), await decodeSession(b)) },
      { name: 'JSON.parse + fast-json-patch', rival: true, run: () => fastJsonPatch.compare(parse(stateA), parse(stateB)) },
    ],
  };
}

async function equality(name: string, session: Session): Promise<BenchCase> {
  const [a, b] = [await encodeSession(session), await encodeSession({ ...session, revision: session.revision + 1 })];
  const [stateA, stateB] = [stateOf(a), stateOf(b)];
  const now = session.createdAt;
  return {
    name,
    inputBytes: a.length + b.length,
    agree: (first, other) => first === other,
    contestants: [
      { name: "compareBlobs 'login'", run: async () => (await compareBlobs(a, b, 'login', { now })).equal },
      {
        name: BASELINE,
        run: async () =>
          (await diffSessions(await decodeSession(a), await decodeSession(b))).changed.every(({ kind }) => kind === 'header'),
      },
      { name: 'JSON.parse + fast-json-patch', rival: true, run: () => fastJsonPatch.compare(parse(stateA), parse(stateB)).length === 0 },
    ],
  };
}

/** Pointers of the members that changed, sorted. */
function placesOf(result: unknown): string[] {
  const places = Array.isArray(result)
    ? (result as readonly { readonly path: string }[]).map(({ path }) => path)
    : (result as SessionDiff).changed.flatMap(({ to, members }) => members.map(({ member }) => `${to}/${member}`));
  return places.sort();
}

function stateOf(blob: Uint8Array): Uint8Array {
  const { stateStart, stateEnd } = readFrame(blob);
  return blob.subarray(stateStart, stateEnd);
}

function parse(state: Uint8Array): object {
  return JSON.parse(DECODER.decode(state)) as object;
}

/** The value at `i`; of `changes` evenly spread ones, when there are any, another one. */
function valueAt(i: number, count: number, changes: number): string {
  const isChanged = changes > 0 && i % Math.floor(count / changes) === 0;
  return isChanged ? `changed ${i}` : `value ${i} ${'0123456789abcdef'.repeat(4)} ${i * 7919}`;
}

function cookies(count: number, changes: number): Session {
  const list = Array.from({ length: count }, (_, i) => ({
    ...{
      name: `cookie-${i}`,
      value: valueAt(i, count, changes),
      domain: 'app.example',
      hostOnly: true,
      path: '/',
      secure: true,
      httpOnly: true,
    },
    ...{ sameSite: 'lax' as const, expiresAt: 1_800_000_000_000 + i, partitionKey: null },
  }));
  return sessionWith({ cookies: list });
}

function items(count: number, changes: number): Session {
  const localStorage = Array.from({ length: count }, (_, i) => [`key-${i}`, valueAt(i, count, changes)] as const);
  return sessionWith({ storage: [{ key: { origin: 'https://app.example', topLevelSite: null }, localStorage, indexedDB: [] }] });
}

function sessionWith(more: Partial<Session>): Session {
  return {
    ...{
      id: 'bench',
      incarnation: 'bench',
      revision: 0,
      createdAt: 1_700_000_000_000,
      updatedAt: 1_700_000_000_000,
      source: { tool: 'bench' },
    },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
    ...{ cookies: [], storage: [], tabs: [] },
    ...more,
  };
}
