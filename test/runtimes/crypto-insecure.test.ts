/** A page over plain http from another host than localhost: there is no `crypto.subtle`, and blobs are sealed and opened all the same. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireChromium } from '../servers/chromium.ts';
import { BLOBS_PER_ENGINE } from './crypto-blobs.ts';
import { type CryptoRuntime, INSECURE_HOST, startPage, startProcess } from './crypto-runtimes.ts';

const GROUP = 'a page over plain http';
const chromium = requireChromium(GROUP);

describe.skipIf(chromium === null)(GROUP, () => {
  let page: CryptoRuntime;
  let node: CryptoRuntime;

  beforeAll(async () => {
    page = await startPage(chromium!, INSECURE_HOST);
    node = await startProcess('node');
  });

  afterAll(() => Promise.all([page?.close(), node?.close()]));

  it('has no crypto.subtle: noble is chosen, and WebCrypto refused with a code', async () => {
    const noble = { mac: 'noble', shortPayload: 'noble', longPayload: 'noble', crossoverBytes: 0, sync: 'noble' };
    expect(await page.call('describeEngines')).toEqual({
      isSecureContext: false,
      hasSubtle: false,
      active: { reason: 'chosen', ...noble },
      refusals: { noble: null, node: 'ENVELOPE_NO_CRYPTO', webcrypto: 'ENVELOPE_NO_CRYPTO' },
    });
  });

  it('seals what Node opens, and opens what Node sealed', async () => {
    const sealed = await page.call('sealBlobs');
    expect(sealed.map(({ engine }) => engine)).toEqual(Array.from({ length: BLOBS_PER_ENGINE }, () => 'noble'));
    const inNode = { 'noble by noble': BLOBS_PER_ENGINE, 'noble by node': BLOBS_PER_ENGINE, 'noble by webcrypto': BLOBS_PER_ENGINE };
    expect(await node.call('openBlobs', sealed)).toEqual({ opened: inNode, failures: [] });
    const here = { 'noble by noble': BLOBS_PER_ENGINE, 'node by noble': BLOBS_PER_ENGINE, 'webcrypto by noble': BLOBS_PER_ENGINE };
    expect(await page.call('openBlobs', await node.call('sealBlobs'))).toEqual({ opened: here, failures: [] });
  });
});
