/** The records of an object store as bytes: the last section of `ts/session/clone/layout.md`. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { RecordWriter, readRecords } from '../../ts/session/clone/records.ts';
import { difference, graph } from './graph.ts';

type Record = readonly [key: unknown, value: unknown];

function write(records: readonly Record[]): Uint8Array<ArrayBuffer> {
  const writer = new RecordWriter();
  for (const [key, value] of records) writer.add(key, value);
  return writer.take();
}

function read(bytes: Uint8Array): Record[] {
  return [...readRecords(bytes)].map(({ key, value }) => [decodeValue(key).value, decodeValue(value).value]);
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

describe('records', () => {
  test('a record is the length of its key, its key, the length of its value, its value', () => {
    expect(
      hexOf(
        write([
          [1, 'a'],
          [2, null],
        ]),
      ),
    ).toBe('02 0301 03 0a0161 02 0302 01 00'.replaceAll(' ', '')); // worked out by hand
    expect(write([])).toHaveLength(0);
  });

  test('any records come back, in the order in which they were added', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(graph, graph), { maxLength: 5 }), (records) => {
        const found = read(write(records));
        expect(found).toHaveLength(records.length);
        records.forEach(([key, value], i) => {
          expect(difference(key, found[i]?.[0])).toBeNull();
          expect(difference(value, found[i]?.[1])).toBeNull();
        });
      }),
    );
  });

  test('what a record holds is shared within its key and within its value, never between them or with another record', () => {
    const shared = new Date(5);
    const [first, second] = read(
      write([
        [shared, [shared, shared]],
        [shared, shared],
      ]),
    ) as [Record, Record];
    const [one, two] = first[1] as Date[];
    expect(one).toBe(two);
    expect(new Set([first[0], one, second[0], second[1]]).size).toBe(4);
  });

  test('lengths are those of the bytes: a value of 200 bytes takes a length of two', () => {
    const bytes = write([[1, 'x'.repeat(197)]]);
    expect(hexOf(bytes.subarray(0, 8))).toBe('020301c8010ac501');
    expect(bytes).toHaveLength(3 + 2 + 200);
  });

  test('the pieces are views of the bytes they came from, and whole records join to the section again', () => {
    const bytes = write([
      [1, 'a'],
      [[2], new Map([[1, 2]])],
      ['k', Uint8Array.of(1)],
    ]);
    const records = [...readRecords(bytes)];
    for (const { key, value, whole } of records) {
      expect(new Set([key.buffer, value.buffer, whole.buffer])).toEqual(new Set([bytes.buffer]));
      expect(hexOf(whole)).toContain(hexOf(key) + hexOf(Uint8Array.of(value.length)) + hexOf(value));
    }
    expect(records.map(({ whole }) => hexOf(whole)).join('')).toBe(hexOf(bytes));
    expect(write([...read(bytes.subarray(records[0]?.whole.length))])).toEqual(bytes.subarray(records[0]?.whole.length));
  });

  test('a bad record costs only itself', () => {
    const bytes = write([
      [1, 'before'],
      [2, 'broken'],
      [3, 'after'],
    ]);
    const broken = [...readRecords(bytes)][1];
    broken?.value.fill(0xff);
    const found = [...readRecords(bytes)].map(({ value }) => {
      try {
        return decodeValue(value).value;
      } catch (error) {
        return (error as PspError).code;
      }
    });
    expect(found).toEqual(['before', 'SESSION_CLONE_MALFORMED', 'after']);
  });

  test('what could not be carried is named per record, key first', () => {
    const writer = new RecordWriter();
    expect(writer.add(1, { a: new WeakSet(), b: [() => 1, new WeakMap()] })).toEqual(['WeakSet', 'function', 'WeakMap']);
    expect(writer.add(Symbol('key'), new WeakSet())).toEqual(['symbol', 'WeakSet']);
    expect(writer.add(3, 'plain')).toEqual([]);
  });

  test('a value that must be awaited is refused at once, leaves nothing behind, and is added by the call that waits', async () => {
    const writer = new RecordWriter();
    writer.add(1, 'before');
    const { length } = writer;
    expect(() => writer.add(2, new Blob(['x']))).toThrow(TypeError);
    expect(writer.length).toBe(length);
    expect(await writer.addAsync(2, [new Blob(['x']), new WeakMap()])).toEqual(['WeakMap']);
    expect(await writer.addAsync(3, 'after')).toEqual([]);
    expect(read(writer.take()).map(([key]) => key)).toEqual([1, 2, 3]);
  });

  test('whole records of one writer can be appended to another', () => {
    const writer = new RecordWriter();
    writer.add(1, 'a');
    writer.append(write([[2, 'b']]));
    expect(hexOf(writer.take())).toBe(
      hexOf(
        write([
          [1, 'a'],
          [2, 'b'],
        ]),
      ),
    );
  });

  test('the length of a writer is that of the bytes it will give', () => {
    const writer = new RecordWriter();
    expect(writer.length).toBe(0);
    for (let i = 0; i < 100; i++) {
      writer.add(i, 'x'.repeat(i));
      expect(writer.length).toBe(writer.take().length);
    }
  });

  test('bytes that were taken do not change when more records are added', () => {
    const writer = new RecordWriter();
    writer.add(1, 'a');
    const taken = writer.take();
    const before = hexOf(taken);
    writer.add(2, 'b');
    expect(hexOf(taken)).toBe(before);
    expect(hexOf(writer.take()).startsWith(before)).toBe(true);
  });

  test.each([
    ['a key longer than what is left', '05 0301', 1],
    ['a value longer than what is left', '02 0301 04 0a0161', 4],
    ['a key without a value', '02 0301', 3],
    ['a length of 2^50', '80808080808002', 7],
    ['a length that is not shortest', '8000 00', 2],
    ['a length that is cut', '02 0301 80', 4],
  ])('%s is malformed, at its offset', (_name, hex, offset) => {
    expect(() => [...readRecords(bytesOf(hex))]).toThrow(
      expect.objectContaining({ name: 'PspError', code: 'SESSION_CLONE_MALFORMED', details: { offset } }),
    );
  });

  test('every truncation is malformed, or ends between two records', () => {
    const bytes = write([
      [1, 'a'],
      [2, [1, 2, 3]],
      ['k', { a: null }],
    ]);
    const ends = new Set([0]);
    for (const { whole } of readRecords(bytes)) ends.add(Math.max(...ends) + whole.length);
    for (let length = 0; length <= bytes.length; length++) {
      const take = (): unknown[] => [...readRecords(bytes.subarray(0, length))];
      if (ends.has(length)) expect(take).not.toThrow();
      else expect(take).toThrow(PspError);
    }
  });

  test('records are read one at a time: what is broken further on does not matter before it is reached', () => {
    const bytes = bytesOf('02 0301 01 00 ff');
    const records = readRecords(bytes);
    expect(decodeValue(records.next().value.key).value).toBe(1);
    expect(() => records.next()).toThrow(PspError);
  });
});
