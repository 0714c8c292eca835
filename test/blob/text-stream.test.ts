/** The text framing read from a stream: a line is decoded piece by piece, and its faults are those of the whole line. */
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { readBlob } from '../../ts/blob/stream.ts';
import { sectionsOf } from '../../ts/session/document.ts';
import { type Session, section } from '../../ts/session/session.ts';
import { FULL_SESSION, failureOf } from './fixture.ts';

/** More than two pieces of 64 KiB of Base64, and a length that leaves padding. */
const BYTES = Uint8Array.from({ length: 100_003 }, (_, i) => (i * 7) ^ (i >> 5));
const SESSION: Session = {
  ...FULL_SESSION,
  storage: [
    {
      key: { origin: 'https://app.example', topLevelSite: null },
      localStorage: [],
      indexedDB: [],
      files: [{ path: 'f', kind: 'file', body: section(BYTES, 'image/webp') }],
    },
  ],
};

async function readStream(blob: Uint8Array): Promise<Uint8Array[]> {
  const { sections } = await readBlob(
    (async function* () {
      yield blob;
    })(),
  );
  const found: Uint8Array[] = [];
  for await (const { bytes } of sections) found.push(bytes);
  return found;
}

async function readWhole(blob: Uint8Array): Promise<Uint8Array[]> {
  const sections = [...sectionsOf(await decodeSession(blob)).keys()];
  return Promise.all(sections.map((one) => one.bytes()));
}

describe('a line of more than one piece', () => {
  test('gives the section', async () => {
    const blob = await encodeSession(SESSION);
    expect((await readStream(blob)).some((bytes) => Buffer.compare(bytes, BYTES) === 0)).toBe(true);
  });

  test('faults at every place around the ends of its pieces are those of the whole line', async () => {
    const blob = await encodeSession(SESSION);
    const text = new TextDecoder('latin1').decode(blob);
    const lines = text.split('\n');
    const line = lines.findIndex((one) => one.length > 130_000);
    const start = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0);
    const length = (lines[line] as string).length;
    const ends = [0, 65_536, 131_072, length].flatMap((end) => [-9, -4, -3, -2, -1, 0, 1, 2, 3].map((by) => end + by));
    const places = ends.filter((at) => at >= 0 && at < length);
    for (const [name, put] of [
      ['=', (bytes: Uint8Array, at: number) => bytes.fill(0x3d, at, at + 1)],
      ['==', (bytes: Uint8Array, at: number) => bytes.fill(0x3d, at, Math.min(at + 2, start + length))],
      ['-', (bytes: Uint8Array, at: number) => bytes.fill(0x2d, at, at + 1)],
    ] as const) {
      for (const place of places) {
        const broken = blob.slice();
        put(broken, start + place);
        if (Buffer.compare(broken, blob) === 0) continue;
        const [streamed, whole] = [await failureOf(readStream(broken)), await failureOf(readWhole(broken))];
        expect([streamed.code, streamed.details], `${name} at ${place}`).toEqual([whole.code, whole.details]);
      }
    }
  });
});
