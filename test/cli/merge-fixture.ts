/** For the tests of merging files: a session, two branches of it, and `psp` verbs that run in this process. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { encodeSession } from '../../ts/blob/encode.ts';
import type { Cookie, Session } from '../../ts/session/session.ts';
import { makeSession } from './fixture.ts';
import { plantSecret } from './leak.ts';

export const SECRETS = { old: plantSecret('ascii'), ours: plantSecret('ascii'), theirs: plantSecret('ascii') };

const KEY = { origin: 'http://app.example', topLevelSite: null };

/** Two cookies and two items; no secret but `SECRETS.old`. */
export function baseSession(): Session {
  const session = makeSession(SECRETS.old);
  const cookie = session.cookies[0] as Cookie;
  return {
    ...session,
    cookies: [cookie, { ...cookie, name: 'theme', value: 'dark' }],
    storage: [
      {
        key: KEY,
        localStorage: [
          ['token', SECRETS.old],
          ['draft', 'one'],
        ],
        indexedDB: session.storage[0]?.indexedDB ?? [],
      },
    ],
  };
}

/** `session`, `afterMs` later, with another cookie `sid`. */
export function withToken(session: Session, value: string, afterMs: number): Session {
  const cookies = session.cookies.map((one) => (one.name === 'sid' ? { ...one, value } : one));
  return { ...session, updatedAt: session.updatedAt + afterMs, cookies };
}

/** `session`, `afterMs` later, with the items that `change` makes of those of its origin. */
export function withItems(session: Session, change: (items: Map<string, string>) => void, afterMs: number): Session {
  const storage = session.storage.map((one) => {
    const items = new Map(one.localStorage as readonly (readonly [string, string])[]);
    change(items);
    return { ...one, localStorage: [...items] };
  });
  return { ...session, updatedAt: session.updatedAt + afterMs, storage };
}

/** What the tests look at. */
export function contentOf({ cookies, storage }: Session): { cookies: Record<string, string>; items: Record<string, unknown> } {
  return {
    cookies: Object.fromEntries(cookies.map(({ name, value }) => [name, value])),
    items: Object.fromEntries(storage[0]?.localStorage ?? []),
  };
}

/** Writes sessions as clear text blobs `<name>.psp` of a folder and gives their paths. */
export async function writeSessions(folder: string, sessions: Readonly<Record<string, Session>>): Promise<string[]> {
  const paths: string[] = [];
  for (const [name, session] of Object.entries(sessions)) {
    const path = join(folder, `${name}.psp`);
    writeFileSync(path, await encodeSession(session));
    paths.push(path);
  }
  return paths;
}

/** Runs a verb in this process: what it printed, and the exit status that it set. */
export async function ran(verb: (args: readonly string[]) => Promise<void>, ...args: string[]): Promise<{ text: string; status: unknown }> {
  let text = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  try {
    await verb(args);
    return { text, status: process.exitCode ?? 0 };
  } finally {
    spy.mockRestore();
    process.exitCode = undefined;
  }
}
