/**
 * Base64 in every way that this package does it, against its portable twin, the platform and other packages. What has no string in it is first; the
 * platform speaks strings only, so from bytes to bytes it takes a detour, and for strings it wins: those rows are here too.
 */
import { fromBase64, toBase64 } from '@exodus/bytes/base64.js';
import { fromBase64 as decodeByJsonjoy, toBase64 as encodeByJsonjoy } from '@jsonjoy.com/base64';
import { fromByteArray, toByteArray } from 'base64-js';
// @ts-expect-error: The package does not export its types.
import * as untypedFastBase64 from 'fast-base64';
import { Base64 } from 'js-base64';
import { type Base64Exports, createCompiledBase64 } from '../ts/kernel/compiled/base64.ts';
import { BASE64_SIMD_WASM } from '../ts/kernel/generated/base64-simd-wasm.ts';
import { BASE64_WASM } from '../ts/kernel/generated/base64-wasm.ts';
import type { Base64Alphabet, Base64Kernel } from '../ts/kernel/kernel.ts';
import type { LinearModule } from '../ts/kernel/linear.ts';
import { portableBase64 } from '../ts/kernel/portable/base64.ts';
import { decodeBase64Text, encodeBase64Text } from '../ts/kernel/text.ts';
import { inlinedModule, startModule } from '../ts/kernel/wasm.ts';
import type { BenchCase, Contestant, Subject } from './harness.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Sizes of what is encoded, by case. */
const IN_MEMORY: readonly (readonly [name: string, bytes: number, alphabet: Base64Alphabet])[] = [
  ['1 KiB', KIB, 'standard'],
  ['16 KiB', 16 * KIB, 'standard'],
  ['16 KiB, url', 16 * KIB, 'url'],
  ['256 KiB', 256 * KIB, 'standard'],
  ['256 KiB, url', 256 * KIB, 'url'],
  ['4 MiB', 4 * MIB, 'standard'],
];
const COPIED: readonly (readonly [name: string, bytes: number])[] = [
  ['16 B', 16],
  ['64 B', 64],
  ['1 KiB', KIB],
  ['12 KiB', 12 * KIB],
  ['256 KiB', 256 * KIB],
  ['4 MiB', 4 * MIB],
];
const TEXTS: readonly (readonly [name: string, bytes: number])[] = [
  ['1 KiB', KIB],
  ['256 KiB', 256 * KIB],
  ['4 MiB', 4 * MIB],
];

const fastBase64: { toBase64(bytes: Uint8Array): Promise<string>; toBytes(text: string): Promise<Uint8Array> } = untypedFastBase64;

/** Of engines that have it. */
const NATIVE = Uint8Array as { fromBase64?(text: string): Uint8Array; prototype: { toBase64?(): string } };
const NodeBuffer: typeof Buffer | undefined = globalThis.Buffer;

/** All cases, and what a first use costs. */
export function subject(): Subject {
  const scalar = startModule<Base64Exports>(inlinedModule(BASE64_WASM));
  const simd = startModule<Base64Exports>(inlinedModule(BASE64_SIMD_WASM));
  const best = createCompiledBase64(simd);
  const kernels: readonly Base64Kernel[] = [portableBase64, createCompiledBase64(scalar), best];
  return {
    name: 'base64',
    note:
      'MB/s are of input. `in memory`: the loop alone, on bytes that lie in linear memory (`portable`: in arrays that exist). `copied`: a new array from an array, ' +
      '`into` one that exists. `view`: copied in, the result stays in linear memory. All of ours validate strictly. `Buffer` and `native` are the detour through a ' +
      'string that the platform needs, and are not strict: `Buffer` skips or stops at bad bytes, `native` (`toBase64`, `fromBase64`) skips white space. ' +
      '`text`: bytes to string and back; ours is the platform’s codec with a check, `wasm-simd` the kernel and a `TextDecoder`. `sections`: 50 MiB of the ' +
      'sections of a text blob, against JSON with Base64 in it, and against a scan for line ends. Below 64 bytes `select.ts` uses portable. `first use` ' +
      'includes decoding, compiling and starting the inlined module.',
    packages: ['fast-base64', '@exodus/bytes', 'js-base64', 'base64-js', '@jsonjoy.com/base64'],
    cases: [
      ...IN_MEMORY.flatMap(([name, bytes, alphabet]) => casesInMemory(name, bytes, alphabet)),
      ...COPIED.flatMap(([name, bytes]) => casesCopied(name, bytes, kernels)),
      ...TEXTS.flatMap(([name, bytes]) => casesOfText(name, bytes, [portableBase64, best])),
      firstUse(),
      caseOfSections('1000 sections of 1 KiB', 1000, KIB, best),
      caseOfSections('50 sections of 1 MiB', 50, MIB, best),
      ...casesOfViews('64 MiB', 64 * MIB, best),
    ],
  };
}

/** The loops alone. Every contestant has memory of its own, laid out once. */
function casesInMemory(name: string, bytes: number, alphabet: Base64Alphabet): BenchCase[] {
  const plain = pseudoRandomBytes(bytes);
  const text = portableBase64.encodeBase64(plain, alphabet);
  const textTarget = new Uint8Array(text.length);
  const plainTarget = new Uint8Array(bytes);
  const modules = [BASE64_WASM, BASE64_SIMD_WASM].map((inlined) => startModule<Base64Exports>(inlinedModule(inlined)));
  return [
    {
      name: `encode in memory, ${name}`,
      inputBytes: plain.length,
      contestants: [
        {
          name: 'portable',
          run: () => {
            portableBase64.encodeBase64Into(plain, textTarget, alphabet);
            return textTarget;
          },
        },
        ...modules.map((module) => encodingInMemory(module, plain, text.length, alphabet)),
      ],
      agree: sameBytes,
    },
    {
      name: `decode in memory, ${name}`,
      inputBytes: text.length,
      contestants: [
        {
          name: 'portable',
          run: () => {
            portableBase64.decodeBase64Into(text, plainTarget, alphabet);
            return plainTarget;
          },
        },
        ...modules.map((module) => decodingInMemory(module, text, plain.length, alphabet)),
      ],
      agree: sameBytes,
    },
  ];
}

function encodingInMemory(module: LinearModule<Base64Exports>, plain: Uint8Array, length: number, alphabet: Base64Alphabet): Contestant {
  const { memory, source, target } = placesIn(module, 0);
  memory.set(plain, source);
  const url = Number(alphabet === 'url');
  const result = memory.subarray(target, target + length);
  return {
    name: module.kind,
    run: () => {
      if (module.exports.encodeBase64(source, plain.length, target, url) !== 0) throw new Error('the kernel refused its memory');
      return result;
    },
  };
}

function decodingInMemory(module: LinearModule<Base64Exports>, text: Uint8Array, length: number, alphabet: Base64Alphabet): Contestant {
  const { memory, source, target } = placesIn(module, 2);
  memory.set(text, source);
  const url = Number(alphabet === 'url');
  const result = memory.subarray(target, target + length);
  return {
    name: module.kind,
    run: () => {
      if (module.exports.decodeBase64(source, text.length, target, url, 1) !== 0) throw new Error('the kernel refused its memory');
      return result;
    },
  };
}

/** Two of four places, each larger than the text of 4 MiB. All are there from the start: growing would detach what is laid out. */
function placesIn(module: LinearModule<Base64Exports>, first: number): { memory: Uint8Array<ArrayBuffer>; source: number; target: number } {
  const place = 8 * MIB;
  const memory = module.reserve(module.base + 4 * place);
  return { memory, source: module.base + first * place, target: module.base + (first + 1) * place };
}

function casesCopied(name: string, bytes: number, kernels: readonly Base64Kernel[]): BenchCase[] {
  const plain = pseudoRandomBytes(bytes);
  const text = portableBase64.encodeBase64(plain);
  const textTarget = new Uint8Array(text.length);
  const plainTarget = new Uint8Array(bytes);
  const best = kernels.at(-1)!;
  return [
    {
      name: `encode copied, ${name}`,
      inputBytes: plain.length,
      contestants: [
        ...kernels.map((kernel): Contestant => ({ name: kernel.kind, run: () => kernel.encodeBase64(plain) })),
        {
          name: `${best.kind}, into`,
          run: () => {
            best.encodeBase64Into(plain, textTarget);
            return textTarget;
          },
        },
        ...encodingDetours(plain),
      ],
      agree: sameBytes,
    },
    {
      name: `decode copied, ${name}`,
      inputBytes: text.length,
      contestants: [
        ...kernels.map((kernel): Contestant => ({ name: kernel.kind, run: () => kernel.decodeBase64(text) })),
        {
          name: `${best.kind}, into`,
          run: () => {
            best.decodeBase64Into(text, plainTarget);
            return plainTarget;
          },
        },
        ...decodingDetours(text),
      ],
      agree: sameBytes,
    },
  ];
}

function casesOfViews(name: string, bytes: number, best: Base64Kernel): BenchCase[] {
  const plain = pseudoRandomBytes(bytes);
  const text = best.encodeBase64(plain);
  return [
    {
      name: `encode view, ${name}`,
      inputBytes: plain.length,
      contestants: [
        { name: 'portable', run: () => portableBase64.encodeBase64View(plain) },
        { name: best.kind, run: () => best.encodeBase64View(plain) },
        ...encodingDetours(plain),
      ],
      agree: sameBytes,
    },
    {
      name: `decode view, ${name}`,
      inputBytes: text.length,
      contestants: [
        { name: 'portable', run: () => portableBase64.decodeBase64View(text) },
        { name: best.kind, run: () => best.decodeBase64View(text) },
        ...decodingDetours(text),
      ],
      agree: sameBytes,
    },
  ];
}

/** From bytes to bytes through a string, as the platform can. */
function encodingDetours(plain: Uint8Array): Contestant[] {
  const encoder = new TextEncoder();
  const contestants: Contestant[] = [];
  if (NodeBuffer !== undefined) {
    contestants.push({ name: 'Buffer', rival: true, run: () => NodeBuffer.from(asBuffer(NodeBuffer, plain).toString('base64'), 'latin1') });
  }
  if (NATIVE.prototype.toBase64 !== undefined) {
    contestants.push({ name: 'native', rival: true, run: () => encoder.encode(NATIVE.prototype.toBase64!.call(plain)) });
  }
  return contestants;
}

function decodingDetours(text: Uint8Array): Contestant[] {
  const decoder = new TextDecoder();
  const contestants: Contestant[] = [];
  if (NodeBuffer !== undefined) {
    contestants.push({ name: 'Buffer', rival: true, run: () => NodeBuffer.from(asBuffer(NodeBuffer, text).toString('latin1'), 'base64') });
  }
  if (NATIVE.fromBase64 !== undefined) {
    contestants.push({ name: 'native', rival: true, run: () => NATIVE.fromBase64!(decoder.decode(text)) });
  }
  return contestants;
}

/** The sections of a text blob (one line of Base64 each, whose ends its header tells), and the same in the JSON that people write without one. */
function caseOfSections(name: string, count: number, bytes: number, best: Base64Kernel): BenchCase {
  const line = new TextDecoder().decode(best.encodeBase64(pseudoRandomBytes(bytes)));
  const lines = Array.from({ length: count }, () => line);
  const encoder = new TextEncoder();
  const blob = encoder.encode(`${lines.join('\n')}\n`);
  const json = encoder.encode(JSON.stringify({ sections: lines.map((data, id) => ({ id, data })) }));
  const ranges = Uint32Array.from({ length: 2 * count }, (_, at) => (at >> 1) * (line.length + 1) + (at % 2) * line.length);
  const contestants: Contestant[] = [
    { name: 'portable', run: () => portableBase64.decodeBase64Parts(blob, ranges) },
    { name: best.kind, run: () => best.decodeBase64Parts(blob, ranges) },
    { name: `${best.kind}, copied`, run: () => linesOf(blob).map((part) => best.decodeBase64(part)) },
  ];
  if (NodeBuffer !== undefined) {
    contestants.push(
      {
        name: 'scan, Buffer',
        rival: true,
        run: () => linesOf(blob).map((part) => NodeBuffer.from(asBuffer(NodeBuffer, part).toString('latin1'), 'base64')),
      },
      { name: 'JSON, Buffer', rival: true, run: () => sectionsOf(json).map((data) => NodeBuffer.from(data, 'base64')) },
    );
  }
  if (NATIVE.fromBase64 !== undefined) {
    const decoder = new TextDecoder();
    contestants.push(
      { name: 'scan, native', rival: true, run: () => linesOf(blob).map((part) => NATIVE.fromBase64!(decoder.decode(part))) },
      { name: 'JSON, native', rival: true, run: () => sectionsOf(json).map((data) => NATIVE.fromBase64!(data)) },
    );
  }
  return { name: `decode sections, ${name}`, inputBytes: blob.length, contestants, agree: sameParts };
}

function linesOf(blob: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let end = blob.indexOf(0x0a); end !== -1; end = blob.indexOf(0x0a, start)) {
    lines.push(blob.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

function sectionsOf(json: Uint8Array): string[] {
  const { sections }: { sections: { data: string }[] } = JSON.parse(new TextDecoder().decode(json));
  return sections.map(({ data }) => data);
}

function sameParts(first: unknown, other: unknown): boolean {
  if (!Array.isArray(first) || !Array.isArray(other) || first.length !== other.length) return false;
  return first.every((part, at) => sameBytes(part, other[at]));
}

/** As the harness has it, without a call for each byte: here they are up to 100 million. */
function sameBytes(first: unknown, other: unknown): boolean {
  if (!(first instanceof Uint8Array && other instanceof Uint8Array) || first.length !== other.length) return false;
  for (let at = 0; at < first.length; at++) if (first[at] !== other[at]) return false;
  return true;
}

function casesOfText(name: string, bytes: number, kernels: readonly Base64Kernel[]): BenchCase[] {
  const plain = pseudoRandomBytes(bytes);
  const text = encodeBase64Text(plain);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const encoding: Contestant[] = [
    ...kernels.map((kernel): Contestant => ({ name: kernel.kind, run: () => decoder.decode(kernel.encodeBase64View(plain)) })),
    { name: 'text', run: () => encodeBase64Text(plain) },
    { name: 'fast-base64', rival: true, run: () => fastBase64.toBase64(plain) },
    { name: '@exodus/bytes', rival: true, run: () => toBase64(plain) },
    { name: 'js-base64', rival: true, run: () => Base64.fromUint8Array(plain) },
    { name: 'base64-js', rival: true, slow: bytes > MIB, run: () => fromByteArray(plain) },
    { name: '@jsonjoy.com/base64', rival: true, run: () => encodeByJsonjoy(plain) },
  ];
  const decoding: Contestant[] = [
    ...kernels.map((kernel): Contestant => ({ name: kernel.kind, run: () => kernel.decodeBase64View(encoder.encode(text)) })),
    { name: 'text', run: () => decodeBase64Text(text) },
    { name: 'fast-base64', rival: true, run: () => fastBase64.toBytes(text) },
    { name: '@exodus/bytes', rival: true, run: () => fromBase64(text) },
    { name: 'js-base64', rival: true, run: () => Base64.toUint8Array(text) },
    { name: 'base64-js', rival: true, slow: bytes > MIB, run: () => toByteArray(text) },
    { name: '@jsonjoy.com/base64', rival: true, run: () => decodeByJsonjoy(text) },
  ];
  if (NodeBuffer !== undefined) {
    encoding.push({ name: 'Buffer', rival: true, run: () => asBuffer(NodeBuffer, plain).toString('base64') });
    decoding.push({ name: 'Buffer', rival: true, run: () => NodeBuffer.from(text, 'base64') });
  }
  if (NATIVE.fromBase64 !== undefined && NATIVE.prototype.toBase64 !== undefined) {
    encoding.push({ name: 'native', rival: true, run: () => NATIVE.prototype.toBase64!.call(plain) });
    decoding.push({ name: 'native', rival: true, run: () => NATIVE.fromBase64!(text) });
  }
  return [
    { name: `encode text, ${name}`, inputBytes: plain.length, contestants: encoding, agree: (first, other) => first === other },
    { name: `decode text, ${name}`, inputBytes: text.length, contestants: decoding, agree: sameBytes },
  ];
}

function firstUse(): BenchCase {
  const plain = pseudoRandomBytes(KIB);
  const startFrom = (inlined: string): Base64Kernel => createCompiledBase64(startModule<Base64Exports>(inlinedModule(inlined)));
  return {
    name: 'first use, encode 1 KiB',
    inputBytes: plain.length,
    contestants: [
      { name: 'portable', run: () => portableBase64.encodeBase64(plain) },
      { name: 'wasm', run: () => startFrom(BASE64_WASM).encodeBase64(plain) },
      { name: 'wasm-simd', run: () => startFrom(BASE64_SIMD_WASM).encodeBase64(plain) },
    ],
    agree: sameBytes,
  };
}

function asBuffer(buffer: typeof Buffer, bytes: Uint8Array): Buffer {
  return buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The same bytes in every run, with no pattern that a branch predictor could learn. xorshift32 (Marsaglia 2003). */
function pseudoRandomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = 0x9e3779b9;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}
