/**
 * What every diff kernel promises of the elements of JSON texts, as tests: call it with a name and a way to make a kernel. It compares with
 * JSON.parse; how two kernels compare, also on texts that are no JSON, is in test/kernel/diff-elements.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import type { DiffKernel, InternedElements } from '../../ts/kernel/kernel.ts';
import { seededRandom } from '../oracle/edits.ts';

/** The faults of `a`, with their offsets; `b` is `[]`. */
const FAULTS: readonly (readonly [text: string, offset: number])[] = [
  ['', 0],
  ['  ', 2],
  ['1', 0],
  ['"[]"', 0],
  [' x', 1],
  [']', 0],
  ['[', 0],
  ['  {', 2],
  ['[1', 0],
  ['[1,', 0],
  ['[1, ', 0],
  ['[,1]', 1],
  ['[1,,2]', 3],
  ['[1,]', 3],
  ['[1}', 2],
  ['{"a":1]', 6],
  ['[1 2]', 3],
  ['[1:2]', 2],
  ['[1"a"]', 2],
  ['[1[2]]', 2],
  ['["a"', 0],
  ['["a', 1],
  ['["a\\"]', 1],
  ['["a\\', 1],
  ['[[1,2]', 0],
  ['[3, [1,[2]', 4],
  ['[3, [1,"a]]', 7],
  ['[[1}', 0],
  ['{1:2}', 1],
  ['{"a"}', 4],
  ['{"a" 1}', 5],
  ['{"a":}', 5],
  ['{"a":1,}', 7],
  ['{"a', 1],
  ['{"a"', 0],
  ['{"a":', 0],
  ['{"a": "b', 6],
  ['[]]', 2],
  ['[1] 2', 4],
  ['{} x', 3],
];

/** Runs the contract over the kernel that `makeKernel` gives. The same seed gives the same texts. */
export function describeElementsKernel(name: string, makeKernel: () => DiffKernel, seed: number, texts: number): void {
  describe(`elements: ${name} (seed ${seed})`, () => {
    const kernel = makeKernel();

    it.each<[string, string, InternedTexts]>([
      ['[]', '{}', { a: [], b: [], idsA: [], idsB: [] }],
      ['[1, 2 ,1]', ' [ 3,2 ] ', { a: ['1', '2', '1'], b: ['3', '2'], idsA: [0, 1, 0], idsB: [2, 1] }],
      ['{"a":1,"b" : [2, 3]}', '{"a":1}', { a: ['"a":1', '"b" : [2, 3]'], b: ['"a":1'], idsA: [0, 1], idsB: [0] }],
      ['["a,\\"]","\\\\"]', '["\\\\",{"]":"}"}]', { a: ['"a,\\"]"', '"\\\\"'], b: ['"\\\\"', '{"]":"}"}'], idsA: [0, 1], idsB: [1, 2] }],
      ['[1,1.0]', '[true,null]', { a: ['1', '1.0'], b: ['true', 'null'], idsA: [0, 1], idsB: [2, 3] }],
      ['\t\r\n[\n]\n', '[[]]', { a: [], b: ['[]'], idsA: [], idsB: [0] }],
    ])('of %s and %s', (a, b, expected) => {
      expect(internTexts(kernel, a, b)).toEqual(expected);
    });

    it('are those of JSON.parse, in order and by content, for random JSON with white space, escapes and nesting', () => {
      const random = seededRandom(seed);
      for (let round = 0; round < texts; round++) {
        const [a, b] = [randomText(random), randomText(random)];
        const interned = internTexts(kernel, a, b);
        const problem = problemOf(interned, a, b);
        if (problem !== null) throw new Error(`seed ${seed}, round ${round}: ${problem}: ${JSON.stringify({ a, b })}`);
      }
    });

    it('are found in texts of many and of very short elements, where memory must grow', () => {
      const many = `[${Array.from({ length: 200_000 }, (_, at) => at % 10).join(',')}]`;
      const { spansA, idsA, idsB } = kernel.internElements(bytesOf(many), bytesOf('[9]'));
      expect(idsA.length).toBe(200_000);
      expect([...idsA.subarray(0, 12)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
      expect([...spansA.subarray(-2)]).toEqual([many.length - 2, many.length - 1]);
      expect([...idsB]).toEqual([9]);
    });

    it.each([15, 16, 17, 31, 32, 33, 100, 5000])(
      'are found across strings of %i characters, with quotes and brackets in them',
      (length) => {
        const long = `"${'x'.repeat(length - 3)}\\"]"`;
        expect(internTexts(kernel, `[${long},[${long}],1]`, `{${long}:${long}}`)).toMatchObject({
          a: [long, `[${long}]`, '1'],
          b: [`${long}:${long}`],
        });
      },
    );

    it.each(FAULTS)('refuses %j at offset %i', (text, offset) => {
      expect(outcomeOf(kernel, text, '[]')).toEqual({ code: 'KERNEL_ELEMENTS_MALFORMED', details: { side: 'a', offset } });
      expect(outcomeOf(kernel, '{}', text)).toEqual({ code: 'KERNEL_ELEMENTS_MALFORMED', details: { side: 'b', offset } });
    });

    it('names no byte of a text that it refuses', () => {
      expect(() => kernel.internElements(bytesOf('["s3cret'), bytesOf('[]'))).toThrow(/^(?!.*s3cret)/);
    });

    it('works on after a fault', () => {
      expect(outcomeOf(kernel, '[', '[]')).toMatchObject({ code: 'KERNEL_ELEMENTS_MALFORMED' });
      expect(internTexts(kernel, '[1]', '[1]')).toEqual({ a: ['1'], b: ['1'], idsA: [0], idsB: [0] });
    });
  });
}

/** Interned elements as their texts. */
interface InternedTexts {
  readonly a: readonly string[];
  readonly b: readonly string[];
  readonly idsA: readonly number[];
  readonly idsB: readonly number[];
}

function internTexts(kernel: DiffKernel, a: string, b: string): InternedTexts {
  const [bytesA, bytesB] = [bytesOf(a), bytesOf(b)];
  const { spansA, spansB, idsA, idsB } = kernel.internElements(bytesA, bytesB);
  return { a: textsOf(bytesA, spansA), b: textsOf(bytesB, spansB), idsA: [...idsA], idsB: [...idsB] };
}

/** What a kernel makes of two texts: the elements, or code and details of the error. */
export function outcomeOf(kernel: DiffKernel, a: string, b: string): InternedElements | { code: string; details: unknown } {
  try {
    return kernel.internElements(bytesOf(a), bytesOf(b));
  } catch (error) {
    if (error instanceof PspError) return { code: error.code, details: error.details };
    throw error;
  }
}

function problemOf({ a, b, idsA, idsB }: InternedTexts, textA: string, textB: string): string | null {
  const known: string[] = [];
  for (const [texts, ids, text] of [[a, idsA, textA] as const, [b, idsB, textB] as const]) {
    const parsed: unknown = JSON.parse(text);
    const values = Array.isArray(parsed) ? parsed : Object.entries(parsed as object);
    const read = texts.map((one) => (Array.isArray(parsed) ? JSON.parse(one) : Object.entries(JSON.parse(`{${one}}`) as object)[0]));
    if (JSON.stringify(read) !== JSON.stringify(values)) return 'the elements are not those of JSON.parse';
    for (const [at, one] of texts.entries()) {
      if (!known.includes(one)) known.push(one);
      if (ids[at] !== known.indexOf(one)) return `element ${at} has the id ${ids[at]}, not ${known.indexOf(one)}`;
    }
  }
  return null;
}

/** JSON of an array, or of an object with ordered names: few values, so that many are equal, with random white space between all parts. */
export function randomText(random: () => number): string {
  const below = (limit: number) => Math.floor(random() * limit);
  const space = () => (random() < 0.7 ? '' : [' ', '\n', '\t\r', '   '][below(4)]!);
  const string = () => JSON.stringify(['', 'a', 'é', '😀', '"', '\\', '\\"', ']', '},{', 'x'.repeat(below(40)), '\u0000\n'][below(11)]);
  const value = (depth: number): string => {
    const kind = below(depth > 2 ? 4 : 6);
    if (kind === 0) return ['1', '-2.5e+10', '0', 'true', 'false', 'null'][below(6)]!;
    if (kind < 4) return string();
    return collection(depth + 1, kind === 4);
  };
  const collection = (depth: number, isArray: boolean): string => {
    const parts = Array.from({ length: below(depth === 0 ? 12 : 4) }, (_, at) => {
      const name = isArray ? '' : `"k${at}${string().slice(1)}${space()}:${space()}`;
      return `${space()}${name}${value(depth)}${space()}`;
    });
    const inside = parts.length === 0 ? space() : parts.join(',');
    return isArray ? `[${inside}]` : `{${inside}}`;
  };
  return space() + collection(0, random() < 0.5) + space();
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textsOf(bytes: Uint8Array, spans: Uint32Array): string[] {
  return Array.from({ length: spans.length / 2 }, (_, at) => new TextDecoder().decode(bytes.subarray(spans[2 * at], spans[2 * at + 1])));
}
