/** Passkeys of virtual authenticators through every Chromium driver: a page signs in with one before a capture and after a restore. */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import type { Report } from '../../ts/adapters/report.ts';
import { restoredTab } from '../servers/login.ts';
import type { TestBrowser } from './driver.ts';

export function passkeysContract(name: string, makeBrowser: () => Promise<TestBrowser>): void {
  describe(`${name} driver, passkeys`, () => {
    let site: Site;
    /** Where passkeys may be: an address of numbers has none. */
    let home: string;
    const browsers: TestBrowser[] = [];
    const freshBrowser = async (): Promise<TestBrowser> => {
      const browser = await makeBrowser();
      browsers.push(browser);
      return browser;
    };

    beforeAll(async () => {
      site = await startSite();
      const address = new URL('/login', site.origin);
      address.hostname = 'localhost';
      home = address.href;
    });
    afterEach(async () => {
      for (const browser of browsers.splice(0)) await browser.close();
    });
    afterAll(() => site.close());

    test('a passkey moves to an authenticator of the restored tab, whose page signs with it', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(home);
      const authenticatorId = await addAuthenticator(page);
      const made = await page.evaluate(makePasskey);
      expect(await page.evaluate(sign)).toEqual({ id: made, count: 2 });
      // Who made an authenticator knows its id; nobody else can.
      const unnamed = await first.driver.capture();
      expect(unnamed.session.credentials).toBeUndefined();
      expect(ofPasskeys(unnamed.report)).toEqual([['uncarried', new URL(home).origin]]);
      const { session, report } = await first.driver.capture({ authenticators: [authenticatorId] });
      expect(report.counts.passkeys).toBe(1);
      expect(ofPasskeys(report)).toEqual([['notice', 'localhost']]);
      expect(session.coverage.credentials).toBe('complete');
      // Chromium ends virtual authenticators with any session on their page: a capture leaves them to their owner.
      expect(await page.evaluate(sign)).toEqual({ id: made, count: 3 });
      expect(session.credentials).toMatchObject([
        { credentialId: made, rpId: 'localhost', isResidentCredential: true, userHandle: 'AQID', signCount: 2 },
      ]);

      const second = await freshBrowser();
      const restored = await second.driver.restore(session);
      expect(restored.report).toMatchObject({ entries: [], counts: { passkeys: 1 } });
      const there = await restoredTab(second.context, home);
      await there.reload();
      expect(await there.evaluate(sign)).toEqual({ id: made, count: 3 });
      const again = await second.driver.capture();
      expect(again.session.credentials).toMatchObject([{ credentialId: made, signCount: 3 }]);
      expect(await again.session.credentials![0]!.privateKey.bytes()).toEqual(await session.credentials![0]!.privateKey.bytes());
    });

    test('an authenticator that no page has, and passkeys without a tab, are reported', async () => {
      const first = await freshBrowser();
      const { session, report } = await first.driver.capture({ authenticators: ['none'], cookieOrigins: false });
      expect(report.entries.map(({ outcome, kind }) => [outcome, kind])).toEqual([['lost', 'passkey']]);
      expect(session.coverage.credentials).toBe('partial');
      const credentials = [{ credentialId: 'AQ', rpId: 'localhost', isResidentCredential: true, signCount: 1, privateKey: NO_KEY }];
      const alone = await first.driver.restore({ ...session, credentials });
      expect(alone.report.entries.map(({ outcome, kind }) => [outcome, kind])).toEqual([['lost', 'passkey']]);
      const tabs = ['one', 'two'].map((id) => ({ id, url: home, sessionStorage: [] }));
      const refused = await first.driver.restore({ ...session, credentials, tabs });
      expect(refused.report.counts.passkeys).toBe(0);
      expect(refused.report.entries.map(({ outcome, kind, place }) => [outcome, kind, place])).toEqual([
        ['notice', 'passkey', 'virtual authenticators'],
        ['lost', 'passkey', 'localhost'],
        ['lost', 'passkey', 'localhost'],
      ]);
    });
  });
}

function ofPasskeys({ entries }: Report): string[][] {
  return entries.flatMap(({ outcome, kind, place }) => (kind === 'passkey' ? [[outcome, place]] : []));
}

const NO_KEY = { mediaType: 'application/pkcs8', length: 1, bytes: async () => new Uint8Array([1]) };

async function addAuthenticator(page: Page): Promise<string> {
  const session = await page.context().newCDPSession(page);
  await session.send('WebAuthn.enable');
  const options = {
    ...({ protocol: 'ctap2', transport: 'internal' } as const),
    ...{ hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  };
  return (await session.send('WebAuthn.addVirtualAuthenticator', { options })).authenticatorId;
}

/** Runs in the page: the id of a new passkey. */
async function makePasskey(): Promise<string> {
  const publicKey: PublicKeyCredentialCreationOptions = {
    challenge: new Uint8Array(16),
    rp: { name: 'site', id: 'localhost' },
    user: { id: new Uint8Array([1, 2, 3]), name: 'user', displayName: 'User' },
    pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
  };
  return ((await navigator.credentials.create({ publicKey })) as PublicKeyCredential).id;
}

/** Runs in the page: signs in, without naming a passkey; which one it was, and its count of signatures (Web Authentication, section 6.1). */
async function sign(): Promise<{ id: string; count: number }> {
  const publicKey: PublicKeyCredentialRequestOptions = { challenge: new Uint8Array(16), rpId: 'localhost', userVerification: 'required' };
  const { id, response } = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
  return { id, count: new DataView((response as AuthenticatorAssertionResponse).authenticatorData).getUint32(33) };
}
