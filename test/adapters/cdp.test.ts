import { afterAll, describe, expect, test } from 'vitest';
import { cdp } from '../../ts/adapters/cdp.ts';
import { type Session, section } from '../../ts/session/session.ts';
import { driverContract, type TestBrowser } from '../contract/driver.ts';
import { kindsContract } from '../contract/driver-kinds.ts';
import { passkeysContract } from '../contract/driver-passkeys.ts';
import { permissionsContract } from '../contract/driver-permissions.ts';
import { workersContract } from '../contract/driver-workers.ts';
import { type CdpContexts, startCdpContexts } from '../servers/cdp-contexts.ts';
import { launchChromium, requireChromium } from '../servers/chromium.ts';

const GROUP = 'capture and restore over CDP';

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let contexts: CdpContexts | null = null;
  afterAll(() => contexts?.close());
  /** A context of its own is as fresh as a browser, and there in no time. What a browser has without any is what the tests of `psp` capture and restore. */
  const makeContext = async (): Promise<TestBrowser> => {
    contexts ??= await startCdpContexts();
    const shared = contexts;
    const { context, driver } = await shared.open();
    let isKilled = false;
    return {
      context,
      driver,
      async kill() {
        isKilled = true;
        shared.kill();
      },
      async close() {
        if (!isKilled) return context.close();
        await shared.close();
        contexts = null;
      },
    };
  };
  driverContract('cdp', makeContext);
  kindsContract('cdp', makeContext);
  workersContract('cdp', makeContext);
  permissionsContract('cdp', makeContext);
  passkeysContract('cdp', makeContext);
});

describe.skipIf(requireChromium(GROUP) === null)('what lasts as long as the cdp driver', () => {
  const origin = 'https://app.example';
  const session: Session = {
    ...{ id: 'lasting', incarnation: 'one', revision: 0, createdAt: 1, updatedAt: 1, source: { tool: 'test' }, cookies: [], storage: [] },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
    tabs: [{ id: 'one', url: `${origin}/`, sessionStorage: [] }],
    permissions: [{ origin, name: 'geolocation', state: 'granted' }],
  };

  test('permissions and passkeys last through captures and reloads, and end with close()', async () => {
    const browser = await launchChromium();
    try {
      await using driver = cdp(browser.cdpUrl);
      const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
      const key = section(new Uint8Array(await crypto.subtle.exportKey('pkcs8', privateKey)), 'application/pkcs8');
      const credentials = [{ credentialId: 'AQID', rpId: 'app.example', isResidentCredential: false, signCount: 7, privateKey: key }];
      const { target, report } = await driver.restore({ ...session, credentials });
      expect(report).toMatchObject({ entries: [], counts: { permissions: 1, passkeys: 1 } });
      await driver.capture({ origins: [origin] });
      await driver.reload(target);
      // By another driver, whose connection ends: the permission was not its own.
      await cdp(browser.cdpUrl).capture({ origins: [origin] });
      const held = (await driver.capture({ origins: [origin] })).session;
      expect(held).toMatchObject({ permissions: session.permissions, credentials: [{ credentialId: 'AQID', signCount: 7 }] });

      await driver.close();
      await driver.close();
      const ended = (await driver.capture({ origins: [origin] })).session;
      expect(ended.permissions).toEqual([]);
      expect(ended.credentials ?? []).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});

describe('connecting over CDP', () => {
  test('an address that is none is the caller\u2019s mistake, and is not repeated', () => {
    const call = (): unknown => cdp('secret address');
    expect(call).toThrow(TypeError);
    expect(call).toThrow(/^url: expected an address such as/);
  });

  test('an address where no browser answers is ADAPTER_CONNECT', async () => {
    await expect(cdp('http://127.0.0.1:9').capture()).rejects.toMatchObject({ code: 'ADAPTER_CONNECT' });
  });
});
