/** A copy that is killed again and again: in the end every record is there, whole, and what was finished was not done again. */

import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import type { StorageProvider, Version } from '../../ts/provider.ts';
import { bundleChild, startChild } from '../machine/child.ts';
import { makeFolder } from '../machine/folder.ts';
import { killUntilDone } from '../machine/kill.ts';
import { listAll } from './store-fixture.ts';

const COUNT = 400;

test('kill -9 over a copy of 400 records loses none and repeats few', { timeout: 240_000 }, async () => {
  const folder = await makeFolder('copy');
  const script = bundleChild(join(import.meta.dirname, 'copy-child.ts'), folder);
  const [from, to] = ['from', 'to'].map((name) => filesystem({ root: join(folder, name), durability: 'none' })) as [
    StorageProvider,
    StorageProvider,
  ];
  const value = (at: number) => new Uint8Array(2000).fill(at);
  for (let at = 0; at < COUNT; at++) await from.put(`k-${at}`, value(at), { metadata: { at: String(at) } });

  // Versions tell what was written again: a record that is there is never put a second time.
  const versions = new Map<string, Version>();
  const { kills, inTheMiddle, where } = await killUntilDone({
    start: () => startChild([script, folder]),
    checkpoint: join(folder, 'checkpoint'),
    moment: (before) => randomInt(5, 60 + before * 100),
    async look() {
      for (const { key, version } of await listAll(to.list())) {
        expect(versions.get(key) ?? version).toBe(version);
        versions.set(key, version);
      }
    },
  });
  expect(versions.size).toBe(COUNT);
  for (let at = 0; at < COUNT; at++) {
    expect(await to.get(`k-${at}`)).toMatchObject({ value: value(at), metadata: { at: String(at) } });
  }
  expect(kills).toBeGreaterThan(0);
  expect(inTheMiddle, where).toBeGreaterThan(0);
});
