/** An audit log in a file: lines are added at its end and reach the disk before they count. */
import { open } from 'node:fs/promises';
import { deriveMacKey, type MacKey } from '../envelope/key.ts';
import { heldKeysOf, type KeyRing } from '../envelope/keyring.ts';
import type { AuditLog } from '../store/audit.ts';
import { CliFailure } from './failure.ts';
import { reasonOf } from './file.ts';
import { holdFile } from './hold.ts';

/** Longer than any line: kids of eight keys, twice, each character escaped. */
const TAIL_BYTES = 64 * 1024;
const LF = 0x0a;

/** The MAC keys that belong to the keys of a ring, the primary's first. */
export function macKeysOf(ring: KeyRing): readonly MacKey[] {
  const held = heldKeysOf(ring).flatMap(({ entry, key }) => (key === null ? [] : [{ isPrimary: entry.state === 'primary', key }]));
  return [...held.filter(({ isPrimary }) => isPrimary), ...held.filter(({ isPrimary }) => !isPrimary)].map(({ key }) => deriveMacKey(key));
}

/** Runs `body` with the log in a file, which is made when it is not there and belongs to this `psp` alone meanwhile. */
export function withAuditFile<T>(path: string, keys: readonly MacKey[], body: (log: AuditLog) => Promise<T>): Promise<T> {
  return holdFile(path, 'audit log', async () => {
    const file = await open(path, 'a+', 0o600).catch((cause: unknown) => {
      throw new CliFailure('FILE_WRITE', `the audit log cannot be written: ${reasonOf(cause)}`, { cause });
    });
    try {
      return await body({
        keys,
        async last() {
          const { size } = await file.stat();
          const start = Math.max(0, size - TAIL_BYTES);
          const tail = new Uint8Array(size - start);
          await file.read(tail, 0, tail.length, start);
          const end = tail.lastIndexOf(LF) + 1;
          // What a crash cut in the middle was never acknowledged.
          if (end < tail.length) await file.truncate(start + end);
          if (end === 0) return null;
          return new TextDecoder().decode(tail.subarray(tail.lastIndexOf(LF, end - 2) + 1, end - 1));
        },
        async append(lines) {
          try {
            await file.appendFile(lines);
            await file.datasync();
          } catch (cause) {
            throw new CliFailure('FILE_WRITE', `the audit log cannot be written: ${reasonOf(cause)}`, { cause });
          }
        },
      });
    } finally {
      await file.close();
    }
  });
}
