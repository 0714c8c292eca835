/** The fault and crash cases of the conformance suite against themselves: what gives way under a fault is found, what does not is passed. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ConformanceSubject } from '../../providers/conformance/conformance.ts';
import { startFaultProxy } from '../../providers/conformance/fault-proxy.ts';
import { faults } from '../../providers/conformance/faults.ts';
import { memory } from '../../providers/memory.ts';
import { isFailedExpectation, runSuite } from './collect.ts';
import { inPlace } from './in-place.ts';
import { type ClientMistake, lineClient, serve } from './line-service.ts';
import { makeFolder, writerOf } from './subject.ts';

const MISTAKES: readonly (readonly [ClientMistake, string])[] = [
  ['does not look at the checksum', 'flip-one-bit'],
  ['takes what came for all there is', 'truncated-body-never-returned'],
  ['tries a lost request again', 'lost-reply-is-no-conflict'],
  ['takes a lost reply for success', 'reset-before-request'],
  ['takes a lost reply for nothing there', 'refused'],
  ['gives up for good after a failure', 'server-restart-reconnect'],
  ['waits for ever', 'black-hole-times-out'],
];

// At the same time: most of their time is waiting for what a fault has made silent.
describe.concurrent('the fault cases', () => {
  test('pass a client that looks at what it gets', { timeout: 120_000 }, async ({ expect, onTestFinished }) => {
    const { passed, failed } = await runSuite(await lineSubject(null, onTestFinished), isFault);
    expect([...failed].map(([name, error]) => `${name}: ${error}`)).toEqual([]);
    expect(passed).toEqual(faults.cases.map((one) => one.name));
  });

  test('know a case for each mistake', ({ expect }) => {
    for (const [, caughtBy] of MISTAKES) expect(isFault(caughtBy)).toBe(true);
  });

  test.for(MISTAKES)('a client that %s is failed by %s', { timeout: 120_000 }, async ([mistake, caughtBy], { expect, onTestFinished }) => {
    const { failed } = await runSuite(await lineSubject(mistake, onTestFinished), (name) => name === caughtBy, 6000);
    expect([...failed.keys()]).toEqual([caughtBy]);
    // By what it looks at, and not because the mutant cannot run at all.
    expect(failed.get(caughtBy)).toSatisfy(isFailedExpectation);
  });
});

describe('the crash cases', () => {
  const isCrash = (name: string): boolean => name === 'kill-9-writer';

  test('a provider that writes in place is failed by kill-9-writer', { timeout: 240_000 }, async ({ skip }) => {
    const folder = await makeFolder();
    onTestFinished(folder.remove);
    const writer = writerOf('in-place', { root: folder.path });
    skip(writer.writer === undefined, 'no Node that runs the writer');
    const subject: ConformanceSubject = {
      name: 'writes in place',
      make: async () => ({ provider: inPlace({ root: folder.path }), ...writer }),
      kills: 10,
    };
    const { failed } = await runSuite(subject, isCrash);
    expect([...failed.keys()]).toEqual(['kill-9-writer']);
  });

  test('a writer that ends by itself is a failure, not a kill', { timeout: 60_000 }, async () => {
    const subject: ConformanceSubject = {
      name: 'ends by itself',
      make: async ({ now }) => ({ provider: memory({ now }), writer: [process.execPath, '--eval', ''] }),
      kills: 1,
    };
    const { failed } = await runSuite(subject, isCrash);
    expect(String(failed.get('kill-9-writer'))).toContain('ended by itself');
  });
});

describe('the fault proxy', () => {
  test('passes bytes both ways, also after one side has said its last', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    onTestFinished(() => void echo.close());
    const proxy = await startFaultProxy({ host: '127.0.0.1', port: (echo.address() as { port: number }).port });
    onTestFinished(() => proxy.close());
    const socket = connect({ host: proxy.host, port: proxy.port });
    socket.end(Buffer.alloc(1_000_000, 'x'));
    let length = 0;
    for await (const piece of socket) length += (piece as Buffer).length;
    expect([length, proxy.replyBytes()]).toEqual([1_000_000, 1_000_000]);
  });
});

function isFault(name: string): boolean {
  return faults.cases.some((one) => one.name === name);
}

async function lineSubject(mistake: ClientMistake | null, atEnd: typeof onTestFinished): Promise<ConformanceSubject> {
  let serving = memory();
  // One address for all cases; each case has values of its own behind it.
  const service = await serve(new Proxy(memory(), { get: (_, name) => Reflect.get(serving, name) as unknown }));
  atEnd(() => service.stop());
  return {
    name: mistake ?? 'sound',
    async make({ now }) {
      serving = memory({ now });
      const shape = serving;
      return { provider: lineClient(service, shape), again: async (address) => lineClient(address ?? service, shape, mistake) };
    },
    network: service,
    scale: 0.1,
  };
}
