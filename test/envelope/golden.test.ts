/**
 * Golden files: blobs made once with fixed randomness. Version 1 will always open them and, with the same randomness, always make them.
 * They are never regenerated: if a change needs that, it is version 2.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeContext, type SealContext } from '../../ts/envelope/context.ts';
import { armor, dearmor, EncryptionKey, openSealed, peek, type SealedAttributes } from '../../ts/envelope/envelope.ts';
import { parseHeader } from '../../ts/envelope/header.ts';
import { sealWith } from '../../ts/envelope/seal.ts';
import { sealStreamWith } from '../../ts/envelope/stream.ts';
import { countingRandom, fromHex, toHex } from './fixture.ts';
import { oracleOpen } from './oracle.ts';

interface Golden {
  readonly about: string;
  readonly keys: readonly { readonly kid: string; readonly bytes: string }[];
  readonly context: SealContext;
  readonly plaintext: string;
  readonly attributes?: SealedAttributes;
  /** The bytes of the attributes, in front of the plaintext. */
  readonly front?: string;
  /** Made by `sealStream`, without saying its length. */
  readonly stream?: true;
  /** The blob as text, line by line. */
  readonly armor?: readonly string[];
  /** The blob in hex, cut where a field ends. */
  readonly sealed: Readonly<Record<string, string>>;
  readonly peek: unknown;
}

const FOLDER = new URL('golden/', import.meta.url);

describe.each(readdirSync(FOLDER))('golden/%s', (file) => {
  const golden = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Golden;
  const sealed = fromHex(Object.values(golden.sealed).join(''));
  const plaintext = fromHex(golden.plaintext);
  const keys = golden.keys.map(({ kid, bytes }) => new EncryptionKey(kid, fromHex(bytes)));

  it('opens with each of its keys', async () => {
    for (const key of keys) {
      const opened = await openSealed(sealed, key, golden.context);
      expect(toHex(opened.plaintext)).toBe(golden.plaintext);
      expect(opened.attributes).toEqual(golden.attributes ?? {});
      expect(opened.kid).toBe(key.kid);
    }
  });

  it('opens with node:crypto', () => {
    const { kid, bytes } = golden.keys[0]!;
    expect(toHex(oracleOpen(sealed, { kid, bytes: fromHex(bytes) }, encodeContext(golden.context)))).toBe(
      (golden.front ?? '') + golden.plaintext,
    );
  });

  it('is made again from the same randomness', async () => {
    const options = golden.attributes === undefined ? {} : { attributes: golden.attributes };
    if (golden.stream !== true) {
      expect(toHex(sealWith(countingRandom(), plaintext, keys, golden.context, options))).toBe(toHex(sealed));
      return;
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of sealStreamWith(countingRandom(), [plaintext], keys, golden.context, options)) pieces.push(piece);
    expect(toHex(Buffer.concat(pieces))).toBe(toHex(sealed));
  });

  const { armor: lines } = golden;
  if (lines !== undefined) {
    it('is armored as pinned', () => {
      const text = `${lines.join('\n')}\n`;
      expect(Buffer.from(armor(sealed)).toString('latin1')).toBe(text);
      expect(toHex(dearmor(Buffer.from(text, 'latin1')))).toBe(toHex(sealed));
    });
  }

  it('peeks and parses as pinned', () => {
    expect(peek(sealed).unverified).toEqual(golden.peek);
    const header = parseHeader(sealed);
    expect(toHex(header.blobId)).toBe(golden.sealed['A blob id']);
    expect(toHex(header.contextMac)).toBe(golden.sealed['A context MAC']);
    expect(toHex(header.headerMac)).toBe(golden.sealed['C header MAC']);
    expect(header.wraps.map((wrap) => toHex(wrap.body))).toEqual(golden.keys.map((_, at) => golden.sealed[`B wrap ${at} body`]));
  });
});
