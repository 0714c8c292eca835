import { type FileHandle, mkdtemp, open as openFile, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CaptureOptions, Driver } from '../ts/adapters/driver.ts';
import { decodeSession } from '../ts/blob/decode.ts';
import { encodeSession } from '../ts/blob/encode.ts';
import { ephemeralCipher } from '../ts/envelope/ephemeral.ts';
import { open } from '../ts/envelope/open.ts';
import { seal } from '../ts/envelope/seal.ts';
import { recordOn } from '../ts/file/tape.ts';
import { captureToFile, openSessionFile, openSpool, restoreFromFile, writeSessionFile } from '../ts/file.ts';
import { concatenate, sameBytes } from '../ts/session/bytes.ts';
import { piecesOf } from '../ts/session/section-sink.ts';
import type { Section, Session } from '../ts/session/session.ts';
import { FULL_SESSION } from './blob/fixture.ts';
import { flip, keyOf } from './envelope/fixture.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'psp-file-'));
});
afterAll(() => rm(folder, { recursive: true }));

const REPORT = { counts: {}, entries: [] } as unknown as Awaited<ReturnType<Driver<null>['capture']>>['report'];

/** A driver that captures one file of `content`, calls `during` meanwhile, and shows what it was given to restore. */
function driverOf(
  content: Uint8Array,
  failure: Error | null = null,
  during: () => Promise<void> = async () => undefined,
): { driver: Driver<null>; restored: Session[] } {
  const restored: Session[] = [];
  return {
    restored,
    driver: {
      name: 'test',
      async capture({ sink }: CaptureOptions = {}) {
        const [writer, other] = await Promise.all([sink!.begin('a/b'), sink!.begin('c/d')]);
        for (let at = 0; at < content.length; at += 1000) {
          // At once, as by two tabs.
          await Promise.all([writer.write(content.subarray(at, at + 1000)), other.write(content.subarray(at, at + 500))]);
          if (failure !== null) throw failure;
        }
        await other.abort();
        await during();
        return { session: sessionOf(await writer.end()), report: REPORT };
      },
      async restore(session) {
        const { body } = session.storage[0]!.files![0]!;
        restored.push({ ...session, storage: [{ ...session.storage[0]!, files: [{ path: 'f', kind: 'file', body: await copy(body!) }] }] });
        return { target: null, report: REPORT };
      },
    },
  };
}

/** A session with one private file. */
function sessionOf(body: Section): Session {
  const key = { origin: 'https://a.example', topLevelSite: null };
  const storage = [{ key, localStorage: [], indexedDB: [], files: [{ path: 'f', kind: 'file' as const, body }] }];
  return { ...FULL_SESSION, storage, tabs: [], credentials: [], ttl: [] } as unknown as Session;
}

async function copy(content: Section): Promise<Section> {
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(content)) pieces.push(piece);
  const bytes = concatenate(pieces);
  return { mediaType: content.mediaType, length: bytes.length, bytes: async () => bytes };
}

const CONTENT = new Uint8Array(600_000).map((_, i) => (i * 7) % 251);

test('a capture goes to a file that its owner alone reads, and the restore from it gives the driver the same contents', async () => {
  const path = join(folder, 'session.pspb');
  const { driver, restored } = driverOf(CONTENT);
  const { id, fileBytes } = await captureToFile(driver, path);
  expect(id).toBe(FULL_SESSION.id);
  expect((await stat(path)).size).toBe(fileBytes);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['session.pspb']);
  const decoded = await decodeSession(await readFile(path));
  expect(sameBytes(await decoded.storage[0]!.files![0]!.body!.bytes(), CONTENT)).toBe(true);
  await restoreFromFile(driver, path);
  expect(sameBytes(await restored[0]!.storage[0]!.files![0]!.body!.bytes(), CONTENT)).toBe(true);
});

describe('a sealed session file', () => {
  const KEY = keyOf('home', 1);
  const context = { tenant: 'shop', sessionId: 's' };
  const path = (): string => join(folder, 'sealed.pspe');

  test('is what sealing the whole blob gives, for the context that is named, and restores with the keys', async () => {
    const { driver, restored } = driverOf(CONTENT);
    const { blobBytes, fileBytes } = await captureToFile(driver, path(), { keys: [keyOf('other', 2), KEY], context });
    const sealed = await readFile(path());
    expect(sealed.length).toBe(fileBytes);
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    const blob = await open(sealed, KEY, context);
    expect(blob.length).toBe(blobBytes);
    expect(sameBytes(await (await decodeSession(blob)).storage[0]!.files![0]!.body!.bytes(), CONTENT)).toBe(true);
    await restoreFromFile(driver, path(), { keys: KEY, context });
    expect(sameBytes(await restored[0]!.storage[0]!.files![0]!.body!.bytes(), CONTENT)).toBe(true);
  });

  test('opens with its keys and its context only, and nothing clear passes for it', async () => {
    await captureToFile(driverOf(CONTENT).driver, path(), { keys: KEY });
    await expect(openSessionFile(path())).rejects.toMatchObject({ code: 'KEY_MISSING' });
    await expect(openSessionFile(path(), { keys: keyOf('other', 2) })).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
    await expect(openSessionFile(path(), { keys: KEY, context })).rejects.toMatchObject({ code: 'ENVELOPE_CONTEXT' });
    const clear = join(folder, 'clear.pspb');
    await captureToFile(driverOf(CONTENT).driver, clear);
    await expect(restoreFromFile(driverOf(CONTENT).driver, clear, { keys: KEY })).rejects.toMatchObject({ code: 'ENVELOPE_NOT_SEALED' });
  });

  test('that seal made of a blob of either framing opens as well, by its sections', async () => {
    for (const framing of ['text', 'packed'] as const) {
      await writeFile(path(), await seal(await encodeSession(FULL_SESSION, { framing }), KEY));
      const { session, verify, close } = await openSessionFile(path(), { keys: KEY });
      await verify();
      expect(sameBytes(await encodeSession(session), await encodeSession(FULL_SESSION))).toBe(true);
      await close();
    }
  });

  test('that is cut, extended or changed is refused: at once, or when the part is read', async () => {
    await captureToFile(driverOf(CONTENT).driver, path(), { keys: KEY });
    const sealed = new Uint8Array(await readFile(path()));
    const put = (bytes: Uint8Array): Promise<void> => writeFile(path(), bytes);
    await put(sealed.subarray(0, sealed.length - 1));
    await expect(openSessionFile(path(), { keys: KEY })).rejects.toMatchObject({ code: 'ENVELOPE_TRUNCATED' });
    await put(new Uint8Array([...sealed, 0]));
    await expect(openSessionFile(path(), { keys: KEY })).rejects.toMatchObject({ code: 'ENVELOPE_TAMPERED' });
    await put(flip(sealed, sealed.length - 1));
    await expect(openSessionFile(path(), { keys: KEY })).rejects.toMatchObject({ code: 'ENVELOPE_TAMPERED' });
    await put(flip(sealed, 400_000));
    const { session, verify, close } = await openSessionFile(path(), { keys: KEY });
    const { body } = session.storage[0]!.files![0]!;
    await expect(verify()).rejects.toMatchObject({ code: 'ENVELOPE_TAMPERED' });
    await expect(body!.bytes()).rejects.toMatchObject({ code: 'ENVELOPE_TAMPERED' });
    await expect(copy(body!)).rejects.toMatchObject({ code: 'ENVELOPE_TAMPERED' });
    // Mended, and changed again under the open file: each reading is verified anew.
    await put(sealed);
    await verify();
    expect(sameBytes(await body!.bytes(), CONTENT)).toBe(true);
    await put(flip(sealed, 400_000));
    await expect(body!.bytes()).rejects.toMatchObject({ code: 'ENVELOPE_TAMPERED' });
    await close();
    await expect(body!.bytes()).rejects.toThrow(TypeError);
  });

  test('that was replaced stays what it was for whoever has it open', async () => {
    await captureToFile(driverOf(CONTENT).driver, path(), { keys: KEY });
    const { session, close } = await openSessionFile(path(), { keys: KEY });
    await captureToFile(driverOf(CONTENT.map((byte) => byte ^ 1)).driver, path(), { keys: KEY });
    expect(sameBytes(await session.storage[0]!.files![0]!.body!.bytes(), CONTENT)).toBe(true);
    await close();
  });

  test('is not captured on when the signal is given, in the middle of a content', async () => {
    const abort = new AbortController();
    const { driver } = driverOf(CONTENT, null, async () => abort.abort(new Error('called off')));
    const more: Driver<null> = {
      ...driver,
      async capture(options) {
        const result = await driver.capture(options);
        const writer = await options!.sink!.begin('a/b');
        await writer.write(Uint8Array.of(1));
        return result;
      },
    };
    const target = join(folder, 'stopped');
    await expect(captureToFile(more, target, { keys: KEY, signal: abort.signal })).rejects.toThrow('called off');
    expect((await readdir(folder)).filter((name) => name.startsWith('stopped'))).toEqual([]);
  });

  test('is not written for a signal that was given, between two pieces', async () => {
    const abort = new AbortController();
    const body: Section = {
      mediaType: 'a/b',
      length: 200_000,
      bytes: () => Promise.reject(new Error('read whole')),
      async *stream() {
        for (let at = 0; at < 2; at++) yield new Uint8Array(100_000);
        // It was read once, and would be written now.
        abort.abort(new Error('called off'));
      },
    };
    const options = { keys: KEY, signal: abort.signal };
    const target = join(folder, 'called-off');
    await expect(writeSessionFile(sessionOf(body), target, options)).rejects.toThrow('called off');
    expect((await readdir(folder)).filter((name) => name.startsWith('called-off'))).toEqual([]);
  });
});

test('a capture that fails leaves no file behind, and what was at its path stays', async () => {
  const path = join(folder, 'kept.pspb');
  await writeFile(path, 'was there');
  await expect(captureToFile(driverOf(CONTENT, new Error('torn')).driver, path)).rejects.toThrow('torn');
  expect(await readFile(path, 'utf8')).toBe('was there');
  expect((await readdir(folder)).filter((name) => name.startsWith('kept'))).toEqual(['kept.pspb']);
});

test('what a killed capture left behind is in nobody\u2019s way', async () => {
  const path = join(folder, 'again.pspb');
  for (const left of ['spool', 'unfinished']) await writeFile(`${path}.${left}`, 'left behind');
  const { fileBytes } = await captureToFile(driverOf(CONTENT).driver, path);
  expect((await stat(path)).size).toBe(fileBytes);
});

test('contents of a spool are apart, in whatever order they were written, and gone when it is closed', async () => {
  const path = join(folder, 'a.spool');
  const { sink, close } = await openSpool(path);
  const writers = await Promise.all(['a/a', 'b/b', 'c/c'].map((type) => sink.begin(type)));
  for (let round = 0; round < 5; round++) {
    await Promise.all(writers.map((writer, i) => writer.write(Uint8Array.of(i, round, round))));
  }
  const sections = await Promise.all(writers.map((writer) => writer.end()));
  for (const [i, section] of sections.entries()) {
    const expected = [0, 1, 2, 3, 4].flatMap((round) => [i, round, round]);
    expect([...(await section.bytes())]).toEqual(expected);
    expect([...(await (await copy(section)).bytes())]).toEqual(expected);
  }
  await close();
  expect(await readdir(folder)).not.toContain('a.spool');
  await expect(sections[0]!.bytes()).rejects.toThrow();
});

test('a spool never takes the place of a file', async () => {
  const path = join(folder, 'taken');
  await writeFile(path, 'mine');
  await expect(openSpool(path)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(await readFile(path, 'utf8')).toBe('mine');
});

test('a file that is no blob is refused, and one that is damaged when the damage is read', async () => {
  const path = join(folder, 'none');
  await writeFile(path, 'no blob at all');
  await expect(openSessionFile(path)).rejects.toMatchObject({ code: 'BLOB_NOT_A_BLOB' });
  const damaged = join(folder, 'damaged');
  await captureToFile(driverOf(CONTENT).driver, damaged);
  const bytes = await readFile(damaged);
  bytes[bytes.length - 1000]! ^= 1;
  await writeFile(damaged, bytes);
  await expect(restoreFromFile(driverOf(CONTENT).driver, damaged)).rejects.toMatchObject({ code: 'BLOB_SECTION_HASH' });
});

describe('a spool', () => {
  // Across batches of chunks, and what is still in memory.
  test('gives back what was written, also while others write', async () => {
    const { sink, close } = await openSpool(join(folder, 'b.spool'));
    const lengths = [1, 70_000, 300_000, 0, 16_384, 262_144, 500_001];
    const contents = lengths.map((length, i) => new Uint8Array(length).map((_, at) => (at * 31 + at / 977 + i) & 255));
    const writers = await Promise.all(contents.map(() => sink.begin('a/b')));
    const sections = await Promise.all(
      contents.map(async (content, i) => {
        for (let at = 0; at < content.length; at += 50_021) await writers[i]!.write(content.subarray(at, at + 50_021));
        const section = await writers[i]!.end();
        expect(sameBytes(await section.bytes(), content)).toBe(true);
        return section;
      }),
    );
    for (const [i, section] of sections.entries()) {
      expect(section.length).toBe(lengths[i]);
      expect(sameBytes(await (await copy(section)).bytes(), contents[i]!)).toBe(true);
    }
    await close();
  });

  // Where a file without a name can be looked at.
  describe.skipIf(process.platform !== 'linux')('on disk', () => {
    const SECRET = 'a value that nobody else may read.';
    const secrets = new TextEncoder().encode(SECRET.repeat(20_000));
    /** The descriptors of this process whose files lie, or lay, under `path`. */
    const openUnder = async (path: string): Promise<string[]> => {
      const found: string[] = [];
      for (const name of await readdir('/proc/self/fd')) {
        const target = await readlink(`/proc/self/fd/${name}`).catch(() => '');
        if (target.startsWith(path)) found.push(`/proc/self/fd/${name}`);
      }
      return found;
    };

    test('has no name and nothing in the clear while a capture runs, sealed or not', async () => {
      for (const keys of [keyOf('home', 1), null]) {
        const path = join(folder, `secret-${keys === null ? 'clear' : 'sealed'}`);
        let seen = 0;
        const { driver } = driverOf(secrets, null, async () => {
          expect((await readdir(folder)).filter((name) => name.startsWith('secret-') && name.includes('.'))).toEqual([]);
          const spools = await openUnder(`${path}.`);
          expect(spools).toHaveLength(1);
          const bytes = await readFile(spools[0]!);
          seen = bytes.length;
          for (const part of [SECRET, SECRET.slice(5, 15)]) expect(bytes.includes(part)).toBe(false);
        });
        await captureToFile(driver, path, { keys });
        expect(seen).toBeGreaterThan(secrets.length);
        // The clear file shows that the search finds it.
        expect((await readFile(path)).includes(SECRET)).toBe(keys === null);
      }
    });

    test('that another program wrote into, or cut, is refused', async () => {
      const { sink, close } = await openSpool(join(folder, 'c.spool'));
      const writer = await sink.begin('a/b');
      await writer.write(secrets);
      const section = await writer.end();
      const [path] = await openUnder(join(folder, 'c.spool'));
      const file: FileHandle = await openFile(path!, 'r+');
      await file.write(Uint8Array.of(1, 2, 3), 0, 3, 100_000);
      await expect(section.bytes()).rejects.toMatchObject({ code: 'ENVELOPE_TAMPERED' });
      await file.truncate(100_000);
      await expect(copy(section)).rejects.toMatchObject({ code: 'ENVELOPE_TAMPERED' });
      await file.close();
      await close();
    });
  });

  test('takes nothing after a failure to write, nor after it was closed', async () => {
    let writes = 0;
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const file = {
      async write() {
        writes += 1;
        throw full;
      },
    };
    const tape = recordOn(file as unknown as FileHandle, await ephemeralCipher());
    expect(await tape.append(new Uint8Array(10))).toBe(0);
    const both = [tape.append(new Uint8Array(300_000)), tape.append(new Uint8Array(1))];
    for (const one of both) await expect(one).rejects.toBe(full);
    expect(writes).toBe(1);
    expect((await tape.read(0, 10)).length).toBe(10);
    const other = recordOn(file as unknown as FileHandle, await ephemeralCipher());
    await other.forget();
    await expect(other.append(new Uint8Array(300_000))).rejects.toThrow(TypeError);
    expect(writes).toBe(1);
  });
});
