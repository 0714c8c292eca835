/** The DevTools protocol behind WebDriver BiDi: a Chromium passes its commands on (`goog:cdp.sendCommand`), for what BiDi has no words for. */
import { PspError } from '../../errors.ts';
import type { Commands, DevToolsSession } from '../protocol.ts';
import type { BidiSession } from './protocol.ts';

/** Commands to the browser as a whole. */
export function devToolsBehind(session: BidiSession): Pick<DevToolsSession, 'send'> {
  return {
    async send<M extends keyof Commands>(method: M, params: Commands[M]['params']): Promise<Commands[M]['result']> {
      return (await session.send('goog:cdp.sendCommand', { method, params })).result as Commands[M]['result'];
    },
  };
}

/** Name and version of the Chromium; null for a browser that knows no such command. */
export async function askChromium(session: BidiSession): Promise<string | null> {
  try {
    return (await devToolsBehind(session).send('Browser.getVersion', {})).product;
  } catch (error) {
    if (error instanceof PspError && error.code === 'ADAPTER_PROTOCOL') return null;
    throw error;
  }
}

/** Whether service workers of a Chromium's page are asked for what the page loads. */
export async function letWorkersAnswer(session: BidiSession, context: string, isLet: boolean): Promise<void> {
  const { session: own } = await session.send('goog:cdp.getSession', { context });
  const params = { method: 'Network.setBypassServiceWorker', params: { bypass: !isLet }, session: own };
  await session.send('goog:cdp.sendCommand', params);
}
