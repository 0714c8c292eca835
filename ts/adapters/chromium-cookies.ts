/** The cookies of a Chromium, or of one context of it, by the DevTools protocol: whoever passes its commands on. */
import { PspError } from '../errors.ts';
import type { Cookie } from '../session/session.ts';
import type { CookieJar } from './browser-port.ts';
import { fromCdpCookie, toCdpCookie } from './cookies.ts';
import type { DevToolsSession } from './protocol.ts';

/** What the commands go through: `browserContextId` is undefined for the default context. */
export interface CookieCommands {
  readonly browser: Pick<DevToolsSession, 'send'>;
  readonly browserContextId: string | undefined;
  isClosed(): boolean;
}

/** The cookies that the commands reach. Every attribute is told and taken as it is. */
export function chromiumCookies(commands: CookieCommands): CookieJar {
  return {
    async readCookies() {
      const { cookies } = await commands.browser.send('Storage.getCookies', contextOf(commands));
      return cookies.map(fromCdpCookie);
    },
    writeCookies: (cookies) => setCookies(commands, cookies),
    keepable: (cookie) => cookie,
  };
}

function contextOf({ browserContextId }: CookieCommands): { browserContextId?: string } {
  return browserContextId === undefined ? {} : { browserContextId };
}

/** Sets all cookies in one call; a refusal says nothing of which one, so the halves are tried until the refused ones stand alone. */
async function setCookies(commands: CookieCommands, cookies: readonly Cookie[]): Promise<readonly Cookie[]> {
  if (cookies.length === 0) return [];
  try {
    await commands.browser.send('Storage.setCookies', { cookies: cookies.map(toCdpCookie), ...contextOf(commands) });
    return [];
  } catch (error) {
    if (!(error instanceof PspError) || error.code === 'ADAPTER_DISCONNECTED' || commands.isClosed()) throw error;
    if (cookies.length === 1) return cookies;
    const half = Math.ceil(cookies.length / 2);
    return [...(await setCookies(commands, cookies.slice(0, half))), ...(await setCookies(commands, cookies.slice(half)))];
  }
}
