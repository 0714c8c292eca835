/** Tests of a contract that one implementation cannot keep: each by its title, with the reason, and shown as skipped. */
import { afterAll, expect, test } from 'vitest';

/** Reasons by the titles of tests. */
export type Exceptions = Readonly<Record<string, string>>;

/** `test` of vitest for a contract with exceptions. Called in a `describe`; fails there when an exception names no test. */
export function testUnless(exceptions: Exceptions): (title: string, work: () => Promise<void>) => void {
  const unused = new Set(Object.keys(exceptions));
  afterAll(() => expect([...unused]).toEqual([]));
  return (title, work) => {
    const reason = exceptions[title];
    unused.delete(title);
    if (reason === undefined) test(title, work);
    else test.skip(`${title} (not here: ${reason})`, work);
  };
}
