import { expect, test } from 'vitest';
import { cutRecords, type RecordPiece } from '../../ts/adapters/record-pieces.ts';
import { concatenate } from '../../ts/session/bytes.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { RecordWriter, readRecords } from '../../ts/session/clone/records.ts';

function recordsOf(count: number, valueBytes: number): Uint8Array<ArrayBuffer> {
  const writer = new RecordWriter();
  for (let i = 0; i < count; i++) writer.add(i, new Uint8Array(valueBytes).fill(i));
  return writer.take();
}

async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function cut(content: AsyncIterable<Uint8Array>): Promise<RecordPiece[]> {
  const pieces: RecordPiece[] = [];
  for await (const piece of cutRecords(content)) pieces.push(piece);
  return pieces;
}

test.each([1, 2, 3, 7, 64, 1000, 100_000])(
  'records that come %i bytes at a time are cut between records, in their order',
  async (pieceBytes) => {
    const bytes = recordsOf(300, 20);
    const pieces = await cut(inPieces(bytes, pieceBytes));
    expect(concatenate(pieces.map((piece) => piece.bytes))).toEqual(bytes);
    let number = 0;
    for (const piece of pieces) {
      expect(piece.first).toBe(number);
      const keys = [...readRecords(piece.bytes)].map(({ key }) => decodeValue(key).value);
      expect(keys).toEqual(Array.from({ length: piece.count }, (_, i) => number + i));
      number += piece.count;
    }
    expect(number).toBe(300);
  },
);

test('small records go by their number, large ones by their bytes, and one that is larger than all limits goes alone', async () => {
  const small = await cut(inPieces(recordsOf(9000, 10), 1 << 20));
  expect(small.map(({ count }) => count)).toEqual([4000, 4000, 1000]);
  const large = await cut(inPieces(recordsOf(10, 60_000), 1 << 20));
  expect(large.map(({ count }) => count)).toEqual([2, 2, 2, 2, 2]);
  const huge = await cut(inPieces(recordsOf(2, 3_000_000), 65_536));
  expect(huge.map(({ count }) => count)).toEqual([1, 1]);
});

test('records that end inside a record are refused, after those that are whole', async () => {
  const bytes = recordsOf(3, 5);
  const pieces = cutRecords(inPieces(bytes.subarray(0, bytes.length - 1), 8));
  let count = 0;
  const reading = (async () => {
    for await (const piece of pieces) count += piece.count;
  })();
  await expect(reading).rejects.toMatchObject({ code: 'SESSION_CLONE_MALFORMED' });
  expect(count).toBe(2);
});

test('no bytes are no records', async () => {
  expect(await cut(inPieces(new Uint8Array(0), 8))).toEqual([]);
});
