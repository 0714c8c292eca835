/** The bytes of a stored record: written down once, outside of this code, for every later reader of framing version 1. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectCode, pattern } from '../contract/provider/observe.ts';
import { KEY, makeStore, NAME } from './filesystem-store.ts';

// Key `keysecret`, version 0011...eeff, metadata { m: 'x' }, expiry 2100-01-01T00:00:00Z, value `golden`; made with Python's hashlib and json.
const GOLDEN =
  '5053505245430d0a01000000c4000000ceed4148c54ca107fd3ee7fa0b2d20adf0cbddee37f521fec33c8e0cfacfa0fd7b226b6579223a226b65797365637265' +
  '74222c2276657273696f6e223a223030313132323333343435353636373738383939616162626363646465656666222c22657870697265734174223a34313032' +
  '3434343830303030302c226d65746164617461223a7b226d223a2278227d2c2273697a65223a362c22736861323536223a226464353664653431333739353164' +
  '3963393236383162303334313665633135663838366234343832613237653361353137643332663038353234346362653564227d676f6c64656e';
const HEAD = {
  key: KEY,
  version: '00112233445566778899aabbccddeeff',
  size: 6,
  expiresAt: 4_102_444_800_000,
  metadata: { m: 'x' },
};

describe('filesystem: the record', () => {
  test('of framing version 1 is read as it was written down', async () => {
    const { provider, shard } = await makeStore();
    await mkdir(shard);
    await writeFile(join(shard, NAME.record), Buffer.from(GOLDEN, 'hex'));
    expect(await provider.head(KEY)).toEqual(HEAD);
    expect(await provider.get(KEY)).toEqual({ ...HEAD, value: Uint8Array.from(Buffer.from('golden')) });
  });

  test('is still written so, by a put, a stream and a touch', async () => {
    const { provider, shard } = await makeStore();
    const options = { expiresAt: HEAD.expiresAt, metadata: HEAD.metadata };
    const writes = [
      () => provider.put(KEY, Buffer.from('golden'), options),
      () => provider.put(KEY, new Blob(['golden']).stream(), options),
      () => provider.touch(KEY, HEAD.expiresAt),
    ];
    for (const write of writes) {
      const { version } = (await write())!;
      const { header, value } = splitRecord(await readFile(join(shard, NAME.record)));
      // A stream leaves room for the longest length: spaces, which JSON allows.
      expect(header.trimEnd()).toBe(splitRecord(Buffer.from(GOLDEN, 'hex')).header.replace(HEAD.version, version));
      expect(header.length - header.trimEnd().length).toBe(write === writes[1] ? '2147483647'.length - '6'.length : 0);
      expect(value.toString()).toBe('golden');
    }
  });

  test('with a header that is right in its hash and wrong in what it says is PROVIDER_CORRUPT', async () => {
    const { provider, shard } = await makeStore();
    await provider.put(KEY, pattern(6));
    const whole = await readFile(join(shard, NAME.record));
    const { header, value } = splitRecord(whole);
    for (const wrong of [
      'null',
      '[]',
      '{}',
      header.replace(KEY, 'another'),
      header.replace('"size":6', '"size":"6"'),
      `${header}x`,
      ` \u00e9`,
    ]) {
      await writeFile(join(shard, NAME.record), joinRecord(wrong, value));
      await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
    }
    await writeFile(join(shard, NAME.record), joinRecord(`${header}   `, value));
    expect((await provider.get(KEY))?.value).toEqual(pattern(6));
    const framing2 = Buffer.from(whole);
    framing2[8] = 2;
    await writeFile(join(shard, NAME.record), framing2);
    await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
  });
});

function splitRecord(bytes: Buffer): { header: string; value: Buffer } {
  expect(bytes.toString('latin1', 0, 8)).toBe('PSPREC\r\n');
  expect(bytes.readUInt32LE(8)).toBe(1);
  const end = 48 + bytes.readUInt32LE(12);
  const header = bytes.toString('utf8', 48, end);
  expect(joinRecord(header, bytes.subarray(end))).toEqual(bytes);
  return { header, value: bytes.subarray(end) };
}

function joinRecord(header: string, value: Uint8Array): Buffer {
  const json = Buffer.from(header);
  const preamble = Buffer.from('PSPREC\r\n\u0001\0\0\0\0\0\0\0', 'latin1');
  preamble.writeUInt32LE(json.length, 12);
  const hash = createHash('sha256').update(preamble).update(json).digest();
  return Buffer.concat([preamble, hash, json, value]);
}
