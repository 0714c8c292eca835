/**
 * How long one thing takes that a process does first of all: importing a Base64 codec, or this package, and calling it once. Run by the bench
 * `cold-start` in a fresh process for each sample; prints the milliseconds and the result as JSON:
 *
 *     node dist/bench/cold-start-program.js <kernel | session> <contestant>
 */
import type { KernelKind } from '../ts/kernel/kernel.ts';
import type { Session } from '../ts/session/session.ts';

const [task = '', contestant = ''] = process.argv.slice(2);

/** 1 KiB in which every byte value occurs. */
const PLAIN = Uint8Array.from({ length: 1024 }, (_, at) => at * 7);

const SESSION: Session = {
  ...{ id: 'session-of-the-cold-start', incarnation: 'incarnation-of-it', revision: 1, name: 'Cold start' },
  ...{ createdAt: 1_790_000_000_000, updatedAt: 1_790_000_000_000, source: { tool: 'bench', browser: 'none' } },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
  ...{ cookies: [], storage: [], tabs: [] },
};

const TASKS: Readonly<Record<string, (contestant: string) => Promise<string>>> = {
  async kernel(contestant) {
    if (contestant === 'Buffer') return Buffer.from(PLAIN).toString('base64');
    if (contestant === 'base64-js') return (await import('base64-js')).default.fromByteArray(PLAIN);
    if (contestant === 'fast-base64') {
      // Its package does not say where its types are.
      const { toBase64 } = (await import('fast-base64' as string)) as { toBase64(bytes: Uint8Array): Promise<string> };
      return toBase64(PLAIN);
    }
    if (contestant === 'portable') {
      const { portableBase64 } = await import('../ts/kernel/portable/base64.ts');
      return asText(portableBase64.encodeBase64(PLAIN));
    }
    const { encodeBase64, useKernel } = await import('../ts/kernel/select.ts');
    useKernel(contestant as KernelKind);
    return asText(encodeBase64(PLAIN));
  },
  async session(contestant) {
    if (contestant === 'portable') return asText(await (await import('../ts/portable.ts')).encodeSession(SESSION));
    const { encodeSession, useKernel } = await import('../ts/index.ts');
    useKernel(contestant as KernelKind);
    return asText(await encodeSession(SESSION));
  },
};

const run = TASKS[task];
if (run === undefined) throw new Error('usage: cold-start-program.js <kernel | session> <contestant>');
const startMs = performance.now();
const result = await run(contestant);
console.log(JSON.stringify({ ms: performance.now() - startMs, result }));

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
