/** Writing a blob for readers of an older version of the schema. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { checkHeader, checkState } from '../oracle/version-1.ts';

const golden = new Uint8Array(readFileSync(new URL('golden/session-2.0.psp', import.meta.url)));

/** The documents of a text blob. */
function documentsOf(blob: Uint8Array): [header: Record<string, unknown>, state: unknown] {
  const [header = '', state = ''] = new TextDecoder().decode(blob).split('\n');
  return [JSON.parse(header), JSON.parse(state)];
}

describe('encodeSession with an older version', () => {
  test('refuses what that version cannot hold, and names the place', async () => {
    const session = await decodeSession(golden);
    await expect(encodeSession(session, { version: '1.0' })).rejects.toMatchObject({ code: 'SESSION_LOSSY' });
  });

  test('writes documents that the schema of that version accepts, and reads back the same session', async () => {
    const session = await decodeSession(golden);
    const blob = await encodeSession(session, { version: '1.0', allowLoss: true });
    const [header, state] = documentsOf(blob);
    expect(header['psp']).toBe('1.0');
    expect(checkHeader(header)).toEqual([]);
    expect(checkState(state)).toEqual([]);
    // The one text that was a section comes back inline: it is written as a section again where it counts as long.
    const again = await encodeSession(await decodeSession(blob), { textSectionUnits: 64 });
    expect(Buffer.from(again).toString()).toBe(Buffer.from(golden).toString());
  });

  test('has no packed framing and no codec, and no version that is not known', async () => {
    const session = await decodeSession(golden);
    await expect(encodeSession(session, { version: '1.0', framing: 'packed' })).rejects.toThrow(TypeError);
    await expect(encodeSession(session, { version: '1.0', codec: 'gzip' })).rejects.toThrow(TypeError);
    await expect(encodeSession(session, { version: '7.0' })).rejects.toMatchObject({ code: 'SESSION_UNSUPPORTED_VERSION' });
  });
});
