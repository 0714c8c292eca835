/** A thread of the runtime: what it is given, how its end is told, and the web's `Worker` where there is nothing else. */

import { expect, onTestFinished, test, vi } from 'vitest';
import { findThreadPort, startThread, type Thread } from '../../ts/store/thread.ts';

/** A module with this text. */
function moduleOf(text: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(`import { parentPort, workerData } from 'node:worker_threads';\n${text}`)}`);
}

/** All that is heard of a thread, in order; `until` resolves when there is so much. */
function listening(): {
  readonly heard: unknown[];
  readonly onMessage: (one: unknown) => void;
  readonly onEnd: () => void;
  until(count: number): Promise<void>;
} {
  const heard: unknown[] = [];
  let wake = (): void => undefined;
  const hear = (one: unknown): void => {
    heard.push(one);
    wake();
  };
  return {
    heard,
    onMessage: hear,
    onEnd: () => hear('ended'),
    until: (count) =>
      new Promise((resolve) => {
        wake = () => (heard.length >= count ? resolve() : undefined);
        wake();
      }),
  };
}

function started(program: URL, listener: ReturnType<typeof listening>): Thread {
  const thread = startThread(program, listener)!;
  onTestFinished(() => thread.stop());
  return thread;
}

test('it is given messages, and nothing of the process: no environment, options, arguments or data', async () => {
  const listener = listening();
  const text = `parentPort.on('message', (message) => parentPort.postMessage(
    { message, env: Object.keys(process.env), options: process.execArgv, arguments: process.argv.slice(2), workerData }));`;
  const buffer = Uint8Array.of(1, 2).buffer;
  started(moduleOf(text), listener).post({ buffer }, [buffer]);
  await listener.until(1);
  expect(listener.heard).toEqual([
    { message: { buffer: Uint8Array.of(1, 2).buffer }, env: [], options: [], arguments: [], workerData: undefined },
  ]);
  expect(buffer.byteLength).toBe(0);
});

test.each([
  ['throws', "throw new Error('planned')"],
  ['leaves', 'process.exit(0)'],
  ['is no program', 'import { nothing } from "node:worker_threads"'],
])('its end is told once when it %s', async (_, text) => {
  const listener = listening();
  started(moduleOf(text), listener);
  await listener.until(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(listener.heard).toEqual(['ended']);
});

test('here is no thread', () => {
  expect(findThreadPort()).toBeNull();
});

test('where there is only the web, its Worker is taken; where it is refused, there is none', () => {
  class FakeWorker {
    static readonly made: FakeWorker[] = [];
    readonly posted: unknown[] = [];
    isTerminated = false;
    onmessage: ((event: { data: unknown }) => void) | null = null;
    onerror: ((event: { preventDefault(): void }) => void) | null = null;
    onmessageerror: unknown = null;
    readonly url: URL;
    constructor(url: URL, options: { type: string }) {
      if (url.href === 'https://refused.example/') throw new Error('a policy');
      expect(options).toEqual({ type: 'module' });
      this.url = url;
      FakeWorker.made.push(this);
    }
    postMessage(message: unknown, transfer: unknown): void {
      this.posted.push([message, transfer]);
    }
    terminate(): void {
      this.isTerminated = true;
    }
  }
  const builtins = vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never);
  vi.stubGlobal('Worker', FakeWorker);
  onTestFinished(() => {
    builtins.mockRestore();
    vi.unstubAllGlobals();
  });
  const listener = listening();
  const thread = startThread(new URL('https://app.example/thread.js'), listener)!;
  const [worker] = FakeWorker.made;
  thread.hold(true);
  thread.post('message', []);
  worker!.onmessage!({ data: 'answer' });
  const broken = { preventDefault: vi.fn() };
  const { onerror } = worker!;
  onerror!(broken);
  onerror!(broken);
  expect(worker).toMatchObject({ posted: [['message', []]], isTerminated: true });
  expect(listener.heard).toEqual(['answer', 'ended']);
  expect(broken.preventDefault).toHaveBeenCalledTimes(2);
  expect(startThread(new URL('https://refused.example/'), listener)).toBeNull();
});
