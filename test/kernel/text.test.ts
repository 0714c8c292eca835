/**
 * Base64 as strings: the same strictness whichever codec the platform has. Node 20 has `Buffer` alone; newer engines have `fromBase64`, which a stand-in
 * plays here where it is missing, with exactly the leniency of the standard; and without either our own kernel does the work.
 */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { portableBase64 } from '../../ts/kernel/portable/base64.ts';
import { decodeBase64Text, encodeBase64Text } from '../../ts/kernel/text.ts';
import { ALPHABETS, encodeByBuffer, errorOf, nearBase64, outcomeOf } from '../contract/base64.ts';

const seed = Number(process.env['SEED'] ?? Math.trunc(Math.random() * 2 ** 31));

/** What each platform offers, set up before a test. */
const PLATFORMS: readonly (readonly [name: string, setUp: () => void])[] = [
  ['Buffer alone', () => hideNative()],
  ['toBase64 and fromBase64', () => standInForNative()],
  [
    'neither',
    () => {
      hideNative();
      vi.stubGlobal('Buffer', undefined);
    },
  ],
];

const own = {
  from: Object.getOwnPropertyDescriptor(Uint8Array, 'fromBase64'),
  to: Object.getOwnPropertyDescriptor(Uint8Array.prototype, 'toBase64'),
};

afterEach(() => {
  vi.unstubAllGlobals();
  hideNative();
  if (own.from !== undefined) Object.defineProperty(Uint8Array, 'fromBase64', own.from);
  if (own.to !== undefined) Object.defineProperty(Uint8Array.prototype, 'toBase64', own.to);
});

describe.each(PLATFORMS)(`Base64 text with %s (seed ${seed})`, (_, setUp) => {
  it('encodes as an independent encoder, and decodes that', () => {
    setUp();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...ALPHABETS), (bytes, alphabet) => {
        const text = encodeBase64Text(bytes, alphabet);
        expect(text).toBe(Buffer.from(bytes).toString(alphabet === 'url' ? 'base64url' : 'base64'));
        const decoded = decodeBase64Text(text, alphabet);
        expect(Buffer.compare(decoded, bytes)).toBe(0);
        expect(decoded.buffer.byteLength).toBe(decoded.length);
      }),
      { seed },
    );
  });

  it('encodes a subarray and no byte beyond', () => {
    setUp();
    expect(encodeBase64Text(new TextEncoder().encode('xfoobarx').subarray(1, 7))).toBe('Zm9vYmFy');
  });

  it('decodes or refuses as the kernels do, with the same code and offset', () => {
    setUp();
    fc.assert(
      fc.property(nearBase64(), fc.constantFrom(...ALPHABETS), (source, alphabet) => {
        const text = String.fromCharCode(...source);
        expect(outcomeOf(() => decodeBase64Text(text, alphabet))).toEqual(outcomeOf(() => portableBase64.decodeBase64(source, alphabet)));
      }),
      { seed, numRuns: 3000 },
    );
  });

  it.each([
    ['white space that fills up a group', 'YW Jj\n\n\n', 'CHARACTER', 2],
    ['white space after the end', 'YWJj    ', 'CHARACTER', 4],
    ['white space within padding', 'YQ= =   ', 'PADDING', 2],
    ['padding in the middle', 'YQ==YWJj', 'PADDING', 2],
    ['padding that is missing', 'YWJjYQ', 'LENGTH', 6],
    ['too much padding', 'YWJj====', 'PADDING', 4],
    ['bits that no encoder writes', 'YWJjYR==', 'TRAILING_BITS', 5],
    ['the other alphabet', 'YW-_', 'CHARACTER', 2],
    ['a character whose low byte would do', 'YW\u0141j', 'CHARACTER', 2],
    ['a character above 127', 'YW\u00e9j', 'CHARACTER', 2],
    ['half a surrogate pair', 'YWJj\ud83d', 'CHARACTER', 4],
    ['a surrogate pair', 'YW\u{1f600}', 'CHARACTER', 2],
  ])('refuses %s', (__, text, code, offset) => {
    setUp();
    expect(outcomeOf(() => decodeBase64Text(text))).toEqual({ code: `KERNEL_BASE64_${code}`, offset });
  });

  it.each([
    ['padding', 'YQ==', 'PADDING', 2],
    ['white space in place of a character', 'YWJjYW\n', 'CHARACTER', 6],
    ['two of it', 'YWJj \n', 'CHARACTER', 4],
    ['one character of a group', 'YWJjY', 'LENGTH', 5],
    ['bits that no encoder writes', 'YR', 'TRAILING_BITS', 1],
    ['the other alphabet', 'YW+/', 'CHARACTER', 2],
  ])('refuses in url %s', (__, text, code, offset) => {
    setUp();
    expect(outcomeOf(() => decodeBase64Text(text, 'url'))).toEqual({ code: `KERNEL_BASE64_${code}`, offset });
  });

  it('says nothing of the text in its errors', () => {
    setUp();
    const error = errorOf(() => decodeBase64Text('c2VjcmV0~2VjcmV0'));
    expect(error.message).not.toContain('c2V');
    expect(error.cause).toBeUndefined();
  });

  it('takes no alphabet that does not exist', () => {
    setUp();
    expect(() => encodeBase64Text(new Uint8Array(1), 'hex' as 'url')).toThrow(TypeError);
    expect(() => decodeBase64Text('YQ==', 'hex' as 'url')).toThrow(TypeError);
  });
});

function hideNative(): void {
  Reflect.deleteProperty(Uint8Array, 'fromBase64');
  Reflect.deleteProperty(Uint8Array.prototype, 'toBase64');
}

/** As strict and as lenient as ECMAScript 2026 sections on `Uint8Array.fromBase64` say: white space is skipped, `loose` takes any last bits. */
function standInForNative(): void {
  Object.defineProperty(Uint8Array.prototype, 'toBase64', {
    configurable: true,
    value(this: Uint8Array, { alphabet, omitPadding }: { alphabet: string; omitPadding: boolean }): string {
      const text = encodeByBuffer(this, alphabet === 'base64url' ? 'url' : 'standard');
      return omitPadding ? text.replace(/=+$/, '') : text.padEnd(4 * Math.ceil(this.length / 3), '=');
    },
  });
  Object.defineProperty(Uint8Array, 'fromBase64', {
    configurable: true,
    value(text: string, { alphabet, lastChunkHandling }: { alphabet: string; lastChunkHandling: string }): Uint8Array {
      const symbols = text.replace(/[\t\n\f\r ]/g, '');
      const [, body = '', padding = ''] = /^([^=]*)(=*)$/.exec(symbols) ?? [undefined, '\0'];
      const legal = alphabet === 'base64url' ? /^[\w-]*$/ : /^[A-Za-z0-9+/]*$/;
      const rest = body.length % 4;
      const isPadded = padding.length === (4 - rest) % 4;
      const isComplete = isPadded || (lastChunkHandling === 'loose' && padding === '');
      if (!legal.test(body) || rest === 1 || !isComplete) throw new SyntaxError('refused by the stand-in');
      const bytes = new Uint8Array(Buffer.from(body, 'base64url'));
      if (lastChunkHandling === 'strict' && Buffer.from(bytes).toString('base64') !== body + padding) throw new SyntaxError('last bits');
      return bytes;
    },
  });
}
