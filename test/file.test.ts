import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CaptureOptions, Driver } from '../ts/adapters/driver.ts';
import { decodeSession } from '../ts/blob/decode.ts';
import { captureToFile, openSessionFile, openSpool, restoreFromFile } from '../ts/file.ts';
import { concatenate, sameBytes } from '../ts/session/bytes.ts';
import { piecesOf } from '../ts/session/section-sink.ts';
import type { Section, Session } from '../ts/session/session.ts';
import { FULL_SESSION } from './blob/fixture.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'psp-file-'));
});
afterAll(() => rm(folder, { recursive: true }));

const REPORT = { counts: {}, entries: [] } as unknown as Awaited<ReturnType<Driver<null>['capture']>>['report'];

/** A driver that captures one file of `content`, and shows what it was given to restore. */
function driverOf(content: Uint8Array, failure: Error | null = null): { driver: Driver<null>; restored: Session[] } {
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
        const body = await writer.end();
        const key = { origin: 'https://a.example', topLevelSite: null };
        const storage = [{ key, localStorage: [], indexedDB: [], files: [{ path: 'f', kind: 'file' as const, body }] }];
        return { session: { ...FULL_SESSION, storage, tabs: [], credentials: [], ttl: [] } as unknown as Session, report: REPORT };
      },
      async restore(session) {
        const { body } = session.storage[0]!.files![0]!;
        restored.push({ ...session, storage: [{ ...session.storage[0]!, files: [{ path: 'f', kind: 'file', body: await copy(body!) }] }] });
        return { target: null, report: REPORT };
      },
    },
  };
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
