/** Large values in the filesystem provider: streams in and out, ranges, and a touch that moves the value, all in memory for a piece of it. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nameKey } from '../../providers/filesystem/name.ts';
import { filesystem } from '../../providers/filesystem.ts';
import type { RecordHead, StoredRecord } from '../../ts/provider.ts';
import { expectBytes, expectCode, pattern } from '../contract/provider/observe.ts';
import { KEY, makeRecord, makeStore, NAME } from './filesystem-store.ts';

const MIB = 1024 * 1024;
const IS_DEEP = process.env['PSP_DEEP'] === '1';
/** Of the stream that fits into no memory: 1 GiB where `PSP_DEEP` is set. */
const LARGE_MIB = IS_DEEP ? 1024 : 128;

describe('filesystem: streams', () => {
  test(`${LARGE_MIB} MiB go in, are touched, and come out again in far less memory`, { timeout: 600_000 }, async () => {
    const { provider } = await makeStore();
    const piece = pattern(MIB);
    const expected = createHash('sha256');
    for (let at = 0; at < LARGE_MIB; at++) expected.update(piece);

    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const look = (): void => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    };
    const head = await provider.put(KEY, repeat(piece, LARGE_MIB, look), { metadata: { a: 'b' } });
    expect(head).toMatchObject({ size: LARGE_MIB * MIB, metadata: { a: 'b' } });
    const touched = await provider.touch(KEY, Date.now() + 60_000);
    look();
    expect(touched).toMatchObject({ size: LARGE_MIB * MIB, metadata: { a: 'b' } });
    const hash = createHash('sha256');
    for await (const bytes of (await provider.getStream(KEY))!.stream) {
      hash.update(bytes);
      look();
    }
    expect(hash.digest('hex')).toBe(expected.digest('hex'));
    expect(most).toBeLessThan(64 * MIB);
  });

  test('what was put as a stream is read as any value, and the other way round', async () => {
    const { provider } = await makeStore();
    for (const size of [0, 1, 4000, 4096, 256 * 1024, 700_000]) {
      const head = await provider.put('stream', streamOf(pattern(size), 10_000));
      expectRecord(await provider.get('stream'), head, pattern(size));
      expect(await provider.head('stream')).toEqual(head);
      await provider.put('array', pattern(size));
      expectBytes(await readAll((await provider.getStream('array'))!.stream), pattern(size));
    }
  });

  test('pieces of no bytes are fine, and a piece may be written to when the next one is asked for', async () => {
    const { provider } = await makeStore();
    const piece = new Uint8Array(1000);
    let next = 0;
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (next === 5) return controller.close();
          controller.enqueue(next % 2 === 0 ? piece.fill(next) : new Uint8Array());
          next++;
        },
      },
      { highWaterMark: 0 },
    );
    await provider.put(KEY, source);
    const expected = [0, 2, 4].flatMap((value) => Array<number>(1000).fill(value));
    expect((await provider.get(KEY))?.value).toEqual(Uint8Array.from(expected));
  });

  test('a source that fails, a piece that is none, a value that is too long: the old value stays, nothing is left, the source is cancelled', async () => {
    const { provider, shard } = await makeStore();
    await provider.put(KEY, pattern(10));
    const failure = Object.assign(new Error('ENOENT of a file of the caller'), { code: 'ENOENT', syscall: 'open' });
    await expect(provider.put(KEY, failing(failure))).rejects.toBe(failure);
    const text = endless('text' as never);
    await expect(provider.put(KEY, text.stream)).rejects.toThrow(TypeError);
    const huge = endless(new Uint8Array(2 ** 31)); // Never read, so it takes no memory.
    await expectCode(provider.put(KEY, huge.stream), 'PROVIDER_TOO_LARGE');
    expect([text.isCancelled(), huge.isCancelled()]).toEqual([true, true]);
    expect(await readdir(shard)).toEqual([NAME.record]);
    expect((await provider.get(KEY))?.value).toEqual(pattern(10));
  });

  test('a condition that fails cancels the source before anything is read from it', async () => {
    const { provider, shard } = await makeStore();
    await provider.put(KEY, pattern(10));
    const source = endless(pattern(1000));
    await expectCode(provider.put(KEY, source.stream, { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT');
    expect([source.isCancelled(), source.pulls()]).toEqual([true, 0]);
    expect(await readdir(shard)).toEqual([NAME.record]);
  });

  test('one that somebody was faster than is a conflict at its end', async () => {
    const { provider, shard } = await makeStore();
    let isFirst = true;
    const source = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (!isFirst) return controller.close();
        isFirst = false;
        await provider.put(KEY, pattern(3));
        controller.enqueue(pattern(10));
      },
    });
    await expectCode(provider.put(KEY, source, { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT');
    expect((await provider.get(KEY))?.value).toEqual(pattern(3));
    expect(await readdir(shard)).toEqual([NAME.record]);
  });

  test('a call that is aborted while its source stands still ends, and nothing is left', async () => {
    const { provider, shard } = await makeStore();
    await provider.put(KEY, pattern(10));
    const abort = new AbortController();
    let cancelled: unknown = null;
    const source = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(pattern(1000)),
      cancel(reason) {
        cancelled = reason;
      },
    });
    const put = provider.put(KEY, source, { signal: abort.signal });
    const failed = expect(put).rejects.toBe('enough');
    while (!(await readdir(shard)).some((name) => name.endsWith('.tmp'))) await new Promise((resolve) => setImmediate(resolve));
    abort.abort('enough');
    await failed;
    await provider.close(); // Waits for what is still being cleared away.
    expect(cancelled).toBe('enough');
    expect(await readdir(shard)).toEqual([NAME.record]);
  });

  test('a stream that is cut or changed ends with PROVIDER_CORRUPT, and its last piece is never seen', async () => {
    const { provider, path } = await makeRecord();
    await provider.put(KEY, pattern(600_000));
    const whole = await readFile(path);
    for (const at of [whole.length - 1, 300_000, whole.length - 600_000]) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 1;
      await writeFile(path, changed);
      const seen: number[] = [];
      const { stream } = (await provider.getStream(KEY))!;
      await expectCode(readAll(stream, seen), 'PROVIDER_CORRUPT');
      expect(seen.reduce((sum, bytes) => sum + bytes, 0)).toBe(512 * 1024);
    }
    await writeFile(path, whole);
    const { stream } = (await provider.getStream(KEY))!;
    await writeFile(path, whole.subarray(0, 400_000)); // The file itself, not a new one: what a provider never does.
    await expectCode(readAll(stream), 'PROVIDER_CORRUPT');
  });

  test('a stream shows the value that was there when it began, also when that is replaced and deleted meanwhile', async () => {
    const { provider } = await makeStore();
    await provider.put(KEY, pattern(600_000));
    const { stream } = (await provider.getStream(KEY))!;
    await provider.put(KEY, pattern(5));
    await provider.delete(KEY);
    expectBytes(await readAll(stream), pattern(600_000));
  });

  test('a stream that is cancelled or read to its end leaves no file open', async () => {
    const { provider } = await makeStore();
    await provider.put(KEY, pattern(600_000));
    const files = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    const before = await files();
    for (let i = 0; i < 20; i++) {
      const [first, second] = [(await provider.getStream(KEY))!.stream, (await provider.getStream(KEY, { range: [5, 10] }))!.stream];
      await first.getReader().cancel();
      expect(await readAll(second)).toEqual(pattern(10).subarray(5));
    }
    expect(await provider.getStream('absent')).toBeNull();
    expect(await files()).toBeLessThan(before + 10);
  });
});

describe('filesystem: ranges', () => {
  test('the bytes from one to the other, as far as there are any', async () => {
    const { provider } = await makeStore();
    for (const size of [0, 5000, 600_000]) {
      const head = await provider.put(KEY, pattern(size));
      for (const range of [
        [0, 0],
        [0, 1],
        [3000, 5500],
        [4999, 5001],
        [5000, 5000],
        [299_000, 601_000],
        [700_000, 800_000],
        [0, 2 ** 53 - 1],
      ] as const) {
        const expected = pattern(size).slice(...range);
        expectRecord(await provider.get(KEY, { range }), head, expected);
        expectBytes(await readAll((await provider.getStream(KEY, { range }))!.stream), expected);
      }
    }
  });

  test('a cut file is found also in a range that it still has', async () => {
    const { provider, path, whole } = await makeRecord();
    await writeFile(path, whole.subarray(0, -1));
    await expectCode(provider.get(KEY, { range: [0, 5] }), 'PROVIDER_CORRUPT');
  });
});

describe('filesystem: touch', () => {
  test('gives another version and expiry to the same bytes and metadata', async () => {
    const { provider, shard } = await makeRecord();
    const before = (await provider.get(KEY))!;
    for (const expiresAt of [Date.now() + 5000, null, 2 ** 53 - 1]) {
      const head = (await provider.touch(KEY, expiresAt))!;
      expect(head.version).not.toBe(before.version);
      expect(await provider.get(KEY)).toEqual({ ...before, version: head.version, expiresAt });
    }
    expect(await readdir(shard)).toEqual([NAME.record]);
  });

  test('what is absent or expired is not touched, and nothing is made for it', async () => {
    let nowMs = 1000;
    const { provider, root } = await makeStore({ now: () => nowMs });
    expect(await provider.touch(KEY, 5)).toBeNull();
    expect(await readdir(root)).toEqual([]);
    const { version } = await provider.put(KEY, pattern(3), { expiresAt: 2000 });
    nowMs = 2000;
    expect(await provider.touch(KEY, null)).toBeNull();
    await expectCode(provider.touch(KEY, null, { ifMatch: version }), 'PROVIDER_CONFLICT');
    await expectCode(provider.touch('absent', null, { ifMatch: version }), 'PROVIDER_CONFLICT');
  });

  test('a damaged value is still found after it', async () => {
    const { provider, path, whole } = await makeRecord();
    const changed = Buffer.from(whole);
    changed[whole.length - 1]! ^= 1;
    await writeFile(path, changed);
    expect(await provider.touch(KEY, null)).not.toBeNull();
    await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
  });

  test('among puts of other clients it neither loses one nor brings an old one back', async () => {
    const { provider, root } = await makeStore();
    const others = [filesystem({ root, durability: 'none' }), filesystem({ root, durability: 'none' })];
    await provider.put('counter', Uint8Array.of(0));
    let isDone = false;
    const touching = (async () => {
      let touches = 0;
      for (; !isDone; touches++) await provider.touch('counter', Date.now() + 60_000 + touches);
      return touches;
    })();
    for (let next = 1; next <= 100; next++) {
      await others[next % 2]!.put('counter', Uint8Array.of(next));
      expect((await provider.get('counter'))?.value).toEqual(Uint8Array.of(next));
    }
    isDone = true;
    expect(await touching).toBeGreaterThan(0);
    expect(await readdir(join(root, nameKey('counter').shard))).toEqual([nameKey('counter').record]);
  });
});

/** `count` times the same piece; `look` is called for each. */
function repeat(piece: Uint8Array, count: number, look: () => void): ReadableStream<Uint8Array> {
  let left = count;
  return new ReadableStream(
    {
      pull(controller) {
        look();
        if (left-- === 0) controller.close();
        else controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
}

function streamOf(bytes: Uint8Array, pieceBytes: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + pieceBytes));
      at += pieceBytes;
    },
  });
}

function failing(failure: Error): ReadableStream<Uint8Array> {
  const pieces = [pattern(1000), pattern(200_000)];
  return new ReadableStream({
    pull(controller) {
      const piece = pieces.pop();
      if (piece === undefined) throw failure;
      controller.enqueue(piece);
    },
  });
}

/** A stream that gives the same piece for ever. */
function endless(piece: Uint8Array) {
  let pulls = 0;
  let isCancelled = false;
  const source: UnderlyingDefaultSource<Uint8Array> = {
    pull(controller) {
      pulls++;
      controller.enqueue(piece);
    },
    cancel() {
      isCancelled = true;
    },
  };
  return {
    stream: new ReadableStream(source, new CountQueuingStrategy({ highWaterMark: 0 })),
    isCancelled: () => isCancelled,
    pulls: () => pulls,
  };
}

/** All bytes of a stream; the length of each piece also goes to `seen` as it comes. */
async function readAll(stream: ReadableStream<Uint8Array>, seen: number[] = []): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) {
    pieces.push(piece);
    seen.push(piece.length);
  }
  return Uint8Array.from(Buffer.concat(pieces));
}

/** As `toEqual`, which takes its time with large values. */
function expectRecord(found: StoredRecord | null, head: RecordHead, value: Uint8Array): void {
  const { value: foundValue, ...foundHead } = found!;
  expect(foundHead).toEqual(head);
  expectBytes(foundValue, value);
}
