/**
 * How much the peak of a process's memory grows when it reads one session from a file and then looks at every section. Run by the bench `blob` in a
 * process of its own for each form:
 *
 *     node dist/bench/blob-memory.js <naive | whole | stream | peek> <file>
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { decodeSession, peekBlob, readBlob } from '../ts/index.ts';
import { sectionsOf } from '../ts/session/document.ts';

const [form, file = ''] = process.argv.slice(2);

const READERS: Readonly<Record<string, () => Promise<number>>> = {
  async naive() {
    const { sections } = JSON.parse(readFileSync(file, 'utf8')) as { sections: string[] };
    const bytes = sections.map((data) => Buffer.from(data, 'base64'));
    return bytes.reduce((sum, one) => sum + one.length, 0);
  },
  async whole() {
    let sum = 0;
    for (const section of sectionsOf(await decodeSession(readFileSync(file))).keys()) sum += (await section.bytes()).length;
    return sum;
  },
  async stream() {
    const handle = await open(file);
    const { sections } = await readBlob(handle.readableWebStream({ type: 'bytes' }) as ReadableStream<Uint8Array>);
    let sum = 0;
    for await (const { bytes } of sections) sum += bytes.length;
    await handle.close();
    return sum;
  },
  async peek() {
    const descriptor = openSync(file, 'r');
    const { sections } = await peekBlob(async (offset, length) => {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
    });
    closeSync(descriptor);
    return sections.length;
  },
};

const read = READERS[form ?? ''];
if (read === undefined) throw new Error('usage: blob-memory.js <naive | whole | stream | peek> <file>');
const before = process.memoryUsage();
const peakBefore = peakBytes();
const sum = await read();
const after = process.memoryUsage();
const heap = after.heapUsed + after.external - before.heapUsed - before.external;
console.log(JSON.stringify({ sum, growthBytes: peakBytes() - peakBefore, heapBytes: heap }));

/** Not `resourceUsage().maxRSS`: a child begins with the peak of its parent. Linux only. */
function peakBytes(): number {
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
