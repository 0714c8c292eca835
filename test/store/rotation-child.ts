/** The process that `rotate-resume.test.ts` kills: one rotation of the store in a folder, with checkpoint and audit log in files beside it. */

import { existsSync, readFileSync, truncateSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filesystem } from '../../providers/filesystem.ts';
import { EncryptionKey, MacKey } from '../../ts/envelope/key.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { rotateStore } from '../../ts/store/rotate.ts';
import { checkpointFile } from '../machine/checkpoint-file.ts';

/** Records between two checkpoints. */
export const SAVED_EVERY = 20;

export const AUDIT_KEY: MacKey = new MacKey('audit', new Uint8Array(32).fill(5));

const [folder, mode] = process.argv.slice(2);
if (folder !== undefined && (mode === 'rewrap' || mode === 'reseal')) await rotate(folder, mode);

async function rotate(place: string, mode: 'rewrap' | 'reseal'): Promise<void> {
  const [old, next] = [new EncryptionKey('old', new Uint8Array(32).fill(1)), new EncryptionKey('new', new Uint8Array(32).fill(2))];
  const ring = KeyRing.of(old, 0).add(next, 0).promote('new', 0);
  const provider = filesystem({ root: join(place, 'store'), durability: 'none' });
  const log = join(place, 'audit');
  process.stdout.write('started\n');
  await rotateStore(provider, ring, {
    mode,
    contextOf: (key) => ({ sessionId: key }),
    checkpointEvery: SAVED_EVERY,
    checkpoint: checkpointFile(join(place, 'checkpoint')),
    audit: {
      keys: AUDIT_KEY,
      last() {
        const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
        const end = text.lastIndexOf('\n') + 1;
        // What a kill cut in the middle was never acknowledged.
        if (end < text.length) truncateSync(log, Buffer.byteLength(text.slice(0, end)));
        return text.slice(0, end).split('\n').at(-2) ?? null;
      },
      append: (lines) => appendFile(log, lines),
    },
  });
}
