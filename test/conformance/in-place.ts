/** A provider that writes its files in place, as many do: what the crash cases of the conformance suite have to find. */

import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { memory } from '../../providers/memory.ts';
import { provide } from '../../providers/provide.ts';
import type { RecordHead, StorageProvider, Version } from '../../ts/provider.ts';
import { delegateTo } from './delegate.ts';

/** Values in files of `root`; everything about them but their bytes is made up. */
export function inPlace({ root }: { root: string }): StorageProvider {
  const headOf = (key: string, size: number): RecordHead => ({ key, version: 'x' as Version, size, expiresAt: null, metadata: {} });
  const pathOf = (key: string): string => join(root, Buffer.from(key).toString('hex'));
  const { getMany: _, putMany: __, deleteMany: ___, ...core } = delegateTo(memory());
  return provide({
    ...core,
    get capabilities() {
      return { ...memory().capabilities, sweep: false };
    },
    async get(key) {
      const bytes = await readFile(pathOf(key));
      return { ...headOf(key, bytes.length), value: new Uint8Array(bytes) };
    },
    async put({ key, value }) {
      const bytes = value.slice();
      await mkdir(root, { recursive: true });
      const file = await open(pathOf(key), 'w');
      // In pieces, as a file that is larger than one write of the system, and slowly, as on a busy disk: a kill comes in the middle, on any machine.
      const piece = Math.ceil(bytes.length / 16);
      for (let at = 0; at < bytes.length; at += piece) {
        await file.write(bytes, at, Math.min(piece, bytes.length - at));
        await sleep(2);
      }
      await file.close();
      return headOf(key, bytes.length);
    },
    async listPage() {
      const names = await readdir(root);
      return { items: names.map((name) => headOf(Buffer.from(name, 'hex').toString(), 0)), damaged: [], cursor: null };
    },
  });
}
