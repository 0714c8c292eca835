/**
 * Golden files of sealed fields, made once with fixed randomness from the session of `test/blob/golden/`. Version 1 will always open them and, with the
 * same randomness, always make them. They are never regenerated: if a change needs that, it is version 2.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeContext, type SealContext } from '../../ts/envelope/context.ts';
import { EncryptionKey } from '../../ts/envelope/envelope.ts';
import type { Session } from '../../ts/session/session.ts';
import { openFields, sealFieldsWith } from '../../ts/store/field-file.ts';
import { peekFields } from '../../ts/store/field-peek.ts';
import { resolve } from '../blob/fixture.ts';
import { countingRandom, fromHex } from '../envelope/fixture.ts';
import { oracleFields } from './field-oracle.ts';

interface Golden {
  readonly about: string;
  readonly keys: readonly { readonly kid: string; readonly bytes: string }[];
  readonly context: SealContext;
  readonly padTo: number;
  /** The golden file over which it was sealed, and the value of the first cookie that differs. */
  readonly previous?: string;
  readonly cookie?: string;
  /** The value of every place: its text, or the content of a section in hex. */
  readonly fields: Readonly<Record<string, string>>;
}

const FOLDER = new URL('golden-field/', import.meta.url);
const SESSION = await decodeSession(readFileSync(new URL('../blob/golden/session-2.0.psp', import.meta.url)));

function sessionOf({ cookie }: Golden): Session {
  const [first, ...rest] = SESSION.cookies;
  return cookie === undefined ? SESSION : { ...SESSION, cookies: [{ ...first!, value: cookie }, ...rest] };
}

const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

it('there are golden files', () => {
  expect(names.length).toBeGreaterThanOrEqual(3);
});

describe.each(names)('golden-field/%s', (name) => {
  const golden = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Golden;
  const file = readFileSync(new URL(name.replace('.json', '.pspf'), FOLDER));
  const keys = golden.keys.map(({ kid, bytes }) => new EncryptionKey(kid, fromHex(bytes)));

  it('opens with each of its keys', async () => {
    for (const key of keys) {
      expect(await resolve(await openFields(file, key, golden.context))).toEqual(await resolve(sessionOf(golden)));
    }
  });

  it('is made again from the same randomness', async () => {
    const previous = golden.previous === undefined ? {} : { previous: readFileSync(new URL(golden.previous, FOLDER)) };
    const options = { padTo: golden.padTo, ...previous };
    const again = await sealFieldsWith(countingRandom(), sessionOf(golden), keys, golden.context, options);
    expect(Buffer.from(again).toString('utf8')).toBe(file.toString('utf8'));
  });

  it('opens with node:crypto, value by value', () => {
    const { kid, bytes } = golden.keys[0]!;
    const open = oracleFields(file, { kid, bytes: fromHex(bytes) }, encodeContext(golden.context));
    const { fields } = peekFields(file).unverified;
    expect([...fields.keys()]).toEqual(Object.keys(golden.fields));
    for (const [place, sealed] of fields) {
      const value = open(sealed, place);
      const expected = golden.fields[place]!;
      expect(expected.startsWith('"') ? value.toString('utf8') : value.toString('hex')).toBe(expected);
    }
  });
});
