/** Law M9 for sessions without a state that come from a known base: what a branch did not look at it did not delete. */
import { expect, test } from 'vitest';
import { branchesOf } from '../../ts/merge/branch.ts';
import { mergeSessions } from '../../ts/merge/merge.ts';
import type { Extent, Session } from '../../ts/session/session.ts';
import { cookieOf, NOON, sessionOf } from './worker.ts';

const base = sessionOf({ cookies: [cookieOf('sid', '1'), cookieOf('csrf', '1')] });

/** The base without one cookie, by a capture that saw so much. */
function branch(cookies: Extent): Session {
  return {
    ...base,
    updatedAt: NOON + 1000,
    cookies: [cookieOf('sid', '2')],
    coverage: { ...base.coverage, cookies },
  };
}

test.each<[Extent, string[], object]>([
  ['complete', ['sid'], { written: 1, deleted: 1, unknown: 0 }],
  ['partial', ['csrf', 'sid'], { written: 1, deleted: 0, unknown: 1 }],
  ['unvisited', ['csrf', 'sid'], { written: 1, deleted: 0, unknown: 1 }],
])('M9: a cookie that is missing where the capture saw its site %s', async (extent, names, counts) => {
  const [one] = await branchesOf(base, [branch(extent)]);
  expect(one).toMatchObject(counts);
  const { session } = await mergeSessions([one!.session]);
  expect(session.cookies.map(({ name }) => name).sort()).toEqual(names);
});
