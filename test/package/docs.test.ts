/**
 * The programs of docs/sequence.md and docs/merging.md, as a reader would copy them: type-checked against the installed package, run, and compared with what
 * the comments behind their `console.log` say. And the table of policies of docs/merging.md, row by row.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import * as merge from '../../ts/merging.ts';
import type { Cookie, Session } from '../../ts/session/session.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { token } from '../merge/policy-fixture.ts';
import { CHECKOUT, type PackedProject, packProject } from './packed.ts';
import { checkTypes, readProgram, saidOutput } from './program.ts';

const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'docs/sequence.md': ['text', 'list', 'sending', 'collecting'],
  'docs/merging.md': ['files', 'prefer-source', 'keep-both', 'custom', 'log', 'store'],
};

const NOW = 1_790_000_000_000;
const KEY = { origin: 'https://shop.example', topLevelSite: null };

/** The sessions that the programs read. `before` is what `mine` and `theirs` come from. */
const SESSIONS: Readonly<Record<string, Session>> = {
  before: sessionOf(NOW, { theme: 'light', cart: '["pen"]' }, 'old', NOW + 1_000_000),
  mine: sessionOf(NOW + 1_000, { theme: 'dark', cart: '["pen","cup"]' }, 'mine', NOW + 3_000_000),
  theirs: sessionOf(NOW + 2_000, { theme: 'light', lang: 'de', cart: '["ink","pen"]' }, 'theirs', NOW + 2_000_000),
  draft: sessionOf(NOW, { draft: 'Dear' }),
};

let packed: PackedProject;

beforeAll(async () => {
  packed = packProject(['@types/node']);
  for (const [name, session] of Object.entries(SESSIONS)) {
    writeFileSync(join(packed.folder, `${name}.psp`), await encodeSession(session));
  }
});

afterAll(() => packed?.dispose());

describe.each(Object.entries(PROGRAMS))('%s', (page, names) => {
  it('has no other program', () => {
    expect([...readPage(page).matchAll(/^<!-- test: (.+) -->$/gm)].map(([, name]) => name)).toEqual(names);
    expect(readPage(page).match(/^```js$/gm)).toHaveLength(names.length);
  });

  it('has programs that TypeScript accepts', async () => {
    const files = names.map((name) => `${name}.mjs`);
    for (const name of names) writeFileSync(join(packed.folder, `${name}.mjs`), readProgram(page, name));
    expect(await checkTypes(packed, ...files)).toBe('');
  });

  it.each(names)('the program "%s" prints what it says', async (name) => {
    const program = readProgram(page, name);
    writeFileSync(join(packed.folder, 'program.mjs'), program);
    const said = saidOutput(program);
    expect(said).not.toBe('');
    expect(await packed.run(process.execPath, ['program.mjs'])).toBe(said);
  });
});

describe('the table of policies', () => {
  const rows = readPolicies();
  const named: Readonly<Record<string, unknown>> = { ...merge };

  it('has every policy that may be named, and its object', () => {
    const objects = rows.flatMap(({ policy, object }) => (object === null ? [] : [[policy, (named[object] as merge.Policy).name]]));
    const all: Record<merge.PolicyName, true> = {
      ...{ 'last-writer': true, 'first-writer': true, 'longest-lived': true, 'prefer-fresh-token': true },
      ...{ json: true, text: true, union: true, 'keep-both': true },
    };
    expect(objects).toEqual(Object.keys(all).map((name) => [name, name]));
  });

  it.each(rows)('$policy: $before became $one and $other, and $shown is shown', async ({ policy, before, one, other, shown }) => {
    const store = sessionStore(memory(), { keys: null });
    await store.put(sessionOf(NOW, { item: before as string }));
    const policies = [{ name: 'item', policy }];
    const workers = [await store.checkout('shop', { policies }), await store.checkout('shop', { policies })];
    const commit = (worker: number, value: string | null) => {
      const { storage } = sessionOf(NOW, value === null ? {} : { item: value });
      return workers[worker]!.commit({ session: { ...workers[worker]!.session, storage } });
    };
    await commit(0, one);
    const { session } = await commit(1, other);
    expect(session.storage[0]!.localStorage).toEqual(shown === null ? [] : [['item', shown]]);
  });
});

interface PolicyRow {
  readonly policy: merge.PolicyName;
  /** The name of its object, in the first row of a policy. */
  readonly object: string | null;
  /** What the item is; null where it is deleted. */
  readonly before: string | null;
  readonly one: string | null;
  readonly other: string | null;
  readonly shown: string | null;
}

function readPolicies(): PolicyRow[] {
  const [, table] = /^<!-- policies -->\n((?:\|.*\n)+)/m.exec(readPage('docs/merging.md')) ?? [];
  if (table === undefined) throw new Error('docs/merging.md: expected a table behind <!-- policies -->');
  return table
    .trim()
    .split('\n')
    .slice(2)
    .map((line) => {
      const [first = '', ...cells] = line
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1);
      const [policy, object = null] = first.split(', ').map((name) => name.slice(1, -1));
      const [before, one, other, shown] = cells.map(valueIn) as (string | null)[];
      return { policy, object, before, one, other, shown } as PolicyRow;
    });
}

function valueIn(cell: string): string | null {
  if (cell === 'deleted') return null;
  const text = cell.slice(1, -1);
  const [claim, time] = text.split(' ');
  return claim === 'iat' || claim === 'exp' ? token({ [claim]: Number(time) }) : text;
}

function readPage(page: string): string {
  return readFileSync(join(CHECKOUT, page), 'utf8');
}

function sessionOf(updatedAt: number, items: Readonly<Record<string, string>>, sid?: string, expiresAt: number | null = null): Session {
  const cookie = (value: string): Cookie => ({
    ...{ name: 'sid', value, domain: 'shop.example', hostOnly: true, path: '/', secure: true, httpOnly: true, sameSite: 'lax' as const },
    ...{ expiresAt, partitionKey: null },
  });
  return {
    ...{ id: 'shop', incarnation: '0f1e2d3c4b5a69780f1e2d3c4b5a6978', revision: 0, createdAt: NOW, updatedAt, source: { tool: 'test' } },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [{ key: KEY, localStorage: 'complete', indexedDB: 'complete' }] },
    cookies: sid === undefined ? [] : [cookie(sid)],
    storage: [{ key: KEY, localStorage: Object.entries(items), indexedDB: [] }],
    tabs: [],
  };
}
