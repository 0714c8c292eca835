/** The script that makes a site's keys extractable, in Chromium: the site's keys then travel, and do their work at the other end. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { extractableKeysScript } from '../../ts/adapters/extractable-keys.ts';
import { type CdpContexts, startCdpContexts } from '../servers/cdp-contexts.ts';
import { requireChromium } from '../servers/chromium.ts';

const GROUP = 'extractable keys';

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let contexts: CdpContexts;
  let site: Site;
  beforeAll(async () => {
    contexts = await startCdpContexts();
    site = await startSite();
  });
  afterEach(() => contexts.clear());
  afterAll(async () => {
    await contexts.close();
    await site.close();
  });

  test('keys that a site asks to be non-extractable travel: AES by derivation, HMAC by import, AES by unwrapping, ECDSA by generation', async () => {
    const first = await contexts.open();
    await first.context.addInitScript(extractableKeysScript);
    const page = first.context.pages()[0]!;
    await page.goto(`${site.origin}/login`);
    const made = await page.evaluate(makeKeys);
    expect(made.extractable).toEqual({ derived: true, imported: true, unwrapped: true, generated: true, base: false });
    const { session, report } = await first.driver.capture();
    // The base key of a derivation is extractable nowhere: the one loss, and it is said.
    expect(report.entries.filter(({ outcome }) => outcome === 'lost')).toEqual([
      {
        outcome: 'lost',
        kind: 'indexedDB',
        place: `${site.origin} keys/store`,
        reason: 'record 0 holds a non-extractable CryptoKey, which this version does not carry',
      },
    ]);

    const second = await contexts.open();
    await second.driver.restore(session);
    const there = second.context.pages()[0]!;
    await there.goto(`${site.origin}/login`);
    expect(await there.evaluate(useKeys, made.proofs)).toEqual({ derived: 'sealed', imported: true, unwrapped: 'sealed', generated: true });
  });

  test('what a method is called, takes and throws stays as it was', async () => {
    const { context } = await contexts.open();
    const page = context.pages()[0]!;
    await page.goto(`${site.origin}/login`);
    const look = async (): Promise<unknown> => {
      const subtle = SubtleCrypto.prototype as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
      const names = ['generateKey', 'importKey', 'deriveKey', 'unwrapKey'];
      const shapes = names.map((name) => [name, subtle[name]!.name, subtle[name]!.length, Object.keys(subtle).includes(name)]);
      const errorOf = (...args: unknown[]): Promise<string> =>
        subtle['generateKey']!.apply(crypto.subtle, args).then(
          () => 'none',
          (error: Error) => error.name,
        );
      const errors = [
        await errorOf(),
        await errorOf('no such', false, []),
        await errorOf({ name: 'AES-GCM', length: 1 }, false, ['encrypt']),
      ];
      const kdf = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
      return { shapes, errors, kdf: kdf.extractable };
    };
    const before = await page.evaluate(look);
    await page.evaluate(extractableKeysScript);
    expect(await page.evaluate(look)).toEqual(before);
  });

  test('it works in a worker that runs it first, and does nothing where there is no Web Crypto', async () => {
    const { context } = await contexts.open();
    const page = context.pages()[0]!;
    await page.goto(`${site.origin}/login`);
    const made = await page.evaluate(async (script) => {
      const code = `${script}
        crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt']).then((key) => postMessage(key.extractable));`;
      const worker = new Worker(URL.createObjectURL(new Blob([code])));
      return new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
      });
    }, extractableKeysScript);
    expect(made).toBe(true);
    expect(new Function('globalThis', `${extractableKeysScript} return 'nothing';`)({})).toBe('nothing');
  });
});

interface Proofs {
  readonly sealedByDerived: number[];
  readonly signedByImported: number[];
  readonly sealedByUnwrapped: number[];
  readonly signedByGenerated: number[];
}

/** Runs in the page: what a site does that keeps its keys to itself. */
async function makeKeys() {
  const { subtle } = crypto;
  const aes = { name: 'AES-GCM', length: 256 };
  const hash = 'SHA-256';
  const text = (value: string) => new TextEncoder().encode(value);
  const base = await subtle.importKey('raw', text('password'), 'PBKDF2', false, ['deriveKey']);
  const derived = await subtle.deriveKey({ name: 'PBKDF2', hash, salt: new Uint8Array(16), iterations: 1 }, base, aes, false, [
    'encrypt',
    'decrypt',
  ]);
  const imported = await subtle.importKey('raw', text('hmac key'), { name: 'HMAC', hash }, false, ['sign', 'verify']);
  const wrapping = await subtle.generateKey({ name: 'AES-KW', length: 256 }, false, ['wrapKey', 'unwrapKey']);
  const inner = await subtle.generateKey(aes, true, ['encrypt']);
  const wrapped = await subtle.wrapKey('raw', inner, wrapping, 'AES-KW');
  const unwrapped = await subtle.unwrapKey('raw', wrapped, wrapping, 'AES-KW', aes, false, ['encrypt', 'decrypt']);
  const generated = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.open('keys', 1);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore('store');
      for (const [name, key] of Object.entries({ base, derived, generated, imported, unwrapped })) store.put(key, name);
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
  const seal = (key: CryptoKey) => subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, text('sealed'));
  const bytes = async (buffer: Promise<ArrayBuffer>): Promise<number[]> => [...new Uint8Array(await buffer)];
  const proofs: Proofs = {
    sealedByDerived: await bytes(seal(derived)),
    signedByImported: await bytes(subtle.sign('HMAC', imported, text('signed'))),
    sealedByUnwrapped: await bytes(seal(unwrapped)),
    signedByGenerated: await bytes(subtle.sign({ name: 'ECDSA', hash }, generated.privateKey, text('signed'))),
  };
  const extractable = Object.fromEntries(
    Object.entries({ derived, imported, unwrapped, generated: generated.privateKey, base }).map(([name, key]) => [name, key.extractable]),
  );
  return { proofs, extractable };
}

/** Runs in the page: opens and checks with the keys that are there what the others made. */
async function useKeys(proofs: Proofs) {
  const { subtle } = crypto;
  const text = new TextEncoder().encode('signed');
  const keys = await new Promise<Record<string, CryptoKey & CryptoKeyPair>>((resolve, reject) => {
    const request = indexedDB.open('keys');
    request.onsuccess = () => {
      const store = request.result.transaction('store').objectStore('store');
      const names = store.getAllKeys();
      const values = store.getAll();
      values.onsuccess = () => {
        request.result.close();
        resolve(Object.fromEntries(names.result.map((name, i) => [name, values.result[i]])));
      };
    };
    request.onerror = () => reject(request.error);
  });
  const open = async (key: CryptoKey, sealed: number[]): Promise<string> =>
    new TextDecoder().decode(await subtle.decrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, new Uint8Array(sealed)));
  const ecdsa = { name: 'ECDSA', hash: 'SHA-256' };
  const again = await subtle.sign(ecdsa, keys['generated']!.privateKey, text);
  const isByBoth = await Promise.all(
    [new Uint8Array(proofs.signedByGenerated), again].map((signature) =>
      subtle.verify(ecdsa, keys['generated']!.publicKey, signature, text),
    ),
  );
  return {
    derived: await open(keys['derived']!, proofs.sealedByDerived),
    imported: await subtle.verify('HMAC', keys['imported']!, new Uint8Array(proofs.signedByImported), text),
    unwrapped: await open(keys['unwrapped']!, proofs.sealedByUnwrapped),
    generated: isByBoth.every((isRight) => isRight),
  };
}
