/**
 * Bulk import into lmdb, durable, against raw lmdb puts of the same bytes, and against the pipeline that one would write first: each session opened with
 * AES-GCM, read as one JSON text, validated, its content decoded and hashed, and its bytes put into a file of its own by write, fsync and rename.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open as openFile, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lmdb } from '../providers/lmdb.ts';
import { memory } from '../providers/memory.ts';
import { readFrame, readStored } from '../ts/blob/decode.ts';
import { type EncryptionKey, generateKey } from '../ts/envelope/envelope.ts';
import { encodeSession } from '../ts/index.ts';
import type { Session } from '../ts/session/session.ts';
import { assertState } from '../ts/session/validate.ts';
import { endResting } from '../ts/store/import-threads.ts';
import { exportMany, type ImportItem, importMany, sessionStore, type VerifyLevel } from '../ts/store/session-store.ts';
import { generateSession, type SizeName, toNaiveJson } from './generated-session.ts';
import type { BenchCase, Contestant, Subject } from './harness.ts';

const BASELINE = 'naive, a file each';
/** How many sessions one import has: bulk, and one that is over before a thread has started. The naive pipeline is timed with so many of them. */
const COUNTS: readonly (readonly [size: SizeName, count: number, naiveCount: number])[] = [
  ['4 KiB', 50_000, 1000],
  ['4 KiB', 10_000, 1000],
  ['4 KiB', 1000, 1000],
  ['64 KiB', 1000, 150],
  ['1 MiB', 100, 20],
];
/** So many puts of the raw library are one commit, as in the groups of an import. */
const RAW_GROUP = 256;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/** For the runner: see `SubjectModule`. */
export const needsNode = 'it writes files and uses lmdb';

/** The same sessions in each form. */
interface Forms {
  readonly count: number;
  /** Bytes of all clear blobs. */
  readonly bytes: number;
  readonly clear: readonly ImportItem[];
  readonly sealed: readonly ImportItem[];
  /** Of the first of them: one JSON text each, nonce || ciphertext || tag. */
  readonly naive: readonly Uint8Array[];
}

/** What one import does in an empty folder; gives how many sessions it stored. */
type Import = (folder: string) => Promise<number>;

/** A case for each size. */
export async function subject(): Promise<Subject> {
  const key = generateKey('bench');
  const naiveKey = randomBytes(32);
  const cases: BenchCase[] = [];
  for (const [size, count, naiveCount] of COUNTS) {
    cases.push(importing(size, await makeForms(size, count, naiveCount, key, naiveKey), key, naiveKey));
  }
  return {
    name: 'import',
    baseline: BASELINE,
    packages: ['lmdb'],
    note:
      'Times are per session (1 ms: 1,000 sessions a second), in an import of as many as the case says into an empty store; opening the store counts, making and removing its ' +
      "folder does not. Everything is on the disk when it counts as done. `full` decodes and validates, sealed sessions are opened first; `hashes` checks each section's; " +
      `\`header\` reads the header. Clear ones are stored clear, sealed ones as they are. ` +
      'Those rows have the default number of threads, which is none until an import has looked at 300 items and for a tenth of a second, and then one for each processor but one; ' +
      'those that say so have no thread but their own. A thread is kept for ten seconds for the next import; `the first` starts its threads anew, so their start and the ' +
      'compiling of their program count. ' +
      `\`${BASELINE}\` opens AES-GCM, JSON.parse, the same validator, Base64, SHA-256 of ` +
      'each content; one after the other, which was as fast as several; of many sessions it is timed with fewer. `raw lmdb` stores the bytes and looks at nothing.',
    cases,
  };
}

async function makeForms(size: SizeName, count: number, naiveCount: number, key: EncryptionKey, naiveKey: Uint8Array): Promise<Forms> {
  const session = generateSession(size);
  const clear: ImportItem[] = [];
  const naive: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const own: Session = { ...session, id: `session-${i}`, incarnation: `incarnation-${i}` };
    const bytes = await encodeSession(own, { framing: 'packed' });
    clear.push({ name: own.id, id: own.id, bytes });
    if (i < naiveCount) naive.push(sealNaive(naiveOf(bytes), naiveKey));
  }
  const bytes = clear.reduce((sum, item) => sum + (item.bytes as Uint8Array).length, 0);
  return { count, bytes, clear, sealed: await sealAll(clear, key), naive };
}

/** The records that a store with this key makes of the sessions. */
async function sealAll(items: readonly ImportItem[], key: EncryptionKey): Promise<ImportItem[]> {
  const store = sessionStore(memory(), { keys: key });
  await importMany(store, items).summary;
  const sealed: ImportItem[] = [];
  for await (const result of exportMany(store, { form: 'stored' })) {
    if (result.status === 'rejected') throw result.reason;
    sealed.push({ name: result.value.id, ...result.value });
  }
  return sealed;
}

function importing(size: SizeName, forms: Forms, key: EncryptionKey, naiveKey: Uint8Array): BenchCase {
  const { count, clear, sealed, naive } = forms;
  const contestants: readonly (readonly [name: string, work: Import, rival: boolean])[] = [
    ['raw lmdb', (folder) => putRaw(clear, folder), true],
    ['full, clear', (folder) => importInto(folder, clear, null, 'full'), false],
    ['full, sealed', (folder) => importInto(folder, sealed, key, 'full'), false],
    ['full, clear, the first', (folder) => importFirst(folder, clear, null), false],
    ['full, sealed, the first', (folder) => importFirst(folder, sealed, key), false],
    ['full, clear, no threads', (folder) => importInto(folder, clear, null, 'full', 0), false],
    ['full, sealed, no threads', (folder) => importInto(folder, sealed, key, 'full', 0), false],
    ['hashes, clear', (folder) => importInto(folder, clear, null, 'hashes'), false],
    ['header, clear', (folder) => importInto(folder, clear, null, 'header'), false],
    ['header, sealed', (folder) => importInto(folder, sealed, key, 'header'), false],
  ];
  return {
    name: `import of ${count.toLocaleString('en')} sessions of ${size}`,
    inputBytes: Math.round(forms.bytes / count),
    // Each says whether it stored all that it was given.
    agree: (first, other) => first === true && other === true,
    contestants: [
      contestantOf(BASELINE, (folder) => importNaively(naive, naiveKey, folder), true, naive.length),
      ...contestants.map(([name, work, rival]) => contestantOf(name, work, rival, count)),
    ],
  };
}

/** `sample` is what is timed, with `count` sessions, where that is not all the work. */
function contestantOf(name: string, work: Import, rival: boolean, count: number): Contestant {
  async function time(): Promise<{ stored: number; ms: number }> {
    const folder = mkdtempSync(join(tmpdir(), 'psp-bench-import-'));
    try {
      const startMs = performance.now();
      const stored = await work(folder);
      return { stored, ms: performance.now() - startMs };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  return { name, rival, run: async () => (await time()).stored === count, sample: async () => (await time()).ms / count };
}

async function importInto(
  path: string,
  items: readonly ImportItem[],
  keys: EncryptionKey | null,
  verify: VerifyLevel,
  threads?: number,
): Promise<number> {
  const provider = lmdb({ path });
  const { created, failures } = await importMany(sessionStore(provider, { keys }), items, {
    verify,
    ...(threads === undefined ? {} : { threads }),
  }).summary;
  await provider.close();
  if (created !== items.length) throw new Error(`bench import: ${created} of ${items.length} were stored: ${JSON.stringify(failures)}`);
  return created;
}

/** As a program's first import, or one long after the last. */
function importFirst(path: string, items: readonly ImportItem[], keys: EncryptionKey | null): Promise<number> {
  endResting();
  return importInto(path, items, keys, 'full');
}

/** Stores the bytes of clear blobs with nothing but the library. */
async function putRaw(items: readonly ImportItem[], path: string): Promise<number> {
  const { open } = createRequire(import.meta.url)('lmdb') as { open(options: object): RawLmdb };
  const database = open({ path, noSubdir: false, encoding: 'binary', keyEncoding: 'binary', overlappingSync: false });
  let stored = 0;
  for (let from = 0; from < items.length; from += RAW_GROUP) {
    const puts = items.slice(from, from + RAW_GROUP).map(({ name, bytes }) => database.put(Buffer.from(name), bytes as Uint8Array));
    stored += (await Promise.all(puts)).filter((isStored) => isStored).length;
  }
  await database.close();
  return stored;
}

interface RawLmdb {
  put(key: Uint8Array, value: Uint8Array): Promise<boolean>;
  close(): Promise<void>;
}

async function importNaively(sealed: readonly Uint8Array[], key: Uint8Array, folder: string): Promise<number> {
  let stored = 0;
  for (const [i, bytes] of sealed.entries()) {
    const { state, sections } = JSON.parse(openNaive(bytes, key).toString()) as { state: unknown; sections: string[] };
    assertState(state);
    for (const section of sections) createHash('sha256').update(Buffer.from(section, 'base64')).digest();
    await writeDurably(join(folder, `session-${i}`), bytes);
    stored += 1;
  }
  return stored;
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await openFile(`${path}.tmp`, 'wx', 0o600);
  await handle.write(bytes);
  await handle.sync();
  await handle.close();
  await rename(`${path}.tmp`, path);
}

function naiveOf(blob: Uint8Array<ArrayBuffer>): Uint8Array {
  const frame = readFrame(blob);
  const state: unknown = JSON.parse(new TextDecoder().decode(blob.subarray(frame.stateStart, frame.stateEnd)));
  const sections = frame.header.sections.map((entry) => readStored(blob, frame, entry));
  return toNaiveJson(frame.header, state, sections);
}

function sealNaive(plain: Uint8Array, key: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function openNaive(sealed: Uint8Array, key: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
