/** The cross matrix: blobs of every kind, sealed by each engine of Node, Deno and Chromium, and opened by each engine of each. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireChromium } from '../servers/chromium.ts';
import { BLOBS_PER_ENGINE, type CarriedBlob } from './crypto-blobs.ts';
import { type CryptoRuntime, startPage, startProcess } from './crypto-runtimes.ts';

const chromium = requireChromium('the Chromium of the cross matrix');
const NAMES = ['Node', 'Deno', ...(chromium === null ? [] : ['Chromium'])];

describe('blobs', () => {
  const runtimes: Record<string, CryptoRuntime> = {};
  const blobs: Record<string, readonly CarriedBlob[]> = {};
  const engines: Record<string, readonly string[]> = {};

  beforeAll(async () => {
    runtimes['Node'] = await startProcess('node');
    runtimes['Deno'] = await startProcess('deno');
    if (chromium !== null) runtimes['Chromium'] = await startPage(chromium);
    for (const [name, runtime] of Object.entries(runtimes)) {
      engines[name] = await runtime.call('listEngines');
      blobs[name] = await runtime.call('sealBlobs');
    }
  });

  afterAll(() => Promise.all(Object.values(runtimes).map((runtime) => runtime.close())));

  it('are sealed by every engine that a runtime has', () => {
    const server = ['noble', 'node', 'webcrypto'];
    expect(engines).toEqual({ Node: server, Deno: server, ...(chromium === null ? {} : { Chromium: ['noble', 'webcrypto'] }) });
    for (const name of NAMES) expect(blobs[name]).toHaveLength(BLOBS_PER_ENGINE * engines[name]!.length);
  });

  it.each(NAMES.flatMap((sealer) => NAMES.map((opener) => [sealer, opener] as const)))(
    'sealed in %s open in %s, by each engine of both',
    async (sealer, opener) => {
      const pairs = engines[sealer]!.flatMap((from) => engines[opener]!.map((to) => [`${from} by ${to}`, BLOBS_PER_ENGINE]));
      expect(await runtimes[opener]!.call('openBlobs', blobs[sealer]!)).toEqual({ opened: Object.fromEntries(pairs), failures: [] });
    },
  );
});
