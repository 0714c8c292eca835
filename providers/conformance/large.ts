/** Cases: large values, in one piece, as streams and in ranges; what is given up in the middle leaves nothing. */

import assert from 'node:assert/strict';
import type { StorageProvider } from '../../ts/provider.ts';
import { type ConformanceGroup, START_MS, type Trial } from './case.ts';
import {
  bytes,
  codeOf,
  expectBytes,
  expectClass,
  expectCode,
  expectHead,
  expectRecord,
  failureOf,
  keysOf,
  pattern,
  present,
  resultOf,
} from './observe.ts';

const MIB = 1024 * 1024;
const PIECE_BYTES = 100_000;

/** Large values. */
export const large: ConformanceGroup = {
  name: 'large',
  cases: [
    ...[24.9, 25, 25.1, 64].map((mib): ConformanceGroup['cases'][number] => ({
      name: `value-of-${mib}-MiB`,
      says: `a value of ${mib} MiB (as much as scale and maxValueBytes allow) comes back as it was put`,
      timeoutMs: 180_000,
      async run(trial) {
        const value = pattern(sizeOf(trial, mib));
        const head = await trial.provider.put('key', value, { metadata: { a: 'b' } });
        assert.deepEqual([head.size, head.metadata], [value.length, { a: 'b' }]);
        await expectRecord(trial.provider, head, value);
      },
    })),
    {
      name: 'over-the-maximum-rejected',
      says: 'a value of more than maxValueBytes is PROVIDER_TOO_LARGE, and what was there stays',
      pointless: ({ capabilities }) =>
        capabilities.maxValueBytes >= 2 ** 32 ? 'maxValueBytes is more than one array of this runtime should hold' : null,
      async run({ provider }) {
        const head = await provider.put('key', bytes(1));
        const value = new Uint8Array(provider.capabilities.maxValueBytes + 1);
        await expectCode(provider.put('key', value), 'PROVIDER_TOO_LARGE');
        await expectCode(provider.putMany([{ key: 'key', value }]), 'PROVIDER_TOO_LARGE');
        await expectRecord(provider, head, bytes(1));
      },
    },
    {
      name: 'ranges',
      says: 'a range gives its bytes, cut at the end of the value, with the head of the whole value',
      needs: ['ranges'],
      async run({ provider }) {
        const value = pattern(300_000);
        const head = await provider.put('key', value, { metadata: { a: 'b' }, expiresAt: START_MS + 5 });
        const ranges = [
          ...[
            [0, 0],
            [0, 1],
            [0, 300_000],
            [1, 2],
            [299_999, 300_000],
            [65_535, 65_537],
            [100_000, 250_000],
            [7, 7],
          ],
          ...[
            [299_999, 400_000],
            [300_000, 300_001],
            [300_000, 300_000],
            [500_000, 600_000],
            [0, Number.MAX_SAFE_INTEGER],
          ],
        ] as [number, number][];
        for (const range of ranges) {
          const record = await provider.get('key', { range });
          expectHead(record, head);
          expectBytes(record!.value, value.slice(...range));
        }
        assert.equal(await provider.get('missing', { range: [0, 1] }), null);
        await provider.put('empty', new Uint8Array());
        for (const range of [
          [0, 0],
          [0, 1],
          [5, 9],
        ] as [number, number][])
          assert.equal((await provider.get('empty', { range }))?.value.length, 0);
      },
    },
    {
      name: 'range-is-private',
      says: 'the bytes of a range belong to the caller',
      needs: ['ranges'],
      async run({ provider }) {
        await provider.put('key', pattern(100));
        const record = await provider.get('key', { range: [10, 20] });
        assert.equal(record?.value.buffer.byteLength, 10);
        record.value.fill(0);
        expectBytes((await present(provider, 'key')).value, pattern(100));
      },
    },
    {
      name: 'wrong-range-rejected',
      says: 'a range that is none is a RangeError',
      needs: ['ranges'],
      async run({ provider }) {
        await provider.put('key', pattern(100));
        for (const range of [
          [-1, 2],
          [2, 1],
          [0.5, 1],
          [0, Number.NaN],
          [0, 2 ** 53],
        ] as [number, number][]) {
          await expectClass(provider.get('key', { range }), RangeError, `range ${range}`);
        }
      },
    },
    {
      name: 'stream-in-stream-out',
      says: 'a value goes in and comes out as a stream, in pieces of any size, and is the one that an array is',
      needs: ['streams'],
      timeoutMs: 180_000,
      async run(trial) {
        const { provider } = trial;
        for (const size of [0, 1, 65_536, sizeOf(trial, 3), sizeOf(trial, 40)]) {
          const value = pattern(size);
          const head = await provider.put('key', streamOf(value), { metadata: { a: 'b' }, expiresAt: START_MS + 5 });
          expectHead(head, { key: 'key', version: head.version, size, expiresAt: START_MS + 5, metadata: { a: 'b' } });
          await expectRecord(provider, head, value);
          const found = await provider.getStream('key');
          expectHead(found, head);
          expectBytes(await readAll(found!.stream), value);
        }
        assert.equal(await provider.getStream('missing'), null);
      },
    },
    {
      name: 'stream-of-array-and-range',
      says: 'a value that was put as an array comes out as a stream, also a range of it',
      needs: ['streams'],
      async run({ provider }) {
        const value = pattern(500_000);
        const head = await provider.put('key', value);
        const whole = await provider.getStream('key');
        expectHead(whole, head);
        expectBytes(await readAll(whole!.stream), value);
        if (!provider.capabilities.ranges) return;
        for (const range of [
          [0, 10],
          [70_000, 70_000],
          [70_000, 400_001],
          [499_999, 600_000],
        ] as [number, number][]) {
          const part = await provider.getStream('key', { range });
          expectHead(part, head);
          expectBytes(await readAll(part!.stream), value.slice(...range));
        }
      },
    },
    {
      name: 'stream-left-early',
      says: 'a stream may be left in the middle, and the provider goes on working and closes',
      needs: ['streams'],
      async run({ provider }) {
        const head = await provider.put('key', pattern(3_000_000));
        for (let i = 0; i < 5; i++) {
          const found = await provider.getStream('key');
          const reader = found!.stream.getReader();
          await reader.read();
          await reader.cancel();
        }
        await expectRecord(provider, head, pattern(3_000_000));
      },
    },
    {
      name: 'stream-condition',
      says: 'a condition on a stream holds, or is PROVIDER_UNSUPPORTED; never forgotten',
      needs: ['streams', 'conditionalPut'],
      async run({ provider }) {
        const first = await provider.put('key', bytes(1));
        const second = await provider.put('key', bytes(2));
        const tries = [
          provider.put('key', streamOf(pattern(100_000)), { ifMatch: first.version }),
          provider.put('key', streamOf(pattern(100_000)), { ifNoneMatch: '*' }),
        ];
        await Promise.all(tries.map((attempt) => expectCode(attempt, ['PROVIDER_CONFLICT', 'PROVIDER_UNSUPPORTED'])));
        await expectRecord(provider, second, bytes(2));
        const [outcome] = await Promise.allSettled([provider.put('key', streamOf(pattern(100_000)), { ifMatch: second.version })]);
        if (outcome.status === 'rejected') assert.equal(codeOf(outcome.reason), 'PROVIDER_UNSUPPORTED');
        else await expectRecord(provider, outcome.value, pattern(100_000));
      },
    },
    {
      name: 'failed-upload-leaves-nothing',
      says: 'a stream that fails rejects the put with its error and leaves what was there; a new key stays absent',
      needs: ['streams'],
      timeoutMs: 120_000,
      async run(trial) {
        const { provider } = trial;
        const before = await provider.put('key', bytes(1));
        for (const size of [0, 1, 200_000, sizeOf(trial, 20)]) {
          for (const key of ['key', 'new']) {
            const failure = new Error('of the source');
            const error = await failureOf(
              provider.put(
                key,
                streamOf(pattern(size), () => Promise.reject(failure)),
              ),
            );
            assert.ok(error === failure || (error as Error).cause === failure, 'the error of the stream, or its cause');
          }
        }
        await expectRecord(provider, before, bytes(1));
        assert.deepEqual(await keysOf(provider), ['key']);
      },
    },
    {
      name: 'aborted-upload-leaves-nothing',
      says: 'a stream whose put is aborted leaves what was there; the stream is let go',
      needs: ['streams'],
      timeoutMs: 120_000,
      async run(trial) {
        const { provider } = trial;
        const before = await provider.put('key', bytes(1));
        for (const key of ['key', 'new']) {
          const abort = new AbortController();
          // All bytes are there and the end does not come: whoever waits for it waits until it is told not to.
          const put = provider.put(
            key,
            streamOf(
              pattern(sizeOf(trial, 20)),
              endless(() => abort.abort(new Error('enough'))),
            ),
            {
              signal: abort.signal,
              timeoutMs: 0,
            },
          );
          assert.equal(((await failureOf(put)) as Error).message, 'enough');
        }
        await expectRecord(provider, before, bytes(1));
        assert.deepEqual(await keysOf(provider), ['key']);
      },
    },
    {
      name: 'stream-ends-with-signal',
      says: 'the signal of getStream ends the stream',
      needs: ['streams'],
      async run({ provider }) {
        await provider.put('key', pattern(5_000_000));
        const abort = new AbortController();
        const found = await provider.getStream('key', { signal: abort.signal });
        const reader = found!.stream.getReader();
        await reader.read();
        abort.abort(new Error('enough'));
        assert.equal(((await failureOf(readRest(reader))) as Error).message, 'enough');
      },
    },
    {
      name: 'reader-keeps-one-value',
      says: 'a stream that is being read while the value is replaced gives one value whole, or an error',
      needs: ['streams'],
      async run({ provider }) {
        const [old, young] = [pattern(4_000_000), pattern(4_000_001).reverse()];
        await provider.put('key', old);
        const found = await provider.getStream('key');
        const reader = found!.stream.getReader();
        const first = await reader.read();
        await provider.put('key', young);
        const [rest] = await Promise.allSettled([readRest(reader)]);
        if (rest.status === 'fulfilled') expectBytes(Buffer.concat([first.value ?? new Uint8Array(), rest.value]), old);
        else assert.match(codeOf(rest.reason), /^PROVIDER_(CORRUPT|UNAVAILABLE|CONFLICT)$/);
        expectBytes((await present(provider, 'key')).value, young);
      },
    },
    {
      name: 'reads-during-overwrite-whole',
      says: 'readers see the old value or the new one while large values replace each other, never a mixture',
      async run({ provider, amount }) {
        const values = [0, 1].map((i) => new Uint8Array(Math.min(500_000, provider.capabilities.maxValueBytes) - i).fill(i + 1));
        await provider.put('key', values[0]!);
        let writing = true;
        const write = async (): Promise<void> => {
          for (let i = 1; i <= amount(30, 6); i++) await provider.put('key', values[i % 2]!);
        };
        const reading = Promise.allSettled(Array.from({ length: 3 }, () => readWhole(provider, values, () => writing)));
        await write().finally(() => {
          writing = false;
        });
        for (const outcome of await reading) resultOf(outcome);
      },
    },
  ],
};

/** Bytes of so many MiB, as scale and capabilities allow; whole numbers of nothing, so that they meet no border by chance. */
function sizeOf({ amount, provider }: Trial, mib: number): number {
  return Math.min(amount(mib * MIB), provider.capabilities.maxValueBytes);
}

/** `value` in pieces of unlike sizes, then what `end` does instead of the end. */
function streamOf(value: Uint8Array, end: () => Promise<void> = async () => undefined): ReadableStream<Uint8Array> {
  let at = 0;
  let piece = 1;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (at >= value.length) {
          await end();
          controller.close();
          return;
        }
        controller.enqueue(value.slice(at, at + piece));
        at += piece;
        piece = Math.min(piece * 7, PIECE_BYTES);
      },
    },
    { highWaterMark: 0 },
  );
}

/** An end that never comes; `reached` is called when it is waited for. */
function endless(reached: () => void): () => Promise<void> {
  return () => {
    reached();
    return new Promise(() => undefined);
  };
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return readRest(stream.getReader());
}

async function readRest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let read = await reader.read(); !read.done; read = await reader.read()) pieces.push(read.value);
  return Buffer.concat(pieces);
}

/** Reads 'key' for as long as `goOn` says; fails when it is none of `values`. */
async function readWhole(provider: StorageProvider, values: readonly Uint8Array[], goOn: () => boolean): Promise<void> {
  do {
    const { value } = await present(provider, 'key');
    const is = values.find((one) => one.length === value.length);
    assert.ok(is !== undefined, 'a length that no value had');
    expectBytes(value, is);
    // Reads that never leave the microtask queue would keep the writer from going on.
    await new Promise((resolve) => setImmediate(resolve));
  } while (goOn());
}
