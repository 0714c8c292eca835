/**
 * Loaded into the demo's processes by `--import`: appends to the file that PSP_TEST_RECORD names one line of JSON for the process, with its
 * arguments, and one for each draw of 32 random bytes. All secrets of the demo (the key, the password, tokens) are such draws.
 */
import { Buffer } from 'node:buffer';
import crypto from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const path = process.env['PSP_TEST_RECORD'] ?? '';
/** @param {object} fact */
const record = (fact) => appendFileSync(path, `${JSON.stringify(fact)}\n`);
/** @param {ArrayBufferView} bytes */
const recordDraw = ({ buffer, byteOffset, byteLength }) => {
  if (byteLength === 32) record({ draw: Buffer.from(buffer, byteOffset, byteLength).toString('hex') });
};

record({ pid: process.pid, args: process.argv.slice(1) });

const { randomBytes } = crypto;
Object.assign(crypto, {
  /** @param {Parameters<typeof randomBytes>} args */
  randomBytes(...args) {
    const bytes = Reflect.apply(randomBytes, crypto, args);
    if (bytes !== undefined) recordDraw(bytes);
    return bytes;
  },
});
syncBuiltinESMExports();

const { getRandomValues } = globalThis.crypto;
Object.defineProperty(Object.getPrototypeOf(globalThis.crypto), 'getRandomValues', {
  /** @param {Uint8Array} array */
  value(array) {
    const filled = Reflect.apply(getRandomValues, this, [array]);
    recordDraw(filled);
    return filled;
  },
});
