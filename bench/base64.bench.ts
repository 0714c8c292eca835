/**
 * Base64 from bytes to bytes, as the blob needs it: the portable kernel, the compiled one, and the platform. The platform speaks
 * strings only, so it takes the detour bytes -> string -> bytes; a caller who wants a string should ask the platform directly.
 */
import { portableBase64 } from '../ts/kernel/portable/base64.ts';
import { createWasmKernel } from '../ts/kernel/wasm.ts';
import { type BenchCase, type Subject, sameBytes } from './harness.ts';

const SIZES: readonly (readonly [name: string, bytes: number])[] = [
  ['16 B', 16],
  ['64 B', 64],
  ['1 KiB', 1024],
  ['16 KiB', 16 * 1024],
  ['256 KiB', 256 * 1024],
  ['4 MiB', 4 * 1024 * 1024],
];

/** Encoding and decoding at six sizes, and what a first use costs. */
export function subject(): Subject {
  const wasm = createWasmKernel();
  const cases = SIZES.flatMap(([name, length]): BenchCase[] => {
    const plain = pseudoRandomBytes(length);
    const encoded = portableBase64.encodeBase64(plain);
    return [
      {
        name: `encode ${name}`,
        inputBytes: plain.length,
        contestants: [
          { name: 'portable', run: () => portableBase64.encodeBase64(plain) },
          { name: 'wasm', run: () => wasm.encodeBase64(plain) },
          { name: 'Buffer', rival: true, run: () => encodeByBuffer(plain) },
        ],
        agree: sameBytes,
      },
      {
        name: `decode ${name}`,
        inputBytes: encoded.length,
        contestants: [
          { name: 'portable', run: () => portableBase64.decodeBase64(encoded) },
          { name: 'wasm', run: () => wasm.decodeBase64(encoded) },
          { name: 'Buffer', rival: true, run: () => decodeByBuffer(encoded) },
        ],
        agree: sameBytes,
      },
    ];
  });
  return {
    name: 'base64',
    note:
      'Bytes to bytes; MB/s are of input. `portable` and `wasm` validate strictly and give a fresh array. `Buffer` is the detour through a ' +
      'string, and validates nothing: it skips or stops at bad bytes. Below 64 bytes `select.ts` uses portable. `first use` includes decoding, ' +
      'compiling and starting the inlined module.',
    cases: [...cases, firstUse()],
  };
}

function firstUse(): BenchCase {
  const plain = pseudoRandomBytes(1024);
  return {
    name: 'first use, encode 1 KiB',
    inputBytes: plain.length,
    contestants: [
      { name: 'portable', run: () => portableBase64.encodeBase64(plain) },
      { name: 'wasm', run: () => createWasmKernel().encodeBase64(plain) },
    ],
    agree: sameBytes,
  };
}

function encodeByBuffer(plain: Uint8Array): Uint8Array {
  return Buffer.from(asBuffer(plain).toString('base64'), 'latin1');
}

function decodeByBuffer(encoded: Uint8Array): Uint8Array {
  return Buffer.from(asBuffer(encoded).toString('latin1'), 'base64');
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The same bytes in every run, with no pattern that a branch predictor could learn. xorshift32 (Marsaglia 2003). */
function pseudoRandomBytes(length: number): Uint8Array {
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
